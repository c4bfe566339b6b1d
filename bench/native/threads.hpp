// Threads for the benchmark's own kernels. They are no part of the library, so that a slow pool there shows.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace bench {

class Threads {
 public:
  using Task = void (*)(void* context, int part, int parts);

  static Threads& instance() {
    static Threads* const threads = new Threads;  // never destroyed: its threads run until the process ends
    return *threads;
  }

  // Calls task for each part, part 0 on this thread, and returns when all are done.
  void run(int parts, Task task, void* context) {
    while (static_cast<int>(workers_.size()) < parts - 1) start_worker();
    task_ = task;
    context_ = context;
    parts_ = parts;
    pending_.store(parts - 1, std::memory_order_relaxed);
    for (int i = 0; i < parts - 1; ++i) {
      workers_[static_cast<std::size_t>(i)]->fetch_add(1, std::memory_order_release);
      workers_[static_cast<std::size_t>(i)]->notify_one();
    }
    task(context, 0, parts);
    while (const int left = pending_.load(std::memory_order_acquire)) wait(pending_, left);
  }

 private:
  // Looks for a change for some time before it sleeps: a limit that had to wake its threads would be no limit.
  template <typename Value>
  static void wait(const std::atomic<Value>& value, Value old) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
    do {
      for (int i = 0; i < 64; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
      }
    } while (std::chrono::steady_clock::now() < end);
    value.wait(old, std::memory_order_acquire);
  }

  void start_worker() {
    auto* signal = new std::atomic<std::uint32_t>{0};
    const int part = static_cast<int>(workers_.size()) + 1;
    workers_.push_back(signal);
    std::thread([this, signal, part] {
      for (std::uint32_t seen = 0;; ++seen) {
        wait(*signal, seen);
        task_(context_, part, parts_);
        if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_one();
      }
    }).detach();
  }

  std::vector<std::atomic<std::uint32_t>*> workers_;
  Task task_ = nullptr;
  void* context_ = nullptr;
  int parts_ = 0;
  std::atomic<int> pending_{0};
};

}  // namespace bench
