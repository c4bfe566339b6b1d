#include "step.hpp"

#include <algorithm>
#include <thread>

#include "fp_environment.hpp"

namespace rmsprop {
namespace {

// Steps tiles [first, last) of the runs, counted through all parameters of all runs in order. Neighbouring tiles of one
// parameter go to the kernel in one call: an element's result does not depend on the bounds.
void step_tiles(std::span<const Run> runs, std::size_t first, std::size_t last, Pace pace) {
  const std::size_t most = pace == Pace::yielding ? tiles_between_yields : last - first;
  std::size_t since_yield = 0;
  std::size_t tile = 0;
  for (const Run& run : runs) {
    const std::size_t count = parameter_count(run);
    for (std::size_t i = 0; i < count; ++i) {
      const Parameter& parameter = parameter_at(run, i);
      const std::size_t end_tile = tile + tiles_of(parameter);
      const std::size_t end = std::min(end_tile, last);
      for (std::size_t from = std::max(tile, first); from < end;) {
        const std::size_t to = std::min(end, from + (most - since_yield));
        run.kernel(parameter.streams, (from - tile) * tile_size, std::min((to - tile) * tile_size, parameter.count),
                   run.coefficients);
        since_yield += to - from;
        from = to;
        if (since_yield == most && pace == Pace::yielding) {
          std::this_thread::yield();
          since_yield = 0;
        }
      }
      tile = end_tile;
      if (tile >= last) return;
    }
  }
}

template <Pace pace>
void step_share(void* context, int share, int shares) {
  const FpEnvironment environment;
  const auto& [runs, tiles, cost] = *static_cast<const PreparedRuns*>(context);
  step_tiles(runs, first_of(tiles, share, shares), first_of(tiles, share + 1, shares), pace);
}

}  // namespace

PreparedRuns prepare(std::span<Run> runs, std::size_t memory_from) {
  const FpEnvironment environment;
  PreparedRuns prepared{runs};
  std::size_t bytes = 0;
  for (Run& run : runs) {
    finish_coefficients(run);
    const std::size_t count = parameter_count(run);
    const std::size_t element = bytes_per_element(run);
    for (std::size_t i = 0; i < count; ++i) {
      const Parameter& parameter = parameter_at(run, i);
      prepared.tiles += tiles_of(parameter);
      prepared.cost += parameter.count + array_overhead;
      bytes += parameter.count * element;
    }
  }
  const Reach reach = reach_of(bytes, memory_from);
  for (Run& run : runs) run.kernel = kernel_of(run, reach);
  return prepared;
}

// Threads read the runs where they are, which from one step to the next are the same: each has them in its cache.
void step(const Pool& pool, const PreparedRuns& prepared, WorthOneThread worth, Pace pace) {
  if (prepared.tiles == 0) return;
  const Task task = pace == Pace::yielding ? step_share<Pace::yielding> : step_share<Pace::steady>;
  call_shares(pool, prepared.tiles, prepared.cost, worth, task, const_cast<PreparedRuns*>(&prepared));
}

}  // namespace rmsprop
