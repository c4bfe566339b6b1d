// What a staged step walks over: the parameters of all runs in order, and the whole ones. The twin of `Part` in
// lib/backends/pipeline.ts.
#pragma once

#include <cstddef>
#include <span>

#include "pipeline.hpp"

namespace rmsprop {

// One parameter that the walk has come to.
struct Part {
  const Run& run;
  const RunStages& stages;
  const StageTable& table;
  const Parameter& parameter;
  const Extras& extras;
  std::size_t tile;   // the number of its first one among those that the step takes
  std::size_t place;  // of that tile in the table
  std::size_t whole;
};

// Calls `each(part)` for all parameters in the order of the runs.
template <typename Each>
void over_parts(const StagedStep& step, Each each) {
  std::size_t index = 0;
  std::size_t tile = 0;
  for (std::size_t r = 0; r < step.runs.size(); ++r) {
    const Run& run = step.runs[r];
    const StageTable& table = step.backend.stages[static_cast<std::size_t>(run.group->type)];
    const std::size_t count = parameter_count(run);
    for (std::size_t i = 0; i < count; ++i, ++index) {
      const std::size_t at = parameter_index(run, i);
      const Parameter& parameter = run.group->parameters[at];
      const Piece piece = step.layout ? step.layout->pieces[index] : Piece{index, tile};
      each(Part{run, step.run_stages[r], table, parameter, run.group->extras[at], tile, piece.place, piece.whole});
      tile += tiles_of(parameter);
    }
  }
}

// Calls `each(stages, whole, tiles)` for all whole parameters in order, with their tiles of the table.
template <typename Each>
void over_wholes(const StagedStep& step, Each each) {
  const TileSums* const table = step.memory.tiles();
  if (!step.layout) {
    return over_parts(step, [&](const Part& part) {
      each(part.stages, part.whole, std::span(table + part.place, tiles_of(part.parameter)));
    });
  }
  std::size_t index = 0;
  for (const Whole& whole : step.layout->wholes) {
    each(step.run_stages[whole.run], index++, std::span(table + whole.place, whole.tiles));
  }
}

}  // namespace rmsprop
