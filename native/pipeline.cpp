#include "pipeline.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <thread>
#include <type_traits>

#include "fp_environment.hpp"
#include "memory.hpp"
#include "norms.hpp"
#include "parts.hpp"

namespace rmsprop {
namespace {

// The coefficient gradScale, through which gradients are clipped by norm, is the first of every rule.
constexpr std::size_t grad_scale = 0;

// One pass over the tiles.
struct Pass {
  const StagedStep& step;
  bool measures;  // the gradients
  bool changes;   // anything: otherwise it measures only
  bool measures_norm;
  bool counts_non_finite;
  std::size_t tiles;
  Reach reach;
  Pace pace;
};

// A thread's own: the gradient that the rule sees, the parameters that it leaves, and its coefficients.
struct Scratch {
  alignas(memory_alignment) unsigned char grad[tile_size * sizeof(double)];
  alignas(memory_alignment) unsigned char param[tile_size * sizeof(double)];
  alignas(double) unsigned char coefficients[max_coefficients * sizeof(double)];
};

template <typename Pointer>
Pointer offset(Pointer start, std::size_t bytes) {
  using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const char, char>;
  return start ? static_cast<Pointer>(static_cast<Byte*>(start) + bytes) : nullptr;
}

// A parameter's arrays from an element on.
Streams streams_from(const Streams& whole, std::size_t bytes) {
  Streams streams{offset(whole.param_in, bytes), offset(whole.param_out, bytes), offset(whole.grad, bytes), {}};
  for (std::size_t slot = 0; slot < max_slots; ++slot) streams.slots[slot] = offset(whole.slots[slot], bytes);
  return streams;
}

// Prefetches memory that is read soon.
void ask_for([[maybe_unused]] const void* start, [[maybe_unused]] std::size_t bytes) {
#if defined(__GNUC__) || defined(__clang__)
  for (std::size_t byte = 0; byte < bytes; byte += cache_line) {
    __builtin_prefetch(static_cast<const char*>(start) + byte);
  }
#endif
}

// One tile in a pass.
struct Tile {
  const Pass& pass;
  const Part& part;
  Scratch& scratch;
  Streams streams;
  void* average;
  void* accumulated;
  std::size_t count;
  TileSums& sums;

  void take() {
    if (!pass.changes) {
      make_grad();
    } else {
      change();
    }
  }

  // Makes the gradient that the rule sees, and returns where it lies. Measures it on the way, if the pass measures.
  const void* make_grad() {
    const RunStages& stages = part.stages;
    const bool clips = stages.applies && stages.clip_value < infinity;
    const bool norm = pass.measures && stages.applies && pass.measures_norm;
    const bool counts = pass.measures && pass.counts_non_finite;
    const void* grad = streams.grad;
    if (stages.accumulates) {
      part.table.accumulate(scratch.grad, accumulated, grad, count, stages.scale);
      grad = scratch.grad;
    }
    if (counts && (clips || !norm)) count_non_finite(grad);
    if (clips) {
      const double rest = stages.accumulates ? 1 : stages.scale;
      if (pass.measures && pass.step.stages.measures.clipped) {
        sums.clipped = static_cast<std::uint32_t>(part.table.count_above(grad, count, rest, stages.clip_value));
      }
      part.table.clip(scratch.grad, grad, count, rest, stages.clip_value);
      grad = scratch.grad;
    }
    if (norm) {
      sums.grad_squares = part.table.sum_of_squares(grad, count);
      // Only finite values have a finite sum, so the others are counted only where it is not finite.
      if (counts && !clips && !(sums.grad_squares < infinity)) count_non_finite(grad);
    }
    return grad;
  }

  void count_non_finite(const void* grad) {
    sums.non_finite = static_cast<std::uint32_t>(part.table.count_non_finite(grad, count));
  }

  void change() {
    const RunStages& stages = part.stages;
    void* grad = const_cast<void*>(streams.grad);
    if (stages.applies) {
      // The average is fetched while the rule works.
      if (stages.averages && pass.reach == Reach::memory) {
        ask_for(average, count * bytes_of(part.run.group->type));
      }
      apply();
      if (stages.averages) {
        part.table.average(average, streams.param_out, count, stages.decay, stages.one_minus_decay);
      }
      if (stages.accumulates) part.table.fill(accumulated, count, 0);
    } else {
      if (pass.measures) make_grad();
      part.table.accumulate(accumulated, accumulated, grad, count, stages.scale);
    }
    if (stages.zeroes) part.table.fill(grad, count, 0);
  }

