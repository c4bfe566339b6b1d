#include "memory.hpp"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#define RMSPROP_MMAP 1
#include <sys/mman.h>
#endif

namespace rmsprop {
namespace {

struct Block {
  std::size_t bytes;
  BlockNumber number;
  std::size_t holders;  // the owner among them
  bool owned;
  bool inner;
};

struct Blocks {
  std::mutex mutex;
  std::unordered_map<const void*, Block> by_address;
  std::int64_t bytes = 0;
  BlockNumber last_number = 0;
};

// Never destroyed: threads may hold blocks while the process exits. Not allocated: there may be no memory.
Blocks& blocks() {
  alignas(Blocks) static unsigned char place[sizeof(Blocks)];
  static Blocks& all = *::new (static_cast<void*>(place)) Blocks;
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

// The C library's aligned allocation is not used: glibc before 2.38 seldom finds a freed block again when it is asked
// for another of the same size and alignment, so that allocating and freeing in turn grows the process without end.
// malloc aligns to 8 bytes at least, so that there is room before the block for where it starts.
void* obtain(std::size_t bytes) noexcept {
#if defined(RMSPROP_MMAP)
  if (is_mapped(bytes)) return map(bytes);
#endif
  const std::size_t alignment = bytes < page_aligned_from ? memory_alignment : memory_page;
  if (bytes > std::numeric_limits<std::size_t>::max() - alignment) return nullptr;
  void* start = std::calloc(bytes + alignment, 1);
  if (!start) return nullptr;
  const std::size_t before = alignment - reinterpret_cast<std::uintptr_t>(start) % alignment;
  auto* data = static_cast<unsigned char*>(start) + before;
  std::memcpy(data - sizeof start, &start, sizeof start);
  return data;
}

void give_back(void* data, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(RMSPROP_MMAP)
  if (is_mapped(bytes)) {
    munmap(data, mapped_size(bytes));
    return;
  }
#endif
  void* start = nullptr;
  std::memcpy(&start, static_cast<unsigned char*>(data) - sizeof start, sizeof start);
  std::free(start);
}

// Takes one away from the holders of a block if `goes(block)`, and gives the block back if it was the last.
template <typename Goes>
void let_go(const void* data, Goes goes) noexcept {
  std::size_t bytes = 0;
  {
    Blocks& all = blocks();
    const std::lock_guard lock(all.mutex);
    const auto found = all.by_address.find(data);
    if (found == all.by_address.end() || !goes(found->second) || --found->second.holders > 0) return;
    bytes = found->second.bytes;
    all.by_address.erase(found);
    all.bytes -= static_cast<std::int64_t>(bytes);
  }
  give_back(const_cast<void*>(data), bytes);
}

}  // namespace

bool is_untouched([[maybe_unused]] std::size_t bytes) noexcept {
#if defined(RMSPROP_MMAP)
  return is_mapped(bytes);
#else
  return false;
#endif
}

void* allocate_block(std::size_t bytes, bool inner) noexcept {
  void* data = obtain(bytes);
  if (!data) return nullptr;
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  try {
    all.by_address.emplace(data, Block{bytes, all.last_number + 1, 1, true, inner});
  } catch (...) {
    give_back(data, bytes);
    return nullptr;
  }
  ++all.last_number;
  all.bytes += static_cast<std::int64_t>(bytes);
  return data;
}

BlockNumber block_number(const void* data) noexcept {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_address.find(data);
  return found == all.by_address.end() ? 0 : found->second.number;
}

void expose_block(const void* data) noexcept {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_address.find(data);
  if (found != all.by_address.end()) found->second.inner = false;
}

bool hold_block(const void* data) noexcept {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_address.find(data);
  if (found == all.by_address.end()) return false;
  ++found->second.holders;
  return true;
}

void disown_block(const void* data, BlockNumber number) noexcept {
  let_go(data, [number](Block& block) { return block.number == number && std::exchange(block.owned, false); });
}

void disown_inner_block(const void* data, BlockNumber number) noexcept {
  let_go(data,
         [number](Block& block) { return block.number == number && block.inner && std::exchange(block.owned, false); });
}

void release_block(const void* data) noexcept {
  let_go(data, [](const Block& block) { return block.holders > (block.owned ? 1u : 0u); });
}

MemoryCounters memory_counters() noexcept {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  return {static_cast<std::int64_t>(all.by_address.size()), all.bytes};
}

}  // namespace rmsprop
