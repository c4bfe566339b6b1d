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
#include "share.hpp"
#include "step.hpp"
#include "tiles.hpp"

namespace rmsprop {

// A step's commands are numbers that JavaScript writes: the first is the number of runs; then each run has `stride` of
// them: group, variant, first index in the selection, number of indices (or -1: the whole group), coefficients.
inline constexpr std::size_t run_header = 4;
inline constexpr std::size_t stride = run_header + max_coefficients;

// Where a step's commands lie, with their selection and stages.
struct Commands {
  const double* numbers = nullptr;
  const std::uint32_t* selection = nullptr;
  Stages* stages = nullptr;  // null where steps have none
  const RunStages* run_stages = nullptr;
};

// How they lie in one block of memory: the numbers, then the stages, then the selection.
struct CommandLayout {
  std::size_t run_capacity = 0;
  std::size_t selection_capacity = 0;
  bool staged = false;

  std::size_t numbers() const { return 1 + run_capacity * stride; }
  std::size_t stages_at() const { return numbers() * sizeof(double); }
  std::size_t stage_bytes() const { return staged ? sizeof(Stages) + run_capacity * sizeof(RunStages) : 0; }
  std::size_t selection_at() const { return stages_at() + stage_bytes(); }
  std::size_t bytes() const { return selection_at() + selection_capacity * sizeof(std::uint32_t); }

  Commands in(void* memory) const;
};

// A step off the event loop shares them.
struct BoundGroups : std::enable_shared_from_this<BoundGroups> {
  const Backend* backend = nullptr;
  std::vector<Group> groups;
  std::vector<unsigned> bound_slots;     // of each group, one bit each
  std::vector<Run> runs;                 // as many as a step may have
  std::optional<PreparedRuns> prepared;  // the last step's, where it was neither staged nor off the event loop
  void* memory = nullptr;                // JavaScript writes it, and may take it away between two calls
  Commands commands;                     // in it
  std::size_t selection_capacity = 0;    // the most parameters that there may be
  bool at_work = false;                  // off the event loop
  WorthOneThread worth;
  std::size_t memory_from = beyond_caches;
  std::unique_ptr<StageMemory> stage_memory;  // null where steps have no stages
  std::unique_ptr<StageMemory> table_memory;  // of steps over pieces in halves; null before the first

  CommandLayout layout() const { return {runs.size(), selection_capacity, stage_memory != nullptr}; }

  StagedStep staged(const Commands& from, std::span<Run> all) const {
    return {*backend, all, from.run_stages, *from.stages, *stage_memory, memory_from};
  }

  // The same of parameters that are pieces, once there is memory for the table.
  StagedStep staged(const Commands& from, std::span<Run> all, const Layout& layout) const {
    return {*backend, all, from.run_stages, *from.stages, *table_memory, memory_from, &layout};
  }

  // Makes memory for a table where there is none that is large enough. Returns whether there is now.
  bool make_table(std::size_t tiles, std::size_t wholes);

  // Replaces the groups if there is room for the others. Otherwise changes nothing.
  bool replace(std::vector<Group> others);

  // Reads commands, which may hold any numbers, into `read`. Returns a sentence that says what is wrong, or null.
  const char* read_commands(const Commands& from, std::span<Run>& read);
};

}  // namespace rmsprop
