// Staged steps: the stages beside the rule. lib/backends/backend.ts says what each number means, and
// lib/backends/pipeline.ts is the twin.
#pragma once

#include <cstddef>
#include <span>

#include "group.hpp"
#include "pool.hpp"
#include "share.hpp"
#include "stage_memory.hpp"
#include "tiles.hpp"

namespace rmsprop {

// The numbers of a staged step that JavaScript writes and reads, flags as 0 or 1: Stages, then RunStages for each run.
// TypeScript compares the names when it loads.
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

// A step with stages; run_stages has one for each run.
struct StagedStep {
  const Backend& backend;
  std::span<Run> runs;
  const RunStages* run_stages;
  Stages& stages;
  const StageMemory& memory;
  std::size_t memory_from = beyond_caches;
};

// Checks what memory safety needs. Returns a sentence that says what is wrong, or null.
const char* wrong_with(const StagedStep& step);

void step_staged(const Pool& pool, const StagedStep& step, WorthOneThread worth, Pace pace);

}  // namespace rmsprop
