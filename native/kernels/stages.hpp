// The stages beside the rule: loops over a tile, plain as those of kernel.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../backend.hpp"
#include "arithmetic.hpp"
#include "compiler.hpp"
#include "factors.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

// The partial results of a reduction. Element i goes to lane i % lanes, and the lanes are joined pairwise, the farthest
// pairs first: an order that no instruction set and no compiler changes.
constexpr std::size_t lanes = 16;

template <typename Number>
struct Partial {
  Number lane[lanes] = {};

  template <typename Join>
  Number join(Join join) {
    for (std::size_t width = lanes / 2; width >= 1; width /= 2) {
      for (std::size_t l = 0; l < width; ++l) lane[l] = join(lane[l], lane[l + width]);
    }
    return lane[0];
  }
};

constexpr auto add = [](double a, double b) { return a + b; };
constexpr auto larger = [](auto a, auto b) { return select_less(a, b, b, a); };

// Calls `each(i, lane)` for every element. The compiler unrolls the lanes into vectors.
template <typename Each>
inline void over_lanes(std::size_t count, Each each) {
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t l = 0; l < lanes; ++l) each(i + l, l);
  }
  for (std::size_t l = 0; i + l < count; ++l) each(i + l, l);
}

inline float magnitude(float x) {
  return static_cast<float>(RMSPROP_FABS(static_cast<double>(x)));
}
inline double magnitude(double x) {
  return RMSPROP_FABS(x);
}

template <typename Number>
double sum_of_squares(const void* data, std::size_t count) {
  const auto* x = static_cast<const Number*>(data);
  Partial<double> sums;
  over_lanes(count, [&](std::size_t i, std::size_t l) {
    const auto value = static_cast<double>(x[i]);
    sums.lane[l] += value * value;
  });
  return sums.join(add);
}

template <typename Number>
std::size_t count_non_finite(const void* data, std::size_t count) {
  const auto* x = static_cast<const Number*>(data);
  typename WordOf<Number>::type found = 0;  // as wide as a number, so that counting fills the same vectors
  for (std::size_t i = 0; i < count; ++i) found += x[i] - x[i] == Number(0) ? 0 : 1;
  return found;
}

template <typename Number>
std::size_t count_above(const void* data, std::size_t count, double scale, double limit) {
  const auto* x = static_cast<const Number*>(data);
  const auto factor = static_cast<Number>(scale);
  const auto most = static_cast<Number>(limit);
  typename WordOf<Number>::type found = 0;
  for (std::size_t i = 0; i < count; ++i) found += most < magnitude(factor * x[i]) ? 1 : 0;
  return found;
}

template <typename Number>
void accumulate(void* to, const void* sum, const void* grad, std::size_t count, double scale) {
  auto* result = static_cast<Number*>(to);
  const auto* before = static_cast<const Number*>(sum);
  const auto* added = static_cast<const Number*>(grad);
  const auto factor = static_cast<Number>(scale);
  RMSPROP_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < count; ++i) result[i] = before[i] + factor * added[i];
}

template <typename Number>
void clip(void* to, const void* from, std::size_t count, double scale, double limit_) {
  auto* result = static_cast<Number*>(to);
  const auto* x = static_cast<const Number*>(from);
  const auto factor = static_cast<Number>(scale);
  const auto most = static_cast<Number>(limit_);
  RMSPROP_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < count; ++i) result[i] = limit(factor * x[i], -most, most);
}

template <typename Number>
void store(void* to, const void* before, const void* after, std::size_t count, Change* change) {
  auto* result = static_cast<Number*>(to);
  const auto* from = static_cast<const Number*>(before);
  const auto* x = static_cast<const Number*>(after);
  Partial<double> sums;
  Partial<Number> largest;
  over_lanes(count, [&](std::size_t i, std::size_t l) {
    const Number value = x[i];
    const Number difference = value - from[i];
    sums.lane[l] += static_cast<double>(difference) * static_cast<double>(difference);
    largest.lane[l] = larger(largest.lane[l], magnitude(difference));
    result[i] = value;
  });
  *change = {sums.join(add), static_cast<double>(largest.join(larger))};
}

