// Runs groups over tiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "group.hpp"
#include "pool.hpp"

namespace rmsprop {

// Parameters of one group that take this step with the same coefficients.
struct Run {
  const Group* group;
  std::size_t variant;
  std::span<const std::uint32_t> selection;  // indices into the group's parameters
  bool whole_group;                          // every parameter; the selection is not looked at
  const double* values;                      // the rule's coefficients, rounded here to the group's number type
  StepKernel kernel;                         // for where the arrays lie; prepare() finds it
  alignas(double) unsigned char coefficients[max_coefficients * sizeof(double)];
};

// Work worth one more thread, in elements: where the pool's threads are awake, and where they must be woken first,
// which takes about 50 microseconds. See bench/README.md for how both were found.
struct WorthOneThread {
  std::size_t awake = 32'768;
  std::size_t asleep = 524'288;
};

// Whether a step keeps its cores, or offers them to other threads again and again, so that an event loop beside it is
// not late for its timers.
enum class Pace : std::uint8_t { steady, yielding };

// Where the arrays of a step lie when it comes to them: in a cache, or, where they have more bytes than caches hold, in
// memory.
enum class Reach : std::uint8_t { cache, memory };

// What a step reads of its arrays, in bytes, from which on they count as lying in memory: the last-level cache that a
// process has to itself on the larger of today's processors. Between caches, to ask ahead costs a few percent.
inline constexpr std::size_t beyond_caches = std::size_t{32} << 20;

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

// Writes to each page of a block of zeros, on the threads that steps over it will use, so that a machine with several
// memories puts each page near its thread.
void touch_pages(const Pool& pool, void* data, std::size_t bytes);

}  // namespace rmsprop
