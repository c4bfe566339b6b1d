// Collectives that several threads ask for, over the library that the argument names, end once each, and so do the
// ranks.
#include "ranks.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"

namespace {

using namespace rmsprop;

struct Counted final : Collective {
  std::vector<unsigned char> memory = std::vector<unsigned char>(64);
};

struct Listener final : RanksListener {
  std::atomic<int> started_ranks{0};
  std::atomic<int> size{0};
  std::atomic<int> failed{0};
  std::atomic<int> ended_collectives{0};
  std::atomic<int> wrong{0};
  std::atomic<int> last_made{0};

  void started(const Started& started) noexcept override {
    size = started.size;
    ++started_ranks;
  }
  void failed_to_start(const std::string& sentence, bool) noexcept override {
    std::printf("%s\n", sentence.c_str());
    ++failed;
  }
  void ended(std::unique_ptr<Collective> collective) noexcept override {
    auto& counted = static_cast<Counted&>(*collective);
    if (!counted.error.empty()) std::printf("%s\n", counted.error.c_str());
    if (!counted.error.empty() || counted.abandoned || counted.memory.size() != 64) ++wrong;
    if (counted.kind == Collective::Kind::duplicate) last_made = static_cast<int>(counted.made);
    ++ended_collectives;
  }
};

std::unique_ptr<Counted> collective(Collective::Kind kind, std::size_t communicator) {
  auto made = std::make_unique<Counted>();
  made->kind = kind;
  made->communicator = communicator;
  made->what = "a test";
  for (Collective::Parts* parts : {&made->from, &made->into}) *parts = {made->memory.data(), {0, 32}, {0, 32}};
  made->bytes = 64;
  return made;
}

// Waits until a count is reached, and no longer than half a minute.
bool reaches(const std::atomic<int>& count, int wanted) {
  for (int i = 0; i < 30000 && count < wanted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return count == wanted;
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  static Listener& listener = *new Listener;
  // A library that is not there leaves room for another start.
  CHECK(Ranks::start({"libmpi-of-nobody.so"}, 30, listener) != nullptr);
  CHECK(reaches(listener.failed, 1));
  setenv("STUB_SIZE", "2", 1);
  Ranks* ranks = Ranks::start({"libmpi-of-nobody.so", argv[1]}, 30, listener);
  CHECK(ranks != nullptr);
  CHECK(Ranks::start({argv[1]}, 30, listener) == nullptr);
  CHECK(reaches(listener.started_ranks, 1));
  CHECK(listener.size == 2);

  constexpr int threads = 4;
  constexpr int rounds = 200;
  using Kind = Collective::Kind;
  std::vector<std::thread> asking;
  for (int thread = 0; thread < threads; ++thread) {
    asking.emplace_back([ranks] {
      for (int i = 0; i < rounds; ++i) {
        for (const Kind kind : {Kind::exchange, Kind::gather, Kind::broadcast, Kind::barrier}) {
          ranks->ask(collective(kind, 0));
        }
      }
    });
  }
  for (std::thread& thread : asking) thread.join();
  constexpr int asked = 4 * threads * rounds;
  CHECK(reaches(listener.ended_collectives, asked));
  ranks->ask(collective(Kind::duplicate, 0));
  CHECK(reaches(listener.ended_collectives, asked + 1));
  CHECK(listener.last_made == 1);
  ranks->ask(collective(Kind::barrier, 1));
  CHECK(reaches(listener.ended_collectives, asked + 2));
  CHECK(listener.wrong == 0);

  ranks->finish(0, "");
  ranks->finish(0, "");
  // What is asked for afterwards is refused, and MPI does not start a second time.
  ranks->ask(collective(Kind::barrier, 0));
  CHECK(reaches(listener.ended_collectives, asked + 3));
  CHECK(listener.wrong == 1);
  CHECK(Ranks::start({argv[1]}, 30, listener) == nullptr);
  return check::summary();
}
