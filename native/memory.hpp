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

// `bytes` zero bytes at an address that is a multiple of memory_alignment, or null if there are not so many. Large
// blocks lie on huge pages where the system has them, and their pages are not touched. `bytes` must not be 0.
void* allocate_memory(std::size_t bytes) noexcept;

// Gives back what allocate_memory(bytes) gave.
void release_memory(void* data, std::size_t bytes) noexcept;

// What is allocated and not released now, in this process.
MemoryCounters memory_counters() noexcept;

}  // namespace rmsprop
