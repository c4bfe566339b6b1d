#include "step.hpp"

#include <algorithm>
#include <thread>

#include "fp_environment.hpp"

namespace rmsprop {
namespace {

// What an array costs beyond its elements, in elements: the call of a kernel and the set-up of its loop.
constexpr std::size_t array_overhead = 64;

// A yielding step offers its core after so many tiles: about 20 microseconds of work, far below a timer's millisecond
// and far above what the offer costs.
constexpr std::size_t tiles_between_yields = 64;

std::size_t tiles_of(const Parameter& parameter) {
  return (parameter.count + tile_size - 1) / tile_size;
}

const Parameter& parameter_at(const Run& run, std::size_t i) {
  return run.group->parameters[run.whole_group ? i : run.selection[i]];
}

std::size_t parameter_count(const Run& run) {
  return run.whole_group ? run.group->parameters.size() : run.selection.size();
}

template <typename Number>
void finish(const double* values, std::size_t count, void* coefficients) {
  for (std::size_t i = 0; i < count; ++i) static_cast<Number*>(coefficients)[i] = static_cast<Number>(values[i]);
}

void finish_coefficients(Run& run) {
  const std::size_t count = run.group->rule->coefficient_count;
  if (run.group->type == NumberType::float32) {
    finish<float>(run.values, count, run.coefficients);
  } else {
    finish<double>(run.values, count, run.coefficients);
  }
}

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

// Where part `part` of `parts` begins in `count` things that are shared out evenly.
std::size_t bound(std::size_t count, int part, int parts) {
  const auto p = static_cast<std::size_t>(part);
  const auto n = static_cast<std::size_t>(parts);
  return count / n * p + count % n * p / n;
}

void step_part(void* context, int part, int parts) {
  const FpEnvironment environment;
  const Work& work = *static_cast<const Work*>(context);
  step_tiles(work.runs, bound(work.tiles, part, parts), bound(work.tiles, part + 1, parts), work.pace);
}

// How many threads work of this cost is worth. The pool is asked whether it is awake only where that matters.
std::size_t worthwhile_threads(const Pool& pool, std::size_t cost, WorthOneThread worth) {
  if (cost < 2 * worth.awake) return 1;
  return cost / (cost >= 2 * worth.asleep || pool.awake() ? worth.awake : worth.asleep);
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
  const std::size_t worthwhile = std::max<std::size_t>(worthwhile_threads(pool, cost, worth), 1);
  const std::size_t parts = std::min({worthwhile, tiles, static_cast<std::size_t>(pool.threads())});
  Work work{runs, tiles, pace};
  pool.run(static_cast<int>(parts), step_part, &work);
}

void touch_pages(const Pool& pool, void* data, std::size_t bytes) {
  Pages pages{static_cast<unsigned char*>(data), (bytes + page_size - 1) / page_size};
  pool.run(pool.threads(), touch_part, &pages);
}

}  // namespace rmsprop
