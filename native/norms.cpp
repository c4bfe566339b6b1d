#include "norms.hpp"

#include <algorithm>
#include <cmath>

#include "parts.hpp"

namespace rmsprop {

void finish_norms(const StagedStep& step) {
  double* factors = step.memory.factors();
  double squares = 0;
  double clipped_squares = 0;
  std::size_t count = 0;
  over_parts(step, [&](const Part& part, std::size_t tile) {
    ++count;
    const RunStages& stages = part.stages;
    if (!stages.applies) return;
    double grad_squares = 0;
    for (std::size_t t = 0; t < tiles_of(part.parameter); ++t) {
      grad_squares += step.memory.tiles()[tile + t].grad_squares;
    }
    const bool scaled = stages.accumulates || stages.clip_value < infinity;
    const double norm = std::sqrt(grad_squares) * (scaled ? 1 : stages.scale);
    factors[part.index] = factor_to(stages.clip_norm, norm);
    const double clipped = norm * factors[part.index];
    squares += norm * norm;
    clipped_squares += clipped * clipped;
  });
  step.stages.report.grad_norm = std::sqrt(squares);
  const double factor = factor_to(step.stages.clip_global_norm, std::sqrt(clipped_squares));
  for (std::size_t i = 0; i < count; ++i) factors[i] = scaled_by(factor, factors[i]);
}

void finish_updates(const StagedStep& step) {
  double squares = 0;
  double largest = 0;
  over_parts(step, [&](const Part& part, std::size_t tile) {
    double update_squares = 0;
    for (std::size_t t = 0; t < tiles_of(part.parameter); ++t) {
      const TileSums& sums = step.memory.tiles()[tile + t];
      update_squares += sums.update_squares;
      largest = std::max(largest, sums.largest_update);
    }
    squares += update_squares;
  });
  step.stages.report.update_norm = std::sqrt(squares);
  step.stages.report.largest_update = std::isnan(squares) ? squares : largest;
}

}  // namespace rmsprop
