// Staged steps: the stages beside the rule. lib/backends/backend.ts says what each number means, and
// lib/backends/pipeline.ts is the twin.
#pragma once

#include <cstddef>
#include <cstdint>
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

// A whole parameter: norms are of whole ones, however many pieces they are stepped in, and where.
struct Whole {
  std::size_t run;    // the run whose stages it takes
  std::size_t place;  // of its first tile in the table
  std::size_t tiles;
};

// The whole parameter that one of a step's parameters is a piece of, and the tile of the table that its first one is.
struct Piece {
  std::size_t whole;
  std::size_t place;
};

// The whole parameters in the order in which sums are taken, the piece that each parameter of the runs is, in theirs,
// and the tiles of the table. Those of no whole parameter here count for nothing.
struct Layout {
  std::span<const Whole> wholes;
  std::span<const Piece> pieces;
  std::size_t tiles;
};

// A step with stages; run_stages has one for each run.
struct StagedStep {
  const Backend& backend;
  std::span<Run> runs;
  const RunStages* run_stages;
  Stages& stages;
  const StageMemory& memory;
  std::size_t memory_from = beyond_caches;
  const Layout* layout = nullptr;  // null where every parameter of the runs is a whole one
};

// Checks what memory safety needs. Returns a sentence that says what is wrong, or null.
const char* wrong_with(const StagedStep& step);

// A staged step, and what one walk over its parameters finds. Holds as long as the step is left as it is.
struct PreparedStages {
  const StagedStep& step;
  std::size_t tiles = 0;  // that the step takes
  std::size_t cost = 0;   // in elements
  std::size_t bytes = 0;  // that it reads
  std::size_t wholes = 0;
  bool measures_norm = false;
  bool counts_non_finite = false;
  bool measures_first = false;  // something must be known of all gradients before anything changes
};

PreparedStages prepare(const StagedStep& step);

// The table of tiles that `change` comes to.
enum class Table : std::uint8_t { empty, finished };

// The first half of a step: fills the tiles of its parameters in the table. Changes nothing else.
void measure(const Pool& pool, const PreparedStages& prepared, WorthOneThread worth, Pace pace);

// The second half. It takes a finished table as it is, whoever measured its tiles. It fills an empty one on its way,
// which does for a step that need not measure first. It is `decide`, `change_tiles` and `finish_report`.
void change(const Pool& pool, const PreparedStages& prepared, Table table, WorthOneThread worth, Pace pace);

// From a finished table to the factors of all whole parameters, and to a report that says whether the step is skipped.
// Of an empty table no factor is known to be other than 1, and no step is skipped.
void decide(const PreparedStages& prepared, Table table);

// Changes the parameters by those factors, unless the step is skipped. Fills their tiles of an empty table.
void change_tiles(const Pool& pool, const PreparedStages& prepared, Table table, WorthOneThread worth, Pace pace);

// The rest of the report, of a table in which all tiles are filled, whoever changed them.
void finish_report(const PreparedStages& prepared, Table table);

// Both halves, or the second alone where that does.
void step_staged(const Pool& pool, const StagedStep& step, WorthOneThread worth, Pace pace);

}  // namespace rmsprop
