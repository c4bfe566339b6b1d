// A group as native code sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend.hpp"
#include "source.hpp"

namespace rmsprop {

// How the elements of an array lie in memory. Today every array has its group's number type itself, so that kernels
// take it where it lies.
enum class Storage : std::uint8_t { float32, float64 };

inline constexpr std::size_t bytes_of(Storage storage) {
  return storage == Storage::float32 ? sizeof(float) : sizeof(double);
}

// The storages of a parameter's arrays.
struct Storages {
  Storage param, grad, slots[max_slots], average, accumulated;
};

// Those of arrays that are of a number type themselves.
inline constexpr Storages storages_of(NumberType type) {
  const Storage own = type == NumberType::float32 ? Storage::float32 : Storage::float64;
  static_assert(max_slots == 4);
  return {own, own, {own, own, own, own}, own, own};
}

struct Parameter {
  Streams streams;
  std::size_t count;  // in elements; 0 for a parameter without a gradient, which is thereby skipped
};

// What only staged steps use of a parameter; null where there is none.
struct Extras {
  void* average;
  void* accumulated;
  const Source* source;  // of the group's
};

// Parameters that share a rule, a number type and storages, on one instruction set.
struct Group {
  const RuleTable* rule;
  NumberType type;  // that elements are computed in
  std::vector<Parameter> parameters;
  std::vector<Extras> extras;   // of each parameter, where the group is bound for staged steps
  std::vector<Source> sources;  // of the gradients that are made
  Storages storages = storages_of(type);

  // The slots that every parameter has an array for, one bit each.
  unsigned bound_slots() const;
};

// How many parameters groups have together.
std::size_t parameter_count(const std::vector<Group>& groups);

// The table of the named rule, or null.
const RuleTable* find_rule(const Backend& backend, const char* name);

}  // namespace rmsprop
