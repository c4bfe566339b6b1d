// What a staged step walks over: the parameters of all runs in order. The twin of `Part` in lib/backends/pipeline.ts.
#pragma once

#include <cstddef>

#include "pipeline.hpp"

namespace rmsprop {

// One parameter that the walk has come to.
struct Part {
  const Run& run;
  const RunStages& stages;
  const StageTable& table;
  const Parameter& parameter;
  const Extras& extras;
  std::size_t index;  // in the order of the runs
};

// Calls `each(part, tile)` for all parameters in the order of the runs; `tile` is the number of its first one.
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
      each(Part{run, step.run_stages[r], table, parameter, run.group->extras[at], index}, tile);
      tile += tiles_of(parameter);
    }
  }
}

}  // namespace rmsprop
