#include "memory.hpp"

#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <unordered_map>

#if defined(__unix__) || defined(__APPLE__)
#define RMSPROP_MMAP 1
#include <sys/mman.h>
#endif

namespace rmsprop {
namespace {

struct Block {
  std::size_t bytes;
  std::size_t holders;
};

struct Blocks {
  std::mutex mutex;
  std::unordered_map<const void*, Block> by_address;
  std::int64_t bytes = 0;
};

// Never destroyed: threads may hold blocks while the process exits.
Blocks& blocks() {
  static Blocks& all = *new Blocks;
  return all;
}

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

void give_back(void* data, std::size_t bytes) noexcept {
#if defined(RMSPROP_MMAP)
  if (is_mapped(bytes)) {
    munmap(data, mapped_size(bytes));
    return;
  }
#endif
  ::operator delete(data, std::align_val_t{memory_alignment});
}

}  // namespace

bool is_untouched([[maybe_unused]] std::size_t bytes) noexcept {
#if defined(RMSPROP_MMAP)
  return is_mapped(bytes);
#else
  return false;
#endif
}

void* allocate_block(std::size_t bytes) noexcept {
  void* data = obtain(bytes);
  if (!data) return nullptr;
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  try {
    all.by_address.emplace(data, Block{bytes, 1});
  } catch (...) {
    give_back(data, bytes);
    return nullptr;
  }
  all.bytes += static_cast<std::int64_t>(bytes);
  return data;
}

bool hold_block(const void* data) noexcept {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_address.find(data);
  if (found == all.by_address.end()) return false;
  ++found->second.holders;
  return true;
}

void release_block(const void* data) noexcept {
  std::size_t bytes = 0;
  {
    Blocks& all = blocks();
    const std::lock_guard lock(all.mutex);
    const auto found = all.by_address.find(data);
    if (found == all.by_address.end() || --found->second.holders > 0) return;
    bytes = found->second.bytes;
    all.by_address.erase(found);
    all.bytes -= static_cast<std::int64_t>(bytes);
  }
  give_back(const_cast<void*>(data), bytes);
}

MemoryCounters memory_counters() noexcept {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  return {static_cast<std::int64_t>(all.by_address.size()), all.bytes};
}

}  // namespace rmsprop
