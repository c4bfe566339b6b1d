// Persistent threads for steps: one pool per process, shared by every JavaScript environment in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace rmsprop {

class Pool {
 public:
  // The process's pool. It is never destroyed: its threads may outlive every static object.
  static Pool& instance();

  explicit Pool(int threads);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // The threads that a run may use, the calling one included.
  int threads() const noexcept { return threads_.load(std::memory_order_relaxed); }
  void set_threads(int threads) noexcept { threads_.store(threads, std::memory_order_relaxed); }

  // Calls task(context, part, parts) once for each part in [0, parts), part 0 on this thread and each other part on a
  // thread of its own, and returns when all are done. Where the pool is at work for another thread, or the system gives
  // no more threads, this thread does the parts that are left, in order.
  using Task = void (*)(void* context, int part, int parts);
  void run(int parts, Task task, void* context) noexcept;

 private:
  struct Worker;

  bool start_worker() noexcept;
  void work(Worker& worker) noexcept;

  std::atomic<int> threads_;
  std::mutex running_;  // held for the length of a run; what follows is the runner's
  std::vector<std::unique_ptr<Worker>> workers_;
  Task task_ = nullptr;
  void* context_ = nullptr;
  int parts_ = 0;
  alignas(64) std::atomic<std::uint32_t> pending_{0};
};

}  // namespace rmsprop
