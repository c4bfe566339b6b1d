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
  over_wholes(step, [&](const RunStages& stages, std::size_t whole, std::span<const TileSums> tiles) {
    ++count;
    if (!stages.applies) return;
    double grad_squares = 0;
    for (const TileSums& sums : tiles) grad_squares += sums.grad_squares;
    const bool scaled = stages.accumulates || stages.clip_value < infinity;
    const double norm = std::sqrt(grad_squares) * (scaled ? 1 : stages.scale);
    factors[whole] = factor_to(stages.clip_norm, norm);
    const double clipped = norm * factors[whole];
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
  over_wholes(step, [&](const RunStages&, std::size_t, std::span<const TileSums> tiles) {
    double update_squares = 0;
    for (const TileSums& sums : tiles) {
      update_squares += sums.update_squares;
      largest = std::max(largest, sums.largest_update);
    }
    squares += update_squares;
  });
  step.stages.report.update_norm = std::sqrt(squares);
  step.stages.report.largest_update = std::isnan(squares) ? squares : largest;
}

}  // namespace rmsprop
