#include "bound_groups.hpp"

#include <utility>

namespace rmsprop {
namespace {

// Reads one run's command, or says what is wrong with it.
const char* read_run(const BoundGroups& bound, const Commands& from, const double* command, Run& run) {
  const double group = command[0];
  if (!(group >= 0 && group < static_cast<double>(bound.groups.size())))
    return "A run names a group that is not bound.";
  const auto index = static_cast<std::size_t>(group);
  run.group = &bound.groups[index];
  const RuleTable& rule = *run.group->rule;
  if (!(command[1] >= 0 && command[1] < static_cast<double>(rule.variant_count))) return "A run names no variant.";
  run.variant = static_cast<std::size_t>(command[1]);
  if (rule.used_slots[run.variant] & ~bound.bound_slots[index]) return "A run needs a slot that is not bound.";
  run.whole_group = command[3] < 0;
  run.selection = {};
  if (!run.whole_group) {
    const double size = static_cast<double>(bound.selection_capacity);
    if (!(command[2] >= 0 && command[3] >= 0 && command[2] + command[3] <= size)) return "A selection is too long.";
    run.selection = {from.selection + static_cast<std::size_t>(command[2]), static_cast<std::size_t>(command[3])};
    for (const std::uint32_t i : run.selection) {
      if (i >= run.group->parameters.size()) return "A selection names a parameter that is not bound.";
    }
  }
  run.values = command + run_header;
  return nullptr;
}

}  // namespace

Commands CommandLayout::in(void* memory) const {
  auto* const bytes = static_cast<unsigned char*>(memory);
  Commands commands;
  commands.numbers = static_cast<const double*>(memory);
  commands.selection = reinterpret_cast<const std::uint32_t*>(bytes + selection_at());
  if (staged) {
    commands.stages = reinterpret_cast<Stages*>(bytes + stages_at());
    commands.run_stages = reinterpret_cast<const RunStages*>(commands.stages + 1);
  }
  return commands;
}

bool BoundGroups::replace(std::vector<Group> others) {
  if (parameter_count(others) > selection_capacity) return false;
  if (stage_memory && !stage_memory->holds(others)) return false;
  std::vector<unsigned> slots;
  for (const Group& group : others) slots.push_back(group.bound_slots());
  prepared.reset();
  groups = std::move(others);
  bound_slots = std::move(slots);
  return true;
}

bool BoundGroups::make_table(std::size_t tiles, std::size_t wholes) {
  if (!table_memory || !table_memory->holds(tiles, wholes)) table_memory = StageMemory::create(tiles, wholes);
  return table_memory != nullptr;
}

const char* BoundGroups::read_commands(const Commands& from, std::span<Run>& read) {
  prepared.reset();
  if (at_work) return "These groups are at work.";
  const double count = from.numbers[0];
  if (!(count >= 0 && count <= static_cast<double>(runs.size()))) return "Too many runs.";
  read = {runs.data(), static_cast<std::size_t>(count)};
  const double* command = from.numbers + 1;
  const char* wrong = nullptr;
  for (std::size_t i = 0; i < read.size() && !wrong; ++i, command += stride) {
    wrong = read_run(*this, from, command, read[i]);
  }
  return wrong;
}

}  // namespace rmsprop
