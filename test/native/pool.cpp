// Every share of a call is done once, whoever asks for how many, and from several threads at a time.
#include "pool.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "check.hpp"

namespace {

struct Counts {
  std::vector<std::atomic<int>> of_share;
  std::atomic<int> wrong_shares{0};
  int shares;
};

void count(void* context, int share, int shares) {
  Counts& counts = *static_cast<Counts*>(context);
  if (shares != counts.shares) ++counts.wrong_shares;
  ++counts.of_share[static_cast<std::size_t>(share)];
}

bool each_share_once(const rmsprop::Pool& pool, int shares) {
  Counts counts{std::vector<std::atomic<int>>(static_cast<std::size_t>(shares)), {}, shares};
  pool.call(shares, count, &counts);
  bool once = counts.wrong_shares == 0;
  for (const auto& times : counts.of_share) once = once && times == 1;
  return once;
}

}  // namespace

int main() {
  // Threads live as long as the process: they are never joined.
  static rmsprop::PoolThreads& threads = *new rmsprop::PoolThreads(4);
  const rmsprop::Pool pool = threads.as_pool();
  CHECK(pool.threads() == 4);
  CHECK(!pool.awake());
  bool once = true;
  for (int round = 0; round < 2000; ++round) once = once && each_share_once(pool, 1 + round % 7);
  CHECK(once);

  // After a pause longer than the pool's patience its threads sleep, and wake.
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    CHECK(!pool.awake());
    CHECK(each_share_once(pool, 4));
  }

  std::atomic<bool> all{true};
  std::vector<std::thread> callers;
  for (int r = 0; r < 4; ++r) {
    callers.emplace_back([&all, pool, r] {
      for (int round = 0; round < 1000; ++round) {
        if (!each_share_once(pool, 1 + (round + r) % 5)) all = false;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(all);

  // The process's pool is one, the one that this program exports.
  CHECK(&rmsprop::process_pool() == &rmsprop::process_pool());
  CHECK(each_share_once(rmsprop::process_pool(), 3));
  return check::summary();
}
