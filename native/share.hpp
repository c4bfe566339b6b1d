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

// Tiles that the calling thread takes more than each of the others, where its share is large enough: it is at work for
// about 0.7 microseconds while they still hear of it and it hears of them.
inline constexpr std::size_t head_start = 4;

// The first tile of a share, of `count` tiles that are shared out evenly but for the head start of share 0.
inline std::size_t first_of(std::size_t count, int share, int shares) {
  const auto s = static_cast<std::size_t>(share);
  const auto n = static_cast<std::size_t>(shares);
  const std::size_t ahead = std::min(head_start, count / n / 8);
  const std::size_t even = count - ahead;
  return s == 0 ? 0 : ahead + even / n * s + even % n * s / n;
}

// What call_shares does where the work may be worth several threads.
void share_out(const Pool& pool, std::size_t tiles, std::size_t cost, WorthOneThread worth, Task task, void* context);

// Calls task(context, share, shares) for each share of a step's tiles: as many as its cost is worth. A step too small
// for two threads asks nothing, not even the clock.
inline void call_shares(const Pool& pool, std::size_t tiles, std::size_t cost, WorthOneThread worth, Task task,
                        void* context) {
  if (cost < 2 * worth.awake) return task(context, 0, 1);
  share_out(pool, tiles, cost, worth, task, context);
}

// Writes to each page of a block of zeros, on the threads that steps over it will use, so that a machine with several
// memories puts each page near its thread.
void touch_pages(const Pool& pool, void* data, std::size_t bytes);

}  // namespace rmsprop
