// Loaded before a process (LD_PRELOAD): has the n-th request for memory or for a thread fail that the add-on makes
// while it is asked to, by itself or through the C++ library. What Node and V8 ask for is theirs.
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unwind.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool has(std::uintptr_t address) const { return address >= begin && address < end; }
};

Range addon;
Range standard_library;
std::atomic<bool> watching{false};
std::atomic<long> count{0};
std::atomic<long> fails_at{0};
std::atomic<bool> fails_on{false};
thread_local bool looking = false;

// Finds where the add-on and the C++ library lie.
int find(dl_phdr_info* info, std::size_t, void*) {
  const bool is_addon = std::strstr(info->dlpi_name, "rmsprop.node");
  if (!is_addon && !std::strstr(info->dlpi_name, "libstdc++")) return 0;
  Range& range = is_addon ? addon : standard_library;
  range = {UINTPTR_MAX, 0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    if (begin < range.begin) range.begin = begin;
    if (begin + header.p_memsz > range.end) range.end = begin + header.p_memsz;
  }
  return 0;
}

struct Walk {
  bool ours = false;
  int depth = 0;
};

// Goes up through frames of this file and of the C++ library to whoever asked.
_Unwind_Reason_Code look(_Unwind_Context* context, void* data) {
  Walk& walk = *static_cast<Walk*>(data);
  const auto address = static_cast<std::uintptr_t>(_Unwind_GetIP(context));
  static Range own = [] {
    Dl_info info;
    dladdr(reinterpret_cast<void*>(&find), &info);
    const auto base = reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    return Range{base, base + 0x100000};
  }();
  if (own.has(address) || standard_library.has(address)) return ++walk.depth < 32 ? _URC_NO_REASON : _URC_END_OF_STACK;
  walk.ours = addon.has(address);
  return _URC_END_OF_STACK;
}

// Whether this request is to fail.
bool fails() {
  if (!watching.load(std::memory_order_relaxed) || looking) return false;
  looking = true;
  if (!addon.end) dl_iterate_phdr(find, nullptr);
  Walk walk;
  _Unwind_Backtrace(look, &walk);
  looking = false;
  if (!walk.ours) return false;
  const long number = ++count;
  return fails_on ? number >= fails_at : number == fails_at;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void* get(std::size_t bytes) {
  if (!fails()) {
    if (void* memory = std::malloc(bytes ? bytes : 1)) return memory;
  }
  return nullptr;
}

}  // namespace

// Counts from now on; the n-th request fails, and with `every` all after it. 0: none.
extern "C" void failing_memory_begin(long n, int every) {
  count = 0;
  fails_at = n ? n : INT64_MAX;
  fails_on = every != 0;
  watching = true;
}

// Returns how many requests there were.
extern "C" long failing_memory_end() {
  watching = false;
  return count;
}

// A program in JavaScript reaches both through os.setPriority with a process's number that no system has: its low bits
// are the n, and the priority 0 begins, 1 begins with every, 19 ends, whose error is the number of requests and 1,000.
extern "C" int setpriority(int which, unsigned who, int priority) {
  using Real = int (*)(int, unsigned, int);
  static const auto real = next<Real>("setpriority");
  if (which != 0 || (who & 0x7f000000u) != 0x5a000000u) return real(which, who, priority);
  if (priority == 19) {
    errno = static_cast<int>(failing_memory_end()) + 1000;
    return -1;
  }
  failing_memory_begin(who & 0xffffff, priority == 1);
  return 0;
}

void* operator new(std::size_t bytes) {
  if (void* memory = get(bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t bytes) {
  return operator new(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return get(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return get(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  void* memory = nullptr;
  const auto align = static_cast<std::size_t>(alignment);
  if (!fails() && posix_memalign(&memory, align < sizeof(void*) ? sizeof(void*) : align, bytes) == 0) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return operator new(bytes, alignment);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

extern "C" void* __libc_calloc(std::size_t, std::size_t);

extern "C" void* calloc(std::size_t count_of, std::size_t bytes) {
  return fails() ? nullptr : __libc_calloc(count_of, bytes);
}

extern "C" void* mmap(void* where, std::size_t bytes, int protection, int flags, int file, off_t offset) {
  using Real = void* (*)(void*, std::size_t, int, int, int, off_t);
  static const auto real = next<Real>("mmap");
  if (!fails()) return real(where, bytes, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) {
  using Real = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = next<Real>("pthread_create");
  return fails() ? EAGAIN : real(thread, attributes, start, argument);
}
