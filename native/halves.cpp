#include "halves.hpp"

#include <limits>

#include "parts.hpp"

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

std::vector<Rows> rows_of(const StagedStep& step) {
  std::vector<Rows> rows;
  over_parts(step, [&](const Part& part) {
    const std::size_t count = tiles_of(part.parameter);
    if (count == 0) return;
    if (!rows.empty() && rows.back().first + rows.back().count == part.place) {
      rows.back().count += count;
    } else {
      rows.push_back({part.place, count});
    }
  });
  return rows;
}

void write_numbers(const TileSums* table, std::span<const Rows> rows, const Columns& columns, double* numbers) {
  const std::size_t width = columns.count();
  if (width == 0) return;
  for (const Rows& some : rows) {
    double* number = numbers + some.first * width;
    for (const TileSums& sums : std::span(table + some.first, some.count)) {
      if (columns.grad_squares) *number++ = sums.grad_squares;
      if (columns.non_finite) *number++ = sums.non_finite;
      if (columns.clipped) *number++ = sums.clipped;
      if (columns.updates) {
        *number++ = sums.update_squares;
        *number++ = sums.largest_update;
      }
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
