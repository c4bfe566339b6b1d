#include "source.hpp"

#include <algorithm>
#include <bit>

namespace rmsprop {
namespace {

// The sum of some of the parts.
struct Tree {
  const Source& source;
  const StageTable& table;
  std::size_t number_bytes;
  std::size_t begin;
  std::size_t count;
  std::size_t stride;

  const void* sum(std::size_t first, std::size_t size, unsigned char* to) const {
    if (size == 1) return part(source.parts[first], to);
    if (size == 4) return sum_of_four(first, to);
    const std::size_t half = std::bit_floor(size - 1);
    const void* const left = sum(first, half, to);
    const void* const right = sum(first + half, size - half, to + stride);
    table.add(to, left, right, count);
    return to;
  }

  const void* sum_of_four(std::size_t first, unsigned char* to) const {
    const void* parts[4];
    for (std::size_t i = 0; i < 4; ++i) parts[i] = part(source.parts[first + i], to + i * stride);
    table.add_four(to, parts, count);
    return to;
  }

  const void* part(const SourcePart& part, unsigned char* to) const {
    if (part.array) return static_cast<const unsigned char*>(part.array) + begin * number_bytes;
    table.multiply(to, part.factors, begin, count);
    return to;
  }
};

}  // namespace

bool Source::adds_only() const {
  return std::all_of(parts.begin(), parts.end(), [](const SourcePart& part) { return part.array != nullptr; });
}

std::size_t Source::cost() const {
  std::size_t cost = 0;
  for (const SourcePart& part : parts) cost += part.array ? 1 : 1 + part.factors.batch / 8;
  return cost;
}

const void* Source::make(const StageTable& table, std::size_t number_bytes, std::size_t begin, std::size_t count,
                         unsigned char* sums, std::size_t stride) const {
  const void* const sum = Tree{*this, table, number_bytes, begin, count, stride}.sum(0, parts.size(), sums);
  if (divisor == 1) return sum;
  table.divide(sums, sum, count, divisor);
  return sums;
}

void Source::zero(const StageTable& table, std::size_t number_bytes, std::size_t begin, std::size_t count) const {
  for (const SourcePart& part : parts) {
    if (!part.array) continue;
    auto* const array = static_cast<unsigned char*>(const_cast<void*>(part.array));
    table.fill(array + begin * number_bytes, count, 0);
  }
}

}  // namespace rmsprop
