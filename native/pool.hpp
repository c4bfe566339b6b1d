// Persistent threads for steps: one pool per process, shared by every JavaScript environment and every copy of the
// library in it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace rmsprop {

// How long a thread looks for work, or for the end of it, before it sleeps: about what waking a sleeping thread takes,
// so that steps in close succession find the pool awake and an idle pool soon costs nothing.
inline constexpr std::chrono::steady_clock::duration patience = std::chrono::microseconds(50);

// Steps in close succession follow one another by less than this: half of the patience, so that the threads still look
// when the work is there. A pool that another copy of the library started goes by that copy's times. Where they differ,
// threads are woken a little too early or too late, which costs time and no bit.
inline constexpr std::chrono::steady_clock::duration close_succession = patience / 2;

// Calls task(context, share, shares).
using Task = void (*)(void* context, int share, int shares);

// A pool as other copies of the library see it, which may be of another version and another compiler: plain data whose
// layout stands for as long as its name does (process_pool.cpp).
struct Pool {
  void* self;
  int (*get_threads)(void* self) noexcept;
  void (*put_threads)(void* self, int threads) noexcept;
  bool (*is_awake)(void* self) noexcept;
  void (*call_shares)(void* self, int shares, Task task, void* context) noexcept;

  // The threads that a call may use, the calling one included.
  int threads() const noexcept { return get_threads(self); }
  void set_threads(int threads) const noexcept { put_threads(self, threads); }

  // Whether the last call ended so short a time ago that the pool's threads still look for work.
  bool awake() const noexcept { return is_awake(self); }

  // Calls task(context, share, shares) once for each share in [0, shares), share 0 on this thread and each other share
  // on a thread of its own, and returns when all are done. Where the pool is at work for another thread, or the system
  // gives no more threads, this thread does the shares that are left, in order.
  void call(int shares, Task task, void* context) const noexcept { call_shares(self, shares, task, context); }
};

// The pool of this process.
const Pool& process_pool();

// Keeps this library in memory for good: its threads run its code, and a worker environment that ends would unload it
// if no other environment had loaded it.
void pin_library() noexcept;

// The threads behind a pool. Never destroyed: its threads may outlive every static object.
class PoolThreads {
 public:
  explicit PoolThreads(int threads);
  PoolThreads(const PoolThreads&) = delete;
  PoolThreads& operator=(const PoolThreads&) = delete;

  Pool as_pool() noexcept;

 private:
  struct Worker;

  void call(int shares, Task task, void* context) noexcept;
  bool start_worker() noexcept;
  void work(Worker& worker) noexcept;

  std::atomic<int> threads_;
  std::atomic<std::chrono::steady_clock::rep> last_end_;  // of a call that used several threads
  std::mutex calling_;                                    // held for the length of a call; what follows is the caller's
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace rmsprop
