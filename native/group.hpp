// A group as native code sees it.
#pragma once

#include <cstddef>
#include <vector>

#include "backend.hpp"

namespace rmsprop {

struct Parameter {
  Streams streams;
  std::size_t count;  // in elements; 0 for a parameter without a gradient, which is thereby skipped
};

// The arrays of a parameter that only staged steps use; null where there is none.
struct Extras {
  void* average;
  void* accumulated;
};

// Parameters of one number type that share a rule, on one instruction set.
struct Group {
  const RuleTable* rule;
  NumberType type;
  std::vector<Parameter> parameters;
  std::vector<Extras> extras;  // of each parameter, where the group is bound for staged steps

  // The slots that every parameter has an array for, one bit each.
  unsigned bound_slots() const;
};

// How many parameters groups have together.
std::size_t parameter_count(const std::vector<Group>& groups);

// The table of the named rule, or null.
const RuleTable* find_rule(const Backend& backend, const char* name);

}  // namespace rmsprop
