// Parameters for tests of staged steps, in arrays that are blocks of their own, so that a sanitizer sees every access
// beyond one; and what such steps are compared by.
#pragma once

#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "pipeline.hpp"

namespace staged {

inline constexpr std::size_t lengths[] = {0, 1, 15, 16, 17, 1023, 1024, 1025, 5000};
inline constexpr double infinity = std::numeric_limits<double>::infinity();

using Array = std::vector<float>;

struct Arrays {
  Array data, grad, square_avg, average, accumulated;

  // By bits, NaN and zero too.
  bool operator==(const Arrays& other) const {
    const auto same_bits = [](const Array& a, const Array& b) {
      return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
    };
    return same_bits(data, other.data) && same_bits(grad, other.grad) && same_bits(square_avg, other.square_avg) &&
           same_bits(average, other.average) && same_bits(accumulated, other.accumulated);
  }
};

struct Model {
  std::vector<Arrays> arrays;
  std::vector<rmsprop::Group> groups;

  explicit Model(const rmsprop::Backend& backend) {
    std::uint32_t state = 1;
    const auto draw = [&] {
      state = state * 1664525u + 1013904223u;
      return static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    };
    for (const std::size_t length : lengths) {
      Arrays made;
      for (Array* array : {&made.data, &made.grad, &made.square_avg, &made.average, &made.accumulated}) {
        array->resize(length);
        for (float& value : *array) value = draw();
      }
      for (float& value : made.square_avg) value = value * value;
      arrays.push_back(made);
    }
    rmsprop::Group group{rmsprop::find_rule(backend, "rmsprop"), rmsprop::NumberType::float32, {}, {}};
    for (Arrays& each : arrays) {
      rmsprop::Parameter parameter{{}, each.data.size()};
      parameter.streams.param_in = parameter.streams.param_out = each.data.data();
      parameter.streams.grad = each.grad.data();
      parameter.streams.slots[0] = each.square_avg.data();
      group.parameters.push_back(parameter);
      group.extras.push_back({each.average.data(), each.accumulated.data()});
    }
    groups.push_back(group);
  }
};

struct Result {
  std::vector<Arrays> arrays;
  rmsprop::Report report;
};

inline bool same(const Result& a, const Result& b) {
  const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
  return a.arrays == b.arrays && bits(a.report.grad_norm) == bits(b.report.grad_norm) &&
         bits(a.report.update_norm) == bits(b.report.update_norm) &&
         bits(a.report.largest_update) == bits(b.report.largest_update) && a.report.clipped == b.report.clipped &&
         a.report.non_finite == b.report.non_finite && a.report.skipped == b.report.skipped;
}

// The coefficients of the rule of the model.
inline constexpr double values[rmsprop::max_coefficients] = {1, 0, 0.99, 0.01, -0.0, 1e-8, 0.01, 0, 1, 1};

// Threads live as long as the process and are never joined; kept here, none counts as leaked.
inline rmsprop::Pool new_pool(int threads) {
  static auto& pools = *new std::vector<rmsprop::PoolThreads*>();
  pools.push_back(new rmsprop::PoolThreads(threads));
  return pools.back()->as_pool();
}

inline constexpr rmsprop::Stages everything = {1, 0.5, {1, 1, 1, 1}, {}};
inline constexpr rmsprop::Stages measured = {0, infinity, {1, 1, 1, 1}, {}};
inline constexpr rmsprop::RunStages all = {1, 1, 0.5, 0.4, 2, 1, 0.9, 0.1, 1};
inline constexpr rmsprop::RunStages waiting = {1, 0, 0.5, infinity, infinity, 1, 0.9, 0.1, 1};
inline constexpr rmsprop::RunStages none = {0, 1, 1, infinity, infinity, 0, 0, 1, 0};

}  // namespace staged
