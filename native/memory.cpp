#include "memory.hpp"

#include <atomic>
#include <cstring>
#include <limits>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#define RMSPROP_MMAP 1
#include <sys/mman.h>
#endif

namespace rmsprop {
namespace {

std::atomic<std::int64_t> live_blocks{0};
std::atomic<std::int64_t> live_bytes{0};

#if defined(RMSPROP_MMAP)

// Blocks of this size and above are mapped: the kernel zeroes their pages when they are first touched. It is the size
// and the alignment of a huge page on x64 and on arm64 with pages of 4 KiB.
constexpr std::size_t huge_page = std::size_t{2} << 20;

bool is_mapped(std::size_t bytes) {
  return bytes >= huge_page;
}

std::size_t mapped_size(std::size_t bytes) {
  return (bytes + huge_page - 1) / huge_page * huge_page;
}

// The system aligns a mapping to its pages only, so one huge page more is mapped and what sticks out is given back.
void* map(std::size_t bytes) noexcept {
  if (bytes > std::numeric_limits<std::size_t>::max() - 2 * huge_page) return nullptr;
  const std::size_t size = mapped_size(bytes);
  void* mapping = mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  auto* start = static_cast<unsigned char*>(mapping);
  const std::size_t before = (huge_page - reinterpret_cast<std::uintptr_t>(start) % huge_page) % huge_page;
  if (before > 0) munmap(start, before);
  if (huge_page - before > 0) munmap(start + before + size, huge_page - before);
#if defined(MADV_HUGEPAGE)
  madvise(start + before, size, MADV_HUGEPAGE);  // a wish: a system without huge pages refuses it
#endif
  return start + before;
}

#endif

void* obtain(std::size_t bytes) noexcept {
#if defined(RMSPROP_MMAP)
  if (is_mapped(bytes)) return map(bytes);
#endif
  void* data = ::operator new(bytes, std::align_val_t{memory_alignment}, std::nothrow);
  if (data) std::memset(data, 0, bytes);
  return data;
}

}  // namespace

void* allocate_memory(std::size_t bytes) noexcept {
  void* data = obtain(bytes);
  if (data) {
    live_blocks.fetch_add(1, std::memory_order_relaxed);
    live_bytes.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  }
  return data;
}

void release_memory(void* data, std::size_t bytes) noexcept {
  live_blocks.fetch_sub(1, std::memory_order_relaxed);
  live_bytes.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
#if defined(RMSPROP_MMAP)
  if (is_mapped(bytes)) {
    munmap(data, mapped_size(bytes));
    return;
  }
#endif
  ::operator delete(data, std::align_val_t{memory_alignment});
}

MemoryCounters memory_counters() noexcept {
  return {live_blocks.load(std::memory_order_relaxed), live_bytes.load(std::memory_order_relaxed)};
}

}  // namespace rmsprop
