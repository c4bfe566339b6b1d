// Aligned, zeroed, counted memory for arrays.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmsprop {

inline constexpr std::size_t memory_alignment = 64;

// Blocks of this size and above begin at a page, so that code that divides one knows where in a page each piece lies.
inline constexpr std::size_t page_aligned_from = std::size_t{16} << 10;
inline constexpr std::size_t memory_page = 4096;

struct MemoryCounters {
  std::int64_t blocks;
  std::int64_t bytes;
};

// Tells a block from an earlier one at the same address. Never 0.
using BlockNumber = std::uintptr_t;

// A block of `bytes` zero bytes at an address that is a multiple of memory_alignment, or null if there is not enough
// memory. Its first holder is its owner. Large blocks lie on huge pages where the system has them, and their pages are
// not touched: the thread that first writes a page decides which of the machine's memories holds it. `bytes` must not
// be 0.
//
// JavaScript outside the library has not seen an inner block. It stays one until expose_block says otherwise.
void* allocate_block(std::size_t bytes, bool inner = false) noexcept;

// Says that JavaScript outside the library has the block that starts at `data`, and may have taken it to another
// thread.
void expose_block(const void* data) noexcept;

// The number of the block that starts at `data`; 0 if there is no such block.
BlockNumber block_number(const void* data) noexcept;

// Takes the owner away from the block that starts at `data` and has this number, if it still has its owner.
void disown_block(const void* data, BlockNumber number) noexcept;

// The same, if the block is an inner one.
void disown_inner_block(const void* data, BlockNumber number) noexcept;

// Adds a holder to the block that starts at `data`; false if there is no such block.
bool hold_block(const void* data) noexcept;

// Takes away a holder other than the owner. The last holder or owner to go gives the block back.
void release_block(const void* data) noexcept;

// The blocks that this copy of the library holds now in this process.
MemoryCounters memory_counters() noexcept;

// Whether a block of this size was left untouched by allocate_block.
bool is_untouched(std::size_t bytes) noexcept;

}  // namespace rmsprop
