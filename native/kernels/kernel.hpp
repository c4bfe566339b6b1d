// The only loops over elements in the library, one per stage. They are plain: the compiler vectorizes them, and writes
// the tails.
#pragma once

#include <cstddef>
#include <utility>

#include "../backend.hpp"

// Says that no iteration depends on another, which holds for streams that are equal or disjoint (backend.hpp). It takes
// the place of __restrict, which would not let param_out be param_in.
#if defined(__clang__)
#define RMSPROP_INDEPENDENT_ITERATIONS _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define RMSPROP_INDEPENDENT_ITERATIONS _Pragma("GCC ivdep")
#else
#define RMSPROP_INDEPENDENT_ITERATIONS __pragma(loop(ivdep))
#endif

namespace rmsprop::RMSPROP_ISA {
namespace {

// The rule stage. Each instantiation is a symbol of its own, named by its number type, rule and variant.
template <typename Number, typename Rule, std::size_t variant>
void step(const Streams& streams, std::size_t begin, std::size_t end, const void* coefficients) {
  constexpr auto flags = Rule::flags(variant);
  // A copy, so that no store into a stream makes the compiler read the coefficients again.
  const auto c = *static_cast<const typename Rule::template Coefficients<Number>*>(coefficients);
  const auto* param_in = static_cast<const Number*>(streams.param_in);
  auto* param_out = static_cast<Number*>(streams.param_out);
  const auto* grad = static_cast<const Number*>(streams.grad);
  Number* slots[Rule::slot_count];
  for (std::size_t s = 0; s < Rule::slot_count; ++s) slots[s] = static_cast<Number*>(streams.slots[s]);

  RMSPROP_INDEPENDENT_ITERATIONS
  for (std::size_t i = begin; i < end; ++i) {
    Number param = param_in[i];
    Number slot[Rule::slot_count];
    for (std::size_t s = 0; s < Rule::slot_count; ++s) {
      if (Rule::uses(flags, s)) slot[s] = slots[s][i];
    }
    Rule::template apply<flags>(param, grad[i], slot, c);
    for (std::size_t s = 0; s < Rule::slot_count; ++s) {
      if (Rule::uses(flags, s)) slots[s][i] = slot[s];
    }
    param_out[i] = param;
  }
}

// Null for a set of flags that the rule does not have.
template <typename Number, typename Rule, std::size_t variant>
constexpr StepKernel kernel_of() {
  if constexpr (Rule::exists(Rule::flags(variant))) {
    return &step<Number, Rule, variant>;
  } else {
    return nullptr;
  }
}

template <typename Rule>
constexpr std::uint8_t used_slots(std::size_t variant) {
  if (!Rule::exists(Rule::flags(variant))) return no_variant;
  std::uint8_t mask = 0;
  for (std::size_t s = 0; s < Rule::slot_count; ++s) {
    if (Rule::uses(Rule::flags(variant), s)) mask |= static_cast<std::uint8_t>(1u << s);
  }
  return mask;
}

// The kernels of one rule, indexed by variant.
template <typename Rule, typename Variants = std::make_index_sequence<Rule::variant_count>>
struct Kernels;

template <typename Rule, std::size_t... variants>
struct Kernels<Rule, std::index_sequence<variants...>> {
  static constexpr StepKernel float32[] = {kernel_of<float, Rule, variants>()...};
  static constexpr StepKernel float64[] = {kernel_of<double, Rule, variants>()...};
  static constexpr std::uint8_t slots[] = {used_slots<Rule>(variants)...};
};

template <typename Rule>
constexpr RuleTable rule_table() {
  constexpr std::size_t coefficient_count = sizeof(typename Rule::template Coefficients<float>) / sizeof(float);
  static_assert(Rule::slot_count <= max_slots);
  static_assert(coefficient_count <= max_coefficients);
  using K = Kernels<Rule>;
  return {
      .name = Rule::name,
      .signature = Rule::signature,
      .slot_count = Rule::slot_count,
      .coefficient_count = coefficient_count,
      .variant_count = Rule::variant_count,
      .used_slots = K::slots,
      .kernels = {K::float32, K::float64},
  };
}

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
