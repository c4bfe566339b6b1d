// Runs groups over tiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "group.hpp"
#include "pool.hpp"

namespace rmsprop {

// Parameters of one group that take this step with the same coefficients.
struct Run {
  const Group* group;
  std::size_t variant;
  std::span<const std::uint32_t> selection;  // indices into the group's parameters
  bool whole_group;                          // every parameter; the selection is not looked at
  const double* values;                      // the rule's coefficients, rounded here to the group's number type
  alignas(double) unsigned char coefficients[max_coefficients * sizeof(double)];
};

// Work worth one more thread, in elements. See bench/README.md for how it was found.
inline constexpr std::size_t default_elements_per_thread = 32768;

// Steps every run. Each element is computed alike whatever the number of threads.
void step(Pool& pool, std::span<Run> runs, std::size_t elements_per_thread);

}  // namespace rmsprop
