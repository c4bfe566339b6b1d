#include "step.hpp"

#include <algorithm>

#include "fp_environment.hpp"

namespace rmsprop {
namespace {

// What an array costs beyond its elements, in elements: the call of a kernel and the set-up of its loop.
constexpr std::size_t array_overhead = 64;

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
void step_tiles(std::span<const Run> runs, std::size_t first, std::size_t last) {
  std::size_t tile = 0;
  for (const Run& run : runs) {
    const RuleTable& rule = *run.group->rule;
    const StepKernel kernel = rule.kernels[static_cast<std::size_t>(run.group->type)][run.variant];
    const std::size_t count = parameter_count(run);
    for (std::size_t i = 0; i < count; ++i) {
      const Parameter& parameter = parameter_at(run, i);
      const std::size_t end_tile = tile + tiles_of(parameter);
      const std::size_t from = std::max(tile, first);
      const std::size_t to = std::min(end_tile, last);
      if (from < to) {
        kernel(parameter.streams, (from - tile) * tile_size, std::min((to - tile) * tile_size, parameter.count),
               run.coefficients);
      }
      tile = end_tile;
      if (tile >= last) return;
    }
  }
}

struct Work {
  std::span<const Run> runs;
  std::size_t tiles;
};

void step_part(void* context, int part, int parts) {
  const FpEnvironment environment;
  const Work& work = *static_cast<const Work*>(context);
  const auto bound = [&](int p) {
    return work.tiles / static_cast<std::size_t>(parts) * static_cast<std::size_t>(p) +
           work.tiles % static_cast<std::size_t>(parts) * static_cast<std::size_t>(p) / static_cast<std::size_t>(parts);
  };
  step_tiles(work.runs, bound(part), bound(part + 1));
}

}  // namespace

void step(Pool& pool, std::span<Run> runs, std::size_t elements_per_thread) {
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
  const std::size_t worthwhile = std::max<std::size_t>(cost / elements_per_thread, 1);
  const std::size_t parts = std::min({worthwhile, tiles, static_cast<std::size_t>(pool.threads())});
  Work work{runs, tiles};
  pool.run(static_cast<int>(parts), step_part, &work);
}

}  // namespace rmsprop
