// The halves of a staged step over pieces of parameters as those who ask for them have them: a layout of whole numbers,
// and tables of tiles as numbers, which others fill in. A half may be taken of some of the pieces at a time.
// lib/backends/columns.ts and halves.ts are the twins.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pipeline.hpp"

namespace rmsprop {

// A layout and its lists.
class OwnLayout {
 public:
  // The numbers of tiles, whole parameters and pieces; then run, place and tiles of each whole parameter; then whole
  // parameter and place of each piece. Nothing where there are not as many numbers as that.
  static std::optional<OwnLayout> read(std::span<const std::uint32_t> words);

  Layout view() const { return {wholes_, pieces_, tiles_}; }
  std::size_t tiles() const { return tiles_; }
  std::size_t wholes() const { return wholes_.size(); }

 private:
  std::vector<Whole> wholes_;
  std::vector<Piece> pieces_;
  std::size_t tiles_ = 0;
};

// The columns that a table has. The last are two, those of the updates.
struct Columns {
  bool grad_squares = false, non_finite = false, clipped = false, updates = false;

  std::size_t count() const { return std::size_t{grad_squares} + non_finite + clipped + 2 * std::size_t{updates}; }
};

// Those that must be filled before a step changes anything.
Columns columns_before(const PreparedStages& prepared);

// Those that its report needs afterwards.
Columns columns_after(const PreparedStages& prepared);

// What `change` comes to.
inline Table table_of(const PreparedStages& prepared) {
  return prepared.measures_first ? Table::finished : Table::empty;
}

// Tiles of the table that lie one after the other.
struct Rows {
  std::size_t first;
  std::size_t count;
};

// Those of a step's pieces.
std::vector<Rows> rows_of(const StagedStep& step);

// For each tile of those a number of each column, in the numbers of the whole table.
void write_numbers(const TileSums* table, std::span<const Rows> rows, const Columns& columns, double* numbers);

// Reads the numbers of all tiles, which may be any. What has no column is zero.
void read_numbers(std::span<TileSums> tiles, const Columns& columns, const double* numbers);

}  // namespace rmsprop
