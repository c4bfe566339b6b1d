#include "ranks.hpp"

#if !defined(_WIN32)

#include <pthread.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "pool.hpp"

namespace rmsprop {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// How the thread waits for others: it offers its core this often, and then sleeps in between. MPI moves on only while
// it is asked, and a thread that asks without a pause takes the core that the other ranks of a small machine need.
constexpr int offers = 200;
constexpr auto nap = 50us;

// The longest time-out that clocks can count.
constexpr double longest_timeout = 1e8;

// musl's threads have 128 KiB of stack by default, and MPI libraries count on megabytes.
constexpr std::size_t stack_size = std::size_t{8} << 20;

// Starts a thread for good, with an argument.
bool start_thread(void* (*work)(void*), void* argument) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, stack_size);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const bool started = pthread_create(&thread, &attributes, work, argument) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

}  // namespace

std::atomic<Ranks*> Ranks::of_process_{nullptr};

Ranks::Ranks(std::vector<std::string> libraries, double timeout, RanksListener& listener)
    : libraries_(std::move(libraries)), timeout_(std::fmin(timeout, longest_timeout)), listener_(listener) {}

Ranks* Ranks::start(std::vector<std::string> libraries, double timeout, RanksListener& listener) {
  pin_library();
  // MPICH of Debian stands on UCX, which by default patches the C library's functions that map memory and move the end
  // of the heap, while Node's other threads call them. With these patches 1 of 47 runs ended with a segmentation fault:
  // just as MPI had started, V8 read an object of malloc's that reached beyond the heap's end. Without them none of 101
  // did. Who sets it keeps what was set.
  setenv("UCX_MEM_EVENTS", "no", 0);
  std::unique_ptr<Ranks> made(new Ranks(std::move(libraries), timeout, listener));
  Ranks* none = nullptr;
  if (!of_process_.compare_exchange_strong(none, made.get())) return nullptr;
  Ranks* ranks = made.release();
  const auto work = [](void* self) -> void* {
    static_cast<Ranks*>(self)->run();
    return nullptr;
  };
  if (!start_thread(work, ranks)) {
    ranks->set_state(State::ended);
    of_process_ = nullptr;
    listener.failed_to_start("Expected a thread for MPI, but the system gives none.", false);
  }
  return ranks;
}

void Ranks::set_state(State state) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  changed_.notify_all();
}

void Ranks::wait_politely(int waited) {
  if (waited < offers) {
    std::this_thread::yield();
  } else {
    std::this_thread::sleep_for(nap);
  }
}

Clock::time_point Ranks::deadline() const {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_));
}

std::string Ranks::seconds() const {
  char text[32];
  std::snprintf(text, sizeof text, "%g", timeout_);
  return std::string(text) + (timeout_ == 1 ? " second" : " seconds");
}

void Ranks::ask(std::unique_ptr<Collective> collective) {
  std::string error;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::running && request_ == Request::none) {
      asked_.push_back(std::move(collective));
      ++unfinished_;
      changed_.notify_all();
      return;
    }
    error = state_ == State::failed ? error_ : "Expected the ranks to be at work, but they have ended.";
  }
  collective->error = std::move(error);
  listener_.ended(std::move(collective));
}

bool Ranks::start_mpi() {
  Started started;
  try {
    mpi_ = load_mpi(libraries_);
    if (mpi_->is_initialized()) {
      throw MpiError(
          "Expected MPI to be started by connect() alone, but something else in this process has started it.");
    }
    mpi_->initialize();
    started = {mpi_->rank(), mpi_->size(), mpi_->abi(), mpi_->version(), mpi_->path()};
    // All of ours are on communicators of our own, so that none can be taken for the farewell, or for another
    // library's.
    communicators_.push_back({});
    Mpi::Handle request = mpi_->duplicate(mpi_->world(), communicators_.back());
    while (!mpi_->test(request)) std::this_thread::sleep_for(nap);
  } catch (const std::exception& error) {
    const bool loaded = mpi_ != nullptr;
    {
      const std::lock_guard lock(mutex_);
      error_ = error.what();
      state_ = State::ended;
      changed_.notify_all();
    }
    // Nothing has been started, so another library may be.
    if (!loaded) of_process_ = nullptr;
    listener_.failed_to_start(error.what(), loaded);
    return false;
  }
  // After MPI's own, so that it comes before them.
#if defined(__GLIBC__)
  on_exit([](int code, void*) { process_exits(code); }, nullptr);
#else
  std::atexit([] { process_exits(0); });  // the code is not told
#endif
  {
    const std::lock_guard lock(mutex_);
    rank_ = started.rank;
    state_ = State::running;
    changed_.notify_all();
  }
  listener_.started(started);
  return true;
}

