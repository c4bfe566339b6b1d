// What steps walk over: the tiles of all parameters of all runs, counted through in order, and shared out to threads.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "step.hpp"

namespace rmsprop {

// What an array costs beyond its elements, in elements: the call of a kernel and the set-up of its loop.
inline constexpr std::size_t array_overhead = 64;

// A yielding step offers its core after so many tiles: some 80 microseconds of work, far below a timer's millisecond
// and far above what the offer costs.
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

inline std::size_t bytes_of(NumberType type) {
  return type == NumberType::float32 ? sizeof(float) : sizeof(double);
}

// What a step reads of each element of a run, in bytes.
inline std::size_t bytes_per_element(const Run& run) {
  const int slots = std::popcount(run.group->rule->used_slots[run.variant]);
  return bytes_of(run.group->type) * (2 + static_cast<std::size_t>(slots));
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

// The calling thread is at work while the others still hear of it, and again until it hears of them: about 0.7
// microseconds, for which it takes so many tiles more than each of them, where its share is large enough.
inline constexpr std::size_t head_start = 4;

// Where part `part` of `parts` begins in `count` tiles that are shared out evenly, but for the head start of part 0.
inline std::size_t bound(std::size_t count, int part, int parts) {
  const auto p = static_cast<std::size_t>(part);
  const auto n = static_cast<std::size_t>(parts);
  const std::size_t ahead = std::min(head_start, count / n / 8);
  const std::size_t even = count - ahead;
  return p == 0 ? 0 : ahead + even / n * p + even % n * p / n;
}

// Calls task(context, part, parts) for parts of a step's tiles, as many as its cost is worth.
void run_parts(const Pool& pool, std::size_t tiles, std::size_t cost, WorthOneThread worth, Task task, void* context);

}  // namespace rmsprop
