#include "pool.hpp"

#include <algorithm>
#include <limits>
#include <thread>

#include "backend.hpp"

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#elif defined(_M_ARM64) && !defined(__clang__)
#include <intrin.h>
#endif

namespace rmsprop {
namespace {

using Clock = std::chrono::steady_clock;

void relax() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(_M_ARM64) && !defined(__clang__)
  __yield();
#else
  __asm__ volatile("yield");
#endif
}

// Returns once `value` is not `old`, which it reads with acquire order.
void wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) noexcept {
  const auto end = Clock::now() + patience;
  do {
    for (int i = 0; i < 32; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      relax();
    }
  } while (Clock::now() < end);
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

// The caller writes one cache line, the worker another. So one line moves between two cores when a share is handed
// over, and one when it is done, 150 ns each on some machines. Pairs of lines, because processors fetch lines in pairs.
struct PoolThreads::Worker {
  alignas(2 * cache_line) std::atomic<std::uint32_t> signal{0};  // changes when there is a share to do
  int share = 0;
  int shares = 0;
  Task task = nullptr;
  void* context = nullptr;
  alignas(2 * cache_line) std::atomic<std::uint32_t> done{0};  // follows the signal
};

PoolThreads::PoolThreads(int threads) : threads_(threads), last_end_(std::numeric_limits<Clock::rep>::min() / 2) {}

Pool PoolThreads::as_pool() noexcept {
  return {
      .self = this,
      .get_threads =
          [](void* self) noexcept { return static_cast<PoolThreads*>(self)->threads_.load(std::memory_order_relaxed); },
      .put_threads =
          [](void* self, int threads) noexcept {
            static_cast<PoolThreads*>(self)->threads_.store(threads, std::memory_order_relaxed);
          },
      .is_awake =
          [](void* self) noexcept {
            const Clock::rep last = static_cast<PoolThreads*>(self)->last_end_.load(std::memory_order_relaxed);
            return Clock::now().time_since_epoch().count() - last < close_succession.count();
          },
      .call_shares = [](void* self, int shares, Task task,
                        void* context) noexcept { static_cast<PoolThreads*>(self)->call(shares, task, context); },
  };
}

bool PoolThreads::start_worker() noexcept {
  try {
    auto worker = std::make_unique<Worker>();
    worker->share = static_cast<int>(workers_.size()) + 1;
    workers_.reserve(workers_.size() + 1);
    std::thread([this, started = worker.get()] { work(*started); }).detach();
    workers_.push_back(std::move(worker));
    return true;
  } catch (...) {
    return false;  // no memory or no thread: the caller does the work
  }
}

void PoolThreads::work(Worker& worker) noexcept {
  for (std::uint32_t seen = 0;; ++seen) {
    wait_for_change(worker.signal, seen);
    worker.task(worker.context, worker.share, worker.shares);
    worker.done.store(seen + 1);
    worker.done.notify_one();
  }
}

void PoolThreads::call(int shares, Task task, void* context) noexcept {
  int handed = 1;  // shares [1, handed) go to workers
  std::unique_lock lock(calling_, std::defer_lock);
  if (shares > 1 && lock.try_lock()) {
    while (static_cast<int>(workers_.size()) < shares - 1 && start_worker()) {
    }
    handed = std::min(shares, static_cast<int>(workers_.size()) + 1);
    for (int share = 1; share < handed; ++share) {
      Worker& worker = *workers_[static_cast<std::size_t>(share - 1)];
      worker.shares = shares;
      worker.task = task;
      worker.context = context;
      worker.signal.fetch_add(1);
      worker.signal.notify_one();
    }
  }
  task(context, 0, shares);
  for (int share = handed; share < shares; ++share) task(context, share, shares);
  if (handed > 1) {
    for (int share = 1; share < handed; ++share) {
      const Worker& worker = *workers_[static_cast<std::size_t>(share - 1)];
      wait_for_change(worker.done, worker.signal.load(std::memory_order_relaxed) - 1);
    }
    last_end_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  }
}

}  // namespace rmsprop
