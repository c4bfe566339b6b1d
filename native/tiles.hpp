// What steps walk over: the tiles of all parameters of all runs, counted through in order.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "group.hpp"

namespace rmsprop {

// Parameters of one group that take this step with the same coefficients.
struct Run {
  const Group* group;
  std::size_t variant;
  std::span<const std::uint32_t> selection;  // indices into the group's parameters
  bool whole_group;                          // every parameter; the selection is not looked at
  const double* values;                      // the rule's coefficients, rounded here to the group's number type
  StepKernel kernel;                         // for where the arrays lie; prepare() finds it
  alignas(double) unsigned char coefficients[max_coefficients * sizeof(double)];
};

// Whether a step keeps its cores, or offers them to other threads again and again, so that an event loop beside it is
// not late for its timers.
enum class Pace : std::uint8_t { steady, yielding };

// Where the arrays of a step lie when it comes to them: in a cache, or, where they have more bytes than caches hold, in
// memory.
enum class Reach : std::uint8_t { cache, memory };

// A step that reads this many bytes or more finds its arrays in memory: the last-level cache that a process has to
// itself on the larger of today's processors. Between caches, prefetching costs a few percent.
inline constexpr std::size_t beyond_caches = std::size_t{32} << 20;

// A yielding step offers its core after this many tiles: some 80 microseconds of work, far less than a timer's
// millisecond and far more than the offer costs.
inline constexpr std::size_t tiles_between_yields = 256;

inline std::size_t tiles_of(const Parameter& parameter) {
  return (parameter.count + tile_size - 1) / tile_size;
}

inline std::size_t parameter_index(const Run& run, std::size_t i) {
  return run.whole_group ? i : run.selection[i];
}

inline const Parameter& parameter_at(const Run& run, std::size_t i) {
  return run.group->parameters[parameter_index(run, i)];
}

inline std::size_t parameter_count(const Run& run) {
  return run.whole_group ? run.group->parameters.size() : run.selection.size();
}

// Bytes that a step reads for each element of a run.
inline std::size_t bytes_per_element(const Run& run) {
  const Storages& storages = run.group->storages;
  std::size_t bytes = bytes_of(storages.param) + bytes_of(storages.grad);
  for (unsigned slots = run.group->rule->used_slots[run.variant]; slots != 0; slots &= slots - 1) {
    bytes += bytes_of(storages.slots[std::countr_zero(slots)]);
  }
  return bytes;
}

inline Reach reach_of(std::size_t bytes, std::size_t memory_from) {
  return bytes < memory_from ? Reach::cache : Reach::memory;
}

inline StepKernel kernel_of(const Run& run, Reach reach) {
  const RuleTable& rule = *run.group->rule;
  const auto& kernels = reach == Reach::memory ? rule.ahead_kernels : rule.kernels;
  return kernels[static_cast<std::size_t>(run.group->type)][run.variant];
}

template <typename Number>
void finish(const double* values, std::size_t count, void* coefficients) {
  for (std::size_t i = 0; i < count; ++i) static_cast<Number*>(coefficients)[i] = static_cast<Number>(values[i]);
}

// Rounds a run's coefficients to its group's number type.
inline void finish_coefficients(Run& run) {
  const std::size_t count = run.group->rule->coefficient_count;
  if (run.group->type == NumberType::float32) {
    finish<float>(run.values, count, run.coefficients);
  } else {
    finish<double>(run.values, count, run.coefficients);
  }
}

}  // namespace rmsprop
