// Groups that are bound to be stepped many times, and the commands that say what a step of them does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "group.hpp"
#include "pipeline.hpp"
#include "step.hpp"

namespace rmsprop {

// A step's commands lie in memory that JavaScript writes: commands[0] is the number of runs; then each run has `stride`
// numbers: group, variant, first index in the selection, number of indices (or -1: the whole group), coefficients.
inline constexpr std::size_t run_header = 4;
inline constexpr std::size_t stride = run_header + max_coefficients;

struct BoundGroups {
  const Backend* backend = nullptr;
  std::vector<Group> groups;
  std::vector<unsigned> bound_slots;     // of each group, one bit each
  std::vector<Run> runs;                 // as many as a step may have
  std::optional<PreparedRuns> prepared;  // the last step's, where it was neither staged nor off the event loop
  const double* commands = nullptr;
  const std::uint32_t* selection = nullptr;
  std::size_t selection_capacity = 0;  // the most parameters there may be
  bool at_work = false;                // off the event loop
  WorthOneThread worth;
  std::size_t memory_from = beyond_caches;
  std::unique_ptr<StageMemory> stage_memory;  // null where steps have no stages
  Stages* stages = nullptr;
  const RunStages* run_stages = nullptr;

  StagedStep staged(std::span<Run> all) const {
    return {*backend, all, run_stages, *stages, *stage_memory, memory_from};
  }

  // Takes groups in the place of those there are, if there is room for them; otherwise nothing is changed.
  bool replace(std::vector<Group> others);

  // Reads the commands, which may say anything, into `read`. Returns what is wrong with them, or null.
  const char* read_commands(std::span<Run>& read);
};

}  // namespace rmsprop
