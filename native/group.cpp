#include "group.hpp"

#include <cstring>

namespace rmsprop {

unsigned Group::bound_slots() const {
  unsigned mask = (1u << rule->slot_count) - 1;
  for (const Parameter& parameter : parameters) {
    for (std::size_t slot = 0; slot < rule->slot_count; ++slot) {
      if (parameter.count > 0 && !parameter.streams.slots[slot]) mask &= ~(1u << slot);
    }
  }
  return mask;
}

std::size_t parameter_count(const std::vector<Group>& groups) {
  std::size_t count = 0;
  for (const Group& group : groups) count += group.parameters.size();
  return count;
}

const RuleTable* find_rule(const Backend& backend, const char* name) {
  for (std::size_t i = 0; i < backend.rule_count; ++i) {
    if (std::strcmp(backend.rules[i].name, name) == 0) return &backend.rules[i];
  }
  return nullptr;
}

}  // namespace rmsprop
