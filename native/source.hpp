// What a gradient is made of, where it is not one array of its number type.
#pragma once

#include <cstddef>
#include <vector>

#include "backend.hpp"

namespace rmsprop {

// The most parts that a gradient may be the sum of, and the sums that a tree of so many holds at a time: one for each
// level above four parts, which are added at once, and these four.
inline constexpr std::size_t max_parts = 64;
inline constexpr std::size_t max_sums = 8;
static_assert(std::size_t{1} << (max_sums - 2) == max_parts);

// A part of a gradient: an array, or factors that make it.
struct SourcePart {
  const void* array;  // null where factors make it
  Factors factors;
};

// A gradient that is made, a tile at a time: the sum of its parts, added in a balanced tree with the largest power of
// two below their number on the left, then divided.
struct Source {
  std::vector<SourcePart> parts;
  double divisor = 1;  // a whole number: 1, or the number of those whose mean it is

  // Whether it is made of arrays alone.
  bool adds_only() const;

  // What making it costs for each element, in elements of a plain step.
  std::size_t cost() const;

  // Makes elements [begin, begin + count) of the number type. `sums` has room for max_sums tiles, `stride` bytes apart.
  // Returns where they lie: in the first of these, or, for a sum of one array, in the array itself.
  const void* make(const StageTable& table, std::size_t number_bytes, std::size_t begin, std::size_t count,
                   unsigned char* sums, std::size_t stride) const;

  // Sets the arrays among the parts to zero. Factors stay as they are.
  void zero(const StageTable& table, std::size_t number_bytes, std::size_t begin, std::size_t count) const;
};

}  // namespace rmsprop
