// Staged steps: what is done beside the rule. lib/backends/backend.ts says what each number means, and
// lib/backends/pipeline.ts is the twin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "group.hpp"
#include "pool.hpp"
#include "share.hpp"
#include "tiles.hpp"

namespace rmsprop {

// What JavaScript writes and reads of a staged step, numbers all, flags as 0 or 1: first Stages, then RunStages for
// each run. TypeScript compares the names when it loads.
inline constexpr const char* stages_signature =
    "skipNonFinite clipGlobalNorm gradNorm nonFinite clipped update"
    "; skipped gradNorm nonFinite clipped updateNorm largestUpdate"
    "; accumulates applies scale clipValue clipNorm averages decay oneMinusDecay zeroes";

struct Measures {
  double grad_norm, non_finite, clipped, update;
};

struct Report {
  double skipped, grad_norm, non_finite, clipped, update_norm, largest_update;
};

struct Stages {
  double skip_non_finite, clip_global_norm;
  Measures measures;
  Report report;
};

struct RunStages {
  double accumulates, applies, scale, clip_value, clip_norm, averages, decay, one_minus_decay, zeroes;
};

// What is known of a tile once it is done. It is kept until all are, because sums are taken in the order of the tiles.
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
  ~StageMemory();
  StageMemory(const StageMemory&) = delete;
  StageMemory& operator=(const StageMemory&) = delete;

  // Whether steps over these groups fit in.
  bool holds(const std::vector<Group>& groups) const;
  bool holds(std::size_t tile_count, std::size_t parameter_count) const;

  TileSums* tiles() const { return tiles_; }
  // By parameter, in the order of the runs: what clipping by norm multiplies its gradient by.
  double* factors() const { return factors_; }

 private:
  StageMemory(std::size_t tile_count, std::size_t parameter_count) noexcept;

  std::size_t tile_count_;
  std::size_t parameter_count_;
  void* block_;
  TileSums* tiles_;
  double* factors_;
};

// A step in which each run does what its stages say; run_stages has as many as there are runs.
struct StagedStep {
  const Backend& backend;
  std::span<Run> runs;
  const RunStages* run_stages;
  Stages& stages;
  const StageMemory& memory;
  std::size_t memory_from = beyond_caches;
};

// What is wrong with it, of what memory safety needs; null where nothing is.
const char* wrong_with(const StagedStep& step);

void step_staged(const Pool& pool, const StagedStep& step, WorthOneThread worth, Pace pace);

}  // namespace rmsprop
