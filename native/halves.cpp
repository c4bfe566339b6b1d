#include "halves.hpp"

#include <limits>

namespace rmsprop {
namespace {

Columns of_gradients(const PreparedStages& prepared) {
  return {prepared.measures_norm, prepared.counts_non_finite, prepared.step.stages.measures.clipped != 0, false};
}

std::uint32_t count_of(double number) {
  const bool fits = number >= 0 && number <= static_cast<double>(std::numeric_limits<std::uint32_t>::max());
  return fits ? static_cast<std::uint32_t>(number) : 0;
}

}  // namespace

std::optional<OwnLayout> OwnLayout::read(std::span<const std::uint32_t> words) {
  constexpr std::size_t header = 3;
  if (words.size() < header) return {};
  const std::size_t wholes = words[1];
  const std::size_t pieces = words[2];
  const std::size_t rest = words.size() - header;
  // Divisions, because a product might be too large.
  if (wholes > rest / 3 || pieces != (rest - 3 * wholes) / 2 || (rest - 3 * wholes) % 2 != 0) return {};
  OwnLayout layout;
  layout.tiles_ = words[0];
  layout.wholes_.reserve(wholes);
  layout.pieces_.reserve(pieces);
  const std::uint32_t* at = words.data() + header;
  for (std::size_t i = 0; i < wholes; ++i, at += 3) layout.wholes_.push_back({at[0], at[1], at[2]});
  for (std::size_t i = 0; i < pieces; ++i, at += 2) layout.pieces_.push_back({at[0], at[1]});
  return layout;
}

Columns columns_before(const PreparedStages& prepared) {
  return prepared.measures_first ? of_gradients(prepared) : Columns{};
}

Columns columns_after(const PreparedStages& prepared) {
  Columns columns = prepared.measures_first ? Columns{} : of_gradients(prepared);
  columns.updates = prepared.step.stages.measures.update != 0;
  return columns;
}

void write_numbers(std::span<const TileSums> tiles, const Columns& columns, double* numbers) {
  if (columns.count() == 0) return;
  for (const TileSums& sums : tiles) {
    if (columns.grad_squares) *numbers++ = sums.grad_squares;
    if (columns.non_finite) *numbers++ = sums.non_finite;
    if (columns.clipped) *numbers++ = sums.clipped;
    if (columns.updates) {
      *numbers++ = sums.update_squares;
      *numbers++ = sums.largest_update;
    }
  }
}

void read_numbers(std::span<TileSums> tiles, const Columns& columns, const double* numbers) {
  for (TileSums& sums : tiles) {
    sums = {};
    if (columns.grad_squares) sums.grad_squares = *numbers++;
    if (columns.non_finite) sums.non_finite = count_of(*numbers++);
    if (columns.clipped) sums.clipped = count_of(*numbers++);
    if (columns.updates) {
      sums.update_squares = *numbers++;
      sums.largest_update = *numbers++;
    }
  }
}

}  // namespace rmsprop
