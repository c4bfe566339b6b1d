// How a step's work is shared out: how many threads it is worth, and which tiles each takes.
#pragma once

#include <algorithm>
#include <cstddef>

#include "pool.hpp"

namespace rmsprop {

// Work worth one more thread, in elements: where the pool's threads are awake, and where they must be woken first,
// which takes about 50 microseconds. See bench/README.md for how both were found.
struct WorthOneThread {
  std::size_t awake = 32'768;
  std::size_t asleep = 524'288;
};

// What an array costs beyond its elements, in elements: the call of a kernel and the set-up of its loop.
inline constexpr std::size_t array_overhead = 64;

// The calling thread is at work while the others still hear of it, and again until it hears of them: about 0.7
// microseconds, for which it takes so many tiles more than each of them, where its share is large enough.
inline constexpr std::size_t head_start = 4;

// Where part `part` of `parts` begins in `count` tiles that are shared out evenly, but for the head start of part 0.
inline std::size_t bound(std::size_t count, int part, int parts) {
  const auto p = static_cast<std::size_t>(part);
  const auto n = static_cast<std::size_t>(parts);
  const std::size_t ahead = std::min(head_start, count / n / 8);
  const std::size_t even = count - ahead;
  return p == 0 ? 0 : ahead + even / n * p + even % n * p / n;
}

// Calls task(context, part, parts) for parts of a step's tiles, as many as its cost is worth, if that may be several.
void share_out(const Pool& pool, std::size_t tiles, std::size_t cost, WorthOneThread worth, Task task, void* context);

// Calls task(context, part, parts) for parts of a step's tiles, as many as its cost is worth. What is too small for two
// threads asks nothing, not even the clock.
inline void run_parts(const Pool& pool, std::size_t tiles, std::size_t cost, WorthOneThread worth, Task task,
                      void* context) {
  if (cost < 2 * worth.awake) return task(context, 0, 1);
  share_out(pool, tiles, cost, worth, task, context);
}

// Writes to each page of a block of zeros, on the threads that steps over it will use, so that a machine with several
// memories puts each page near its thread.
void touch_pages(const Pool& pool, void* data, std::size_t bytes);

}  // namespace rmsprop
