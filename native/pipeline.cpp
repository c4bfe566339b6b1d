#include "pipeline.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "fp_environment.hpp"
#include "norms.hpp"
#include "parts.hpp"
#include "pass.hpp"

namespace rmsprop {
namespace {

// The tiles that the step takes; others may have been filled already.
void clear_tiles(const PreparedStages& prepared) {
  TileSums* const table = prepared.step.memory.tiles();
  if (!prepared.step.layout) {
    std::memset(static_cast<void*>(table), 0, prepared.tiles * sizeof(TileSums));
    return;
  }
  over_parts(prepared.step, [&](const Part& part) {
    std::memset(static_cast<void*>(table + part.place), 0, tiles_of(part.parameter) * sizeof(TileSums));
  });
}

// From a finished table to the norms and counts of gradients in the report, and to the factors.
void finish_gradients(const PreparedStages& prepared) {
  if (prepared.measures_norm) finish_norms(prepared.step);
  Report& report = prepared.step.stages.report;
  over_wholes(prepared.step, [&](const RunStages&, std::size_t, std::span<const TileSums> tiles) {
    for (const TileSums& sums : tiles) {
      report.non_finite += sums.non_finite;
      report.clipped += sums.clipped;
    }
  });
}

// The same as wrong_with, of a step whose parameters are pieces.
const char* wrong_with_layout(const StagedStep& step) {
  const auto& [wholes, pieces, tiles] = *step.layout;
  for (const Whole& whole : wholes) {
    if (whole.run >= step.runs.size()) return "A whole parameter is of a run that there is not.";
    const std::size_t most = std::min(whole.place, tiles);
    if (whole.tiles > tiles - most) return "A whole parameter is not in the table.";
  }
  if (!step.memory.holds(tiles, wholes.size())) return "These are too many whole parameters.";
  std::size_t parameters = 0;
  for (const Run& run : step.runs) parameters += parameter_count(run);
  if (parameters != pieces.size()) return "These are not the pieces of the parameters.";
  const char* wrong = nullptr;
  over_parts(step, [&](const Part& part) {
    const std::size_t most = std::min(part.place, tiles);
    const bool inside = part.whole < wholes.size() && tiles_of(part.parameter) <= tiles - most;
    if (!inside) wrong = "A piece is of no whole parameter.";
  });
  return wrong;
}

}  // namespace

const char* wrong_with(const StagedStep& step) {
  const char* wrong = step.layout ? wrong_with_layout(step) : nullptr;
  if (wrong) return wrong;
  over_parts(step, [&](const Part& part) {
    const std::size_t end = part.place + tiles_of(part.parameter);
    if (!step.memory.holds(end, part.whole + 1)) wrong = "These are too many parameters.";
    if (part.parameter.count == 0) return;
    if (part.stages.averages && !part.extras.average) wrong = "A run needs an average that is not bound.";
    if (part.stages.accumulates && !part.extras.accumulated) wrong = "A run needs a sum that is not bound.";
    if (!part.stages.accumulates && !part.stages.applies) wrong = "A run neither accumulates nor applies.";
  });
  return wrong;
}

PreparedStages prepare(const StagedStep& step) {
  PreparedStages prepared{step};
  const Stages& stages = step.stages;
  bool clips_by_norm = stages.clip_global_norm < infinity;
  for (std::size_t r = 0; r < step.runs.size(); ++r) {
    clips_by_norm = clips_by_norm || step.run_stages[r].clip_norm < infinity;
  }
  over_parts(step, [&](const Part& part) {
    prepared.tiles += tiles_of(part.parameter);
    const std::size_t made = part.extras.source ? part.extras.source->cost() : 0;
    prepared.cost += part.parameter.count * (1 + made) + array_overhead;
    prepared.bytes += part.parameter.count * bytes_per_element(part.run);
    ++prepared.wholes;
  });
  if (step.layout) prepared.wholes = step.layout->wholes.size();
  prepared.measures_norm = clips_by_norm || stages.measures.grad_norm != 0;
  prepared.counts_non_finite = stages.skip_non_finite != 0 || stages.measures.non_finite != 0;
  prepared.measures_first = stages.skip_non_finite != 0 || clips_by_norm;
  return prepared;
}

void measure(const Pool& pool, const PreparedStages& prepared, WorthOneThread worth, Pace pace) {
  clear_tiles(prepared);
  take_pass(pool, prepared, true, false, worth, pace);
}

void decide(const PreparedStages& prepared, Table table) {
  const FpEnvironment environment;
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  const StagedStep& step = prepared.step;
  Stages& stages = step.stages;
  stages.report = {0, unknown, 0, 0, unknown, unknown};
  std::fill_n(step.memory.factors(), prepared.wholes, 1.0);
  if (table == Table::empty) return;
  finish_gradients(prepared);
  if (stages.skip_non_finite != 0 && stages.report.non_finite > 0) stages.report.skipped = 1;
}

void change_tiles(const Pool& pool, const PreparedStages& prepared, Table table, WorthOneThread worth, Pace pace) {
  if (prepared.step.stages.report.skipped != 0) return;
  const bool measures = table == Table::empty;
  if (measures) clear_tiles(prepared);
  take_pass(pool, prepared, measures, true, worth, pace);
}

void finish_report(const PreparedStages& prepared, Table table) {
  const FpEnvironment environment;
  const Stages& stages = prepared.step.stages;
  if (stages.report.skipped != 0) return;
  if (table == Table::empty) finish_gradients(prepared);
  if (stages.measures.update != 0) finish_updates(prepared.step);
}

void change(const Pool& pool, const PreparedStages& prepared, Table table, WorthOneThread worth, Pace pace) {
  decide(prepared, table);
  change_tiles(pool, prepared, table, worth, pace);
  finish_report(prepared, table);
}

void step_staged(const Pool& pool, const StagedStep& step, WorthOneThread worth, Pace pace) {
  const PreparedStages prepared = prepare(step);
  if (prepared.measures_first) measure(pool, prepared, worth, pace);
  change(pool, prepared, prepared.measures_first ? Table::finished : Table::empty, worth, pace);
}

}  // namespace rmsprop
