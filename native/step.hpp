// Runs groups over tiles.
#pragma once

#include <cstddef>
#include <span>

#include "pool.hpp"
#include "share.hpp"
#include "tiles.hpp"

namespace rmsprop {

// Runs that can be stepped any number of times.
struct PreparedRuns {
  std::span<const Run> runs;
  std::size_t tiles = 0;
  std::size_t cost = 0;  // in elements
};

// Rounds the runs' coefficients and counts what they amount to. Holds as long as the runs and their groups are left as
// they are.
PreparedRuns prepare(std::span<Run> runs, std::size_t memory_from = beyond_caches);

// Steps every run. Each element is computed alike whatever the number of threads.
void step(const Pool& pool, const PreparedRuns& prepared, WorthOneThread worth, Pace pace);

}  // namespace rmsprop
