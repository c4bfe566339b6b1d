#include "pool.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "cpu.hpp"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace rmsprop {
namespace {

// How long a thread looks for work, or for the end of it, before it sleeps: about twice what waking a sleeping thread
// takes, so that steps in close succession find the pool awake and an idle pool soon costs nothing.
constexpr auto patience = std::chrono::microseconds(50);

void relax() noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#else
  __asm__ volatile("yield");
#endif
}

// Returns once `value` is not `old`, which it reads with acquire order.
void wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) noexcept {
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    for (int i = 0; i < 32; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  value.wait(old, std::memory_order_acquire);
}

// Keeps this library in memory for good: its threads run its code, and a worker environment that ends would unload it
// if no other environment had loaded it.
void pin_library() noexcept {
#if defined(_WIN32)
  HMODULE module = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                     reinterpret_cast<LPCWSTR>(&pin_library), &module);
#else
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&pin_library), &info) && info.dli_fname) {
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
#endif
}

}  // namespace

struct Pool::Worker {
  alignas(64) std::atomic<std::uint32_t> signal{0};  // changes when there is a part to do
  int part = 0;
};

Pool& Pool::instance() {
  static Pool* const pool = [] {
    pin_library();
    return new Pool(available_threads());
  }();
  return *pool;
}

Pool::Pool(int threads) : threads_(threads) {}

bool Pool::start_worker() noexcept {
  try {
    auto worker = std::make_unique<Worker>();
    worker->part = static_cast<int>(workers_.size()) + 1;
    workers_.reserve(workers_.size() + 1);
    std::thread([this, started = worker.get()] { work(*started); }).detach();
    workers_.push_back(std::move(worker));
    return true;
  } catch (...) {
    return false;  // no memory or no thread: the caller does the work
  }
}

void Pool::work(Worker& worker) noexcept {
  for (std::uint32_t seen = 0;; ++seen) {
    wait_for_change(worker.signal, seen);
    task_(context_, worker.part, parts_);
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_one();
  }
}

void Pool::run(int parts, Task task, void* context) noexcept {
  int shared = 1;  // parts [1, shared) go to workers
  std::unique_lock lock(running_, std::defer_lock);
  if (parts > 1 && lock.try_lock()) {
    while (static_cast<int>(workers_.size()) < parts - 1 && start_worker()) {
    }
    shared = std::min(parts, static_cast<int>(workers_.size()) + 1);
    task_ = task;
    context_ = context;
    parts_ = parts;
    pending_.store(static_cast<std::uint32_t>(shared - 1), std::memory_order_relaxed);
    for (int part = 1; part < shared; ++part) {
      Worker& worker = *workers_[static_cast<std::size_t>(part - 1)];
      worker.signal.fetch_add(1, std::memory_order_release);
      worker.signal.notify_one();
    }
  }
  task(context, 0, parts);
  for (int part = shared; part < parts; ++part) task(context, part, parts);
  if (shared > 1) {
    while (const std::uint32_t left = pending_.load(std::memory_order_acquire)) wait_for_change(pending_, left);
  }
}

}  // namespace rmsprop