template <typename Number>
void average(void* average, const void* param, std::size_t count, double decay, double one_minus_decay) {
  auto* result = static_cast<Number*>(average);
  const auto* x = static_cast<const Number*>(param);
  const auto kept = static_cast<Number>(decay);
  const auto added = static_cast<Number>(one_minus_decay);
  RMSPROP_INDEPENDENT_ITERATIONS
  for (std::size_t i = 0; i < count; ++i) result[i] = kept * result[i] + added * x[i];
}

// The value comes from outside, so that no compiler makes a call of memset of the loop.
template <typename Number>
void fill(void* data, std::size_t count, double value) {
  auto* x = static_cast<Number*>(data);
  const auto number = static_cast<Number>(value);
  for (std::size_t i = 0; i < count; ++i) x[i] = number;
}

// How far ahead of its elements a sum prefetches, and how much of each array at a time, in bytes.
constexpr std::size_t sum_ask_distance = 1024;
constexpr std::size_t sum_ask_block = 128;

// Sets `result[i] = each(i)`, and prefetches the arrays that `each` reads, near their end past it, which reads nothing.
// A step takes a few lines of each in turn, too few for a processor to see by itself where it goes on.
template <typename Number, typename Each, typename... Arrays>
inline void sum_of(Number* result, std::size_t count, Each each, const Arrays*... arrays) {
  constexpr std::size_t block = sum_ask_block / sizeof(Number);
  std::size_t first = 0;
  for (; count - first >= block; first += block) {
    for (std::size_t byte = sum_ask_distance; byte < sum_ask_distance + sum_ask_block; byte += cache_line) {
      (RMSPROP_ASK_FOR(arrays + first + byte / sizeof(Number)), ...);
    }
    RMSPROP_INDEPENDENT_ITERATIONS
    for (std::size_t i = first; i < first + block; ++i) result[i] = each(i);
  }
  RMSPROP_INDEPENDENT_ITERATIONS
  for (std::size_t i = first; i < count; ++i) result[i] = each(i);
}

template <typename Number>
void add_arrays(void* to, const void* left, const void* right, std::size_t count) {
  const auto* a = static_cast<const Number*>(left);
  const auto* b = static_cast<const Number*>(right);
  sum_of(
      static_cast<Number*>(to), count, [=](std::size_t i) { return a[i] + b[i]; }, a, b);
}

// Four in one loop take two thirds of the time of three loops.
template <typename Number>
void add_four(void* to, const void* const (&parts)[4], std::size_t count) {
  const auto* a = static_cast<const Number*>(parts[0]);
  const auto* b = static_cast<const Number*>(parts[1]);
  const auto* c = static_cast<const Number*>(parts[2]);
  const auto* d = static_cast<const Number*>(parts[3]);
  sum_of(
      static_cast<Number*>(to), count, [=](std::size_t i) { return (a[i] + b[i]) + (c[i] + d[i]); }, a, b, c, d);
}

template <typename Number>
void divide_by(void* to, const void* from, std::size_t count, double divisor_) {
  auto* result = static_cast<Number*>(to);
  const auto* x = static_cast<const Number*>(from);
  const auto divisor = static_cast<Number>(divisor_);
  // By a power of two a multiplication divides to the same bits, in a fifth of the time.
  const Number factor = Number(1) / divisor;
  const auto whole = static_cast<std::uint64_t>(divisor_);
  if ((whole & (whole - 1)) == 0) {
    RMSPROP_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < count; ++i) result[i] = x[i] * factor;
  } else {
    RMSPROP_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < count; ++i) result[i] = x[i] / divisor;
  }
}

template <typename Number>
constexpr StageTable stage_table() {
  return {
      .sum_of_squares = &sum_of_squares<Number>,
      .count_non_finite = &count_non_finite<Number>,
      .count_above = &count_above<Number>,
      .accumulate = &accumulate<Number>,
      .clip = &clip<Number>,
      .store = &store<Number>,
      .average = &average<Number>,
      .fill = &fill<Number>,
      .add = &add_arrays<Number>,
      .add_four = &add_four<Number>,
      .divide = &divide_by<Number>,
      .multiply = &multiply<Number>,
  };
}

constexpr StageTable stage_tables[number_type_count] = {stage_table<float>(), stage_table<double>()};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