void Ranks::run() {
  if (!start_mpi()) return;
  std::deque<std::unique_ptr<Collective>> asked;
  int waited = 0;
  while (take(asked)) {
    while (!asked.empty()) {
      auto collective = std::move(asked.front());
      asked.pop_front();
      begin(std::move(collective));
    }
    waited = move_on() ? 0 : waited + 1;
    if (!active_.empty()) wait_politely(waited);
  }
}

// Takes what was asked for, and waits for it where nothing is under way. False once they have ended.
bool Ranks::take(std::deque<std::unique_ptr<Collective>>& asked) {
  Request request;
  {
    std::unique_lock lock(mutex_);
    if (active_.empty()) changed_.wait(lock, [this] { return !asked_.empty() || request_ != Request::none; });
    request = request_;
    if (request == Request::none) asked.swap(asked_);
  }
  if (request == Request::none) return true;
  if (request == Request::abort) abort_here();
  const std::string error = say_farewell();
  const std::lock_guard lock(mutex_);
  error_ = error;
  state_ = error.empty() ? State::ended : State::failed;
  request_ = Request::none;
  changed_.notify_all();
  return !error.empty();
}

void Ranks::begin(std::unique_ptr<Collective> collective) {
  {
    // One that was asked for before another failed.
    std::unique_lock lock(mutex_);
    if (state_ == State::failed) {
      const std::string error = error_;
      lock.unlock();
      give_up(std::move(collective), error);
      return;
    }
  }
  try {
    if (collective->communicator >= communicators_.size()) throw MpiError("There is no communicator of this number.");
    const Mpi::Handle communicator = communicators_[collective->communicator];
    Mpi::Handle request{};
    switch (collective->kind) {
      case Collective::Kind::exchange:
        request = mpi_->exchange(collective->from.view(), collective->into.view(), communicator);
        break;
      case Collective::Kind::gather: request = mpi_->gather(collective->into.view(), communicator); break;
      case Collective::Kind::broadcast:
        request = mpi_->broadcast(collective->into.data, collective->bytes, collective->root, communicator);
        break;
      case Collective::Kind::barrier: request = mpi_->barrier(communicator); break;
      case Collective::Kind::duplicate:
        collective->made = communicators_.size();
        communicators_.push_back({});
        request = mpi_->duplicate(communicator, communicators_.back());
        break;
    }
    active_.push_back({std::move(collective), request, deadline()});
  } catch (const std::exception& error) {
    if (collective) active_.push_back({std::move(collective), {}, deadline()});
    fail(error.what());
  }
}

void Ranks::end(std::unique_ptr<Collective> collective) {
  {
    const std::lock_guard lock(mutex_);
    --unfinished_;
  }
  listener_.ended(std::move(collective));
}

void Ranks::give_up(std::unique_ptr<Collective> collective, const std::string& sentence) {
  collective->error = sentence;
  collective->abandoned = true;
  end(std::move(collective));
}

// Ends what is done. True if anything is.
bool Ranks::move_on() {
  bool any = false;
  try {
    for (std::size_t i = 0; i < active_.size();) {
      if (!mpi_->test(active_[i].request)) {
        ++i;
        continue;
      }
      auto done = std::move(active_[i].collective);
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
      end(std::move(done));
      any = true;
    }
    if (any || active_.empty()) return any;
    const auto now = Clock::now();
    for (const Active& active : active_) {
      if (now < active.deadline) continue;
      fail("Expected all ranks to take part in a collective (" + active.collective->what + "), but some have not for " +
           seconds() + ".");
      break;
    }
  } catch (const std::exception& error) {
    fail(error.what());
  }
  return any;
}

// All that is under way fails with the first, and so does what is asked for later: nobody knows what the other ranks
// have of it.
void Ranks::fail(const std::string& sentence) {
  {
    const std::lock_guard lock(mutex_);
    error_ = sentence;
    state_ = State::failed;
  }
  for (Active& active : std::exchange(active_, {})) give_up(std::move(active.collective), sentence);
}

}  // namespace rmsprop

#endif
