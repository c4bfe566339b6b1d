// Aligned, zeroed, counted memory for arrays.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rmsprop {

inline constexpr std::size_t memory_alignment = 64;

struct MemoryCounters {
  std::int64_t blocks;
  std::int64_t bytes;
};

// A block of `bytes` zero bytes at an address that is a multiple of memory_alignment, or null if there are not so many.
// It has one holder. Large blocks lie on huge pages where the system has them, and their pages are not touched: whoever
// writes a page first decides which memory of the machine it lies in. `bytes` must not be 0.
void* allocate_block(std::size_t bytes) noexcept;

// Adds a holder to the block that starts at `data`; false if no such block is held.
bool hold_block(const void* data) noexcept;

// Takes a holder away; the last one gives the block back.
void release_block(const void* data) noexcept;

// What is held now, in this process, by this copy of the library.
MemoryCounters memory_counters() noexcept;

// Whether a block of this size was left untouched by allocate_block.
bool is_untouched(std::size_t bytes) noexcept;

}  // namespace rmsprop
