#include "pass.hpp"

#include <algorithm>
#include <cstring>
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

// The elements of a piece of a tile, where arrays that lie in memory are added.
constexpr std::size_t piece = 64;

// One pass over the tiles.
struct Pass {
  const PreparedStages& prepared;
  bool measures;  // the gradients
  bool changes;   // anything: otherwise it measures only
  Reach reach;
  Pace pace;
};

// A thread's own: the gradient that the rule sees, the parameters that it leaves, and its coefficients.
struct Scratch {
  alignas(memory_alignment) unsigned char grad[tile_size * sizeof(double)];
  alignas(memory_alignment) unsigned char param[tile_size * sizeof(double)];
  alignas(double) unsigned char coefficients[max_coefficients * sizeof(double)];
  alignas(memory_alignment) unsigned char sums[max_sums][tile_size * sizeof(double)];
};

// An array from an element on; null for null.
template <typename Pointer>
Pointer offset(Pointer start, std::size_t element, Storage storage) {
  using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const char, char>;
  return start ? static_cast<Pointer>(static_cast<Byte*>(start) + element * bytes_of(storage)) : nullptr;
}

// A parameter's arrays from an element on.
Streams streams_from(const Streams& whole, const Storages& storages, std::size_t element) {
  Streams streams{offset(whole.param_in, element, storages.param),
                  offset(whole.param_out, element, storages.param),
                  offset(whole.grad, element, storages.grad),
                  {}};
  for (std::size_t slot = 0; slot < max_slots; ++slot) {
    streams.slots[slot] = offset(whole.slots[slot], element, storages.slots[slot]);
  }
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

// One tile in a pass, all of its arrays together: those of the rule in `streams`.
struct Tile {
  const Pass& pass;
  const Part& part;
  Scratch& scratch;
  Streams streams;
  void* average;
  void* accumulated;
  std::size_t begin;
  std::size_t count;
  TileSums& sums;

  void take() {
    if (!pass.changes) {
      make_grad();
    } else {
      change();
    }
  }

  // Where the gradient of the tile lies. One array of the number type is read in its place; any other source makes the
  // gradient, anew each time that it is asked for.
  const void* source() {
    const Source* const made = part.extras.source;
    if (!made) return streams.grad;
    return made->make(part.table, number_bytes(), begin, count, scratch.sums[0], sizeof scratch.sums[0]);
  }

  void zero_source() {
    const Source* const made = part.extras.source;
    if (!made) return part.table.fill(const_cast<void*>(streams.grad), count, 0);
    made->zero(part.table, number_bytes(), begin, count);
  }

  std::size_t number_bytes() const { return bytes_of(part.run.group->storages.grad); }

  // Makes the gradient that the rule sees, and returns where it lies. Measures it on the way, if the pass measures.
  const void* make_grad() {
    const RunStages& stages = part.stages;
    const bool clips = stages.applies && stages.clip_value < infinity;
    const bool norm = pass.measures && stages.applies && pass.prepared.measures_norm;
    const bool counts = pass.measures && pass.prepared.counts_non_finite;
    const void* grad = source();
    if (stages.accumulates) {
      part.table.accumulate(scratch.grad, accumulated, grad, count, stages.scale);
      grad = scratch.grad;
    }
    if (counts && (clips || !norm)) count_non_finite(grad);
    if (clips) {
      const double rest = stages.accumulates ? 1 : stages.scale;
      if (pass.measures && pass.prepared.step.stages.measures.clipped) {
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
    if (stages.applies) {
      // The average is fetched while the rule works.
      if (stages.averages && pass.reach == Reach::memory) {
        ask_for(average, count * bytes_of(part.run.group->storages.average));
      }
      apply();
      if (stages.averages) {
        part.table.average(average, streams.param_out, count, stages.decay, stages.one_minus_decay);
      }
      if (stages.accumulates) part.table.fill(accumulated, count, 0);
    } else {
      if (pass.measures) make_grad();
      part.table.accumulate(accumulated, accumulated, source(), count, stages.scale);
    }
    if (stages.zeroes) zero_source();
  }

  // Whether the rule sees the gradient as its source makes it, and nothing looks at either of them.
  bool sees_source() const {
    const RunStages& stages = part.stages;
    const bool looks = pass.measures && (pass.prepared.measures_norm || pass.prepared.counts_non_finite);
    return !stages.accumulates && !(stages.clip_value < infinity) && !looks;
  }

  // Adds arrays and takes the step in pieces, so that memory is asked for all of them together, and not for the
  // gradients first, then for the others. Of 32 to 1,024 elements, these were the fastest with 2 and with 4 arrays.
  void apply_in_pieces(const Source& made) {
    const StepKernel kernel = kernel_of(part.run, pass.reach);
    for (std::size_t done = 0; done < count; done += piece) {
      const std::size_t size = std::min(piece, count - done);
      Streams seen = streams_from(streams, part.run.group->storages, done);
      seen.grad = made.make(part.table, number_bytes(), begin + done, size, scratch.sums[0], sizeof scratch.sums[0]);
      kernel(seen, 0, size, scratch.coefficients);
    }
  }

  void apply() {
    const bool measures_update = pass.prepared.step.stages.measures.update;
    const Source* const made = part.extras.source;
    if (made && pass.reach == Reach::memory && made->adds_only() && sees_source() && !measures_update) {
      apply_in_pieces(*made);
      return;
    }
    const StepKernel kernel = kernel_of(part.run, pass.reach);
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
  const double factor = pass.prepared.step.memory.factors()[part.whole];
  values[grad_scale] = coefficient_by(factor, values[grad_scale], part.run.group->type);
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
  TileSums* const table = pass.prepared.step.memory.tiles();
  over_parts(pass.prepared.step, [&](const Part& part) {
    const std::size_t end = std::min(part.tile + tiles_of(part.parameter), last);
    const std::size_t begin = std::max(part.tile, first);
    if (begin >= end) return;
    if (pass.changes && part.stages.applies) finish_coefficients(pass, part, scratch);
    const Storages& storages = part.run.group->storages;
    for (std::size_t t = begin; t < end; ++t) {
      const std::size_t element = (t - part.tile) * tile_size;
      Tile{pass,
           part,
           scratch,
           streams_from(part.parameter.streams, storages, element),
           offset(part.extras.average, element, storages.average),
           offset(part.extras.accumulated, element, storages.accumulated),
           element,
           std::min(tile_size, part.parameter.count - element),
           table[part.place + (t - part.tile)]}
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
  const std::size_t tiles = pass.prepared.tiles;
  take_tiles(pass, first_of(tiles, share, shares), first_of(tiles, share + 1, shares));
}

}  // namespace

void take_pass(const Pool& pool, const PreparedStages& prepared, bool measures, bool changes, WorthOneThread worth,
               Pace pace) {
  if (prepared.tiles == 0) return;
  Pass pass{prepared, measures, changes, reach_of(prepared.bytes, prepared.step.memory_from), pace};
  call_shares(pool, prepared.tiles, prepared.cost, worth, take_share, &pass);
}

}  // namespace rmsprop
