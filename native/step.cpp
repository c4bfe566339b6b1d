#include "step.hpp"

#include <algorithm>
#include <thread>

#include "fp_environment.hpp"
#include "tiles.hpp"

namespace rmsprop {
namespace {

// Steps tiles [first, last) of the runs, counted through all parameters of all runs in order. Neighbouring tiles of one
// parameter go to the kernel in one call: an element's result does not depend on the bounds.
void step_tiles(std::span<const Run> runs, std::size_t first, std::size_t last, Pace pace) {
  const std::size_t most = pace == Pace::yielding ? tiles_between_yields : last - first;
  std::size_t since_yield = 0;
  std::size_t tile = 0;
  for (const Run& run : runs) {
    const RuleTable& rule = *run.group->rule;
    const StepKernel kernel = rule.kernels[static_cast<std::size_t>(run.group->type)][run.variant];
    const std::size_t count = parameter_count(run);
    for (std::size_t i = 0; i < count; ++i) {
      const Parameter& parameter = parameter_at(run, i);
      const std::size_t end_tile = tile + tiles_of(parameter);
      const std::size_t end = std::min(end_tile, last);
      for (std::size_t from = std::max(tile, first); from < end;) {
        const std::size_t to = std::min(end, from + (most - since_yield));
        kernel(parameter.streams, (from - tile) * tile_size, std::min((to - tile) * tile_size, parameter.count),
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

struct Work {
  std::span<const Run> runs;
  std::size_t tiles;
  Pace pace;
};

void step_part(void* context, int part, int parts) {
  const FpEnvironment environment;
  const Work& work = *static_cast<const Work*>(context);
  step_tiles(work.runs, bound(work.tiles, part, parts), bound(work.tiles, part + 1, parts), work.pace);
}

struct Pages {
  unsigned char* data;
  std::size_t count;
};

// The least page of the systems there are. A larger page is touched more than once.
constexpr std::size_t page_size = 4096;

void touch_part(void* context, int part, int parts) {
  const Pages& pages = *static_cast<const Pages*>(context);
  const std::size_t end = bound(pages.count, part + 1, parts);
  for (std::size_t page = bound(pages.count, part, parts); page < end; ++page) {
    *static_cast<volatile unsigned char*>(pages.data + page * page_size) = 0;
  }
}

}  // namespace

void step(const Pool& pool, std::span<Run> runs, WorthOneThread worth, Pace pace) {
  const FpEnvironment environment;
  std::size_t tiles = 0;
  std::size_t cost = 0;
  for (Run& run : runs) {
    finish_coefficients(run);
    const std::size_t count = parameter_count(run);
    for (std::size_t i = 0; i < count; ++i) {
      const Parameter& parameter = parameter_at(run, i);
      tiles += tiles_of(parameter);
      cost += parameter.count + array_overhead;
    }
  }
  if (tiles == 0) return;
  Work work{runs, tiles, pace};
  pool.run(parts_for(pool, tiles, cost, worth), step_part, &work);
}

void touch_pages(const Pool& pool, void* data, std::size_t bytes) {
  Pages pages{static_cast<unsigned char*>(data), (bytes + page_size - 1) / page_size};
  pool.run(pool.threads(), touch_part, &pages);
}

}  // namespace rmsprop
