// The memory that staged steps need beside the arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "group.hpp"

namespace rmsprop {

// The results of one tile. They are kept until all tiles are done, because sums are taken in the order of the tiles.
struct TileSums {
  double grad_squares;
  double update_squares;
  double largest_update;
  std::uint32_t non_finite;
  std::uint32_t clipped;
};

// The memory that staged steps over some groups need beside the arrays.
class StageMemory {
 public:
  // Null where there is not enough memory.
  static std::unique_ptr<StageMemory> create(const std::vector<Group>& groups);
  static std::unique_ptr<StageMemory> create(std::size_t tile_count, std::size_t parameter_count);
  ~StageMemory();
  StageMemory(const StageMemory&) = delete;
  StageMemory& operator=(const StageMemory&) = delete;

  // Whether steps over these groups fit in.
  bool holds(const std::vector<Group>& groups) const;
  bool holds(std::size_t tile_count, std::size_t parameter_count) const;

  // The table of tiles: those of all whole parameters, in the order of the runs.
  TileSums* tiles() const { return tiles_; }
  // For each whole parameter, in that order, the factor by which clipping by norm scales its gradient.
  double* factors() const { return factors_; }

 private:
  StageMemory(std::size_t tile_count, std::size_t parameter_count) noexcept;

  std::size_t tile_count_;
  std::size_t parameter_count_;
  void* block_;
  TileSums* tiles_;
  double* factors_;
};

}  // namespace rmsprop