  void apply() {
    const StepKernel kernel = kernel_of(part.run, pass.reach);
    const bool measures_update = pass.step.stages.measures.update;
    Streams seen = streams;
    seen.grad = make_grad();
    if (measures_update) seen.param_out = scratch.param;
    kernel(seen, 0, count, scratch.coefficients);
    if (!measures_update) return;
    Change change;
    part.table.store(streams.param_out, streams.param_in, scratch.param, count, &change);
    sums.update_squares = change.squares;
    sums.largest_update = change.largest;
  }
};

// The coefficients of one parameter, with its factor in them.
void finish_coefficients(const Pass& pass, const Part& part, Scratch& scratch) {
  double values[max_coefficients];
  const std::size_t count = part.run.group->rule->coefficient_count;
  std::memcpy(values, part.run.values, count * sizeof(double));
  values[grad_scale] = coefficient_by(pass.step.memory.factors()[part.index], values[grad_scale], part.run.group->type);
  if (part.run.group->type == NumberType::float32) {
    finish<float>(values, count, scratch.coefficients);
  } else {
    finish<double>(values, count, scratch.coefficients);
  }
}

// Takes tiles [first, last) of a pass.
void take_tiles(const Pass& pass, std::size_t first, std::size_t last) {
  Scratch scratch;
  std::size_t since_yield = 0;
  over_parts(pass.step, [&](const Part& part, std::size_t tile) {
    const std::size_t end = std::min(tile + tiles_of(part.parameter), last);
    const std::size_t begin = std::max(tile, first);
    if (begin >= end) return;
    if (pass.changes && part.stages.applies) finish_coefficients(pass, part, scratch);
    const std::size_t size = bytes_of(part.run.group->type);
    for (std::size_t t = begin; t < end; ++t) {
      const std::size_t element = (t - tile) * tile_size;
      const std::size_t bytes = element * size;
      Tile{pass,
           part,
           scratch,
           streams_from(part.parameter.streams, bytes),
           offset(part.extras.average, bytes),
           offset(part.extras.accumulated, bytes),
           std::min(tile_size, part.parameter.count - element),
           pass.step.memory.tiles()[t]}
          .take();
      if (pass.pace == Pace::yielding && ++since_yield == tiles_between_yields) {
        std::this_thread::yield();
        since_yield = 0;
      }
    }
  });
}

void take_share(void* context, int share, int shares) {
  const FpEnvironment environment;
  const Pass& pass = *static_cast<const Pass*>(context);
  take_tiles(pass, first_of(pass.tiles, share, shares), first_of(pass.tiles, share + 1, shares));
}

}  // namespace

const char* wrong_with(const StagedStep& step) {
  const char* wrong = nullptr;
  over_parts(step, [&](const Part& part, std::size_t tile) {
    if (!step.memory.holds(tile + tiles_of(part.parameter), part.index + 1)) wrong = "These are too many parameters.";
    if (part.parameter.count == 0) return;
    if (part.stages.averages && !part.extras.average) wrong = "A run needs an average that is not bound.";
    if (part.stages.accumulates && !part.extras.accumulated) wrong = "A run needs a sum that is not bound.";
    if (!part.stages.accumulates && !part.stages.applies) wrong = "A run neither accumulates nor applies.";
  });
  return wrong;
}

void step_staged(const Pool& pool, const StagedStep& step, WorthOneThread worth, Pace pace) {
  const FpEnvironment environment;
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  Stages& stages = step.stages;
  stages.report = {0, unknown, 0, 0, unknown, unknown};

  std::size_t tiles = 0;
  std::size_t cost = 0;
  std::size_t bytes = 0;
  bool clips_by_norm = stages.clip_global_norm < infinity;
  over_parts(step, [&](const Part& part, std::size_t) {
    tiles += tiles_of(part.parameter);
    cost += part.parameter.count + array_overhead;
    bytes += part.parameter.count * bytes_per_element(part.run);
    clips_by_norm = clips_by_norm || part.stages.clip_norm < infinity;
    step.memory.factors()[part.index] = 1;
  });
  std::memset(static_cast<void*>(step.memory.tiles()), 0, tiles * sizeof(TileSums));
  const bool measures_norm = clips_by_norm || stages.measures.grad_norm != 0;
  const bool counts_non_finite = stages.skip_non_finite != 0 || stages.measures.non_finite != 0;

  const auto take_pass = [&](bool measures, bool changes) {
    if (tiles == 0) return;
    Pass pass{step, measures, changes, measures_norm, counts_non_finite, tiles, reach_of(bytes, step.memory_from),
              pace};
    call_shares(pool, tiles, cost, worth, take_share, &pass);
  };
  const auto finish_gradients = [&] {
    if (measures_norm) finish_norms(step);
    for (std::size_t t = 0; t < tiles; ++t) {
      stages.report.non_finite += step.memory.tiles()[t].non_finite;
      stages.report.clipped += step.memory.tiles()[t].clipped;
    }
  };

  // Where something must be known of all gradients before anything changes, a pass of its own measures them.
  const bool first = stages.skip_non_finite != 0 || clips_by_norm;
  if (first) {
    take_pass(true, false);
    finish_gradients();
    if (stages.skip_non_finite != 0 && stages.report.non_finite > 0) {
      stages.report.skipped = 1;
      return;
    }
  }
  take_pass(!first, true);
  if (!first) finish_gradients();
  if (stages.measures.update != 0) finish_updates(step);
}

}  // namespace rmsprop
