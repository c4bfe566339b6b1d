// The rule stage, and the tables of kernels. With stages.hpp, the only loops over elements in the library. They are
// plain: the compiler vectorizes them, and writes the tails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "../backend.hpp"
#include "arithmetic.hpp"
#include "compiler.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

// Whether two numbers are the same bits: -0 is not 0.
template <typename Number>
inline bool same_bits(Number a, Number b) {
  using Word = typename WordOf<Number>::type;
  return __builtin_bit_cast(Word, a) == __builtin_bit_cast(Word, b);
}

// Whether a rule says which coefficients have neutral values with the usual options.
template <typename Number, typename Rule, std::size_t variant>
concept HasNeutral = requires { Rule::template neutral<flags_of<Rule>(variant), Number>(); };

// One element of the rule stage.
template <typename Rule, auto flags, typename Number>
inline void step_element(std::size_t i, const Number* param_in, Number* param_out, const Number* grad,
                         Number* const* slots, const typename Rule::template Coefficients<Number>& c) {
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

// How far ahead of its elements a kernel prefetches, and how much of each stream at a time, in bytes. Of blocks of 64
// to 512 and distances of 1,024 to 8,192, these were the fastest.
constexpr std::size_t ask_distance = 2048;
constexpr std::size_t ask_block = 128;

// Whether prefetching gains anything out of cache: it does where divisions over three streams leave the processor no
// room to reach the lines that it will need (bench/README.md).
template <typename Rule>
constexpr bool asks_ahead(std::size_t variant) {
  std::size_t slots = 0;
  for (std::size_t s = 0; s < Rule::slot_count; ++s) slots += Rule::uses(flags_of<Rule>(variant), s) ? 1 : 0;
  return RMSPROP_ASKS_AHEAD && Rule::divides && slots == 1;
}

// The rule stage. Each instantiation is a symbol of its own, named by its number type, rule and variant. A neutral one
// has the neutral values as constants, whose operations the compiler leaves out: where the coefficients have these
// values the bits are the same. One that goes ahead prefetches, near the array's end past it, which reads nothing.
template <typename Number, typename Rule, std::size_t variant, bool neutral, bool ahead>
RMSPROP_NOINLINE void step(const Streams& streams, std::size_t begin, std::size_t end, const void* coefficients) {
  constexpr auto flags = flags_of<Rule>(variant);
  // A copy, so that no store into a stream makes the compiler read the coefficients again.
  auto c = *static_cast<const typename Rule::template Coefficients<Number>*>(coefficients);
  if constexpr (neutral) {
    // Written out, and not as a loop, so that the coefficients need no memory.
    constexpr auto constants = Rule::template neutral<flags, Number>();
    [&]<std::size_t... each>(std::index_sequence<each...>) {
      ((c.*constants.values[each].coefficient = constants.values[each].value), ...);
    }
    (std::make_index_sequence<sizeof(constants.values) / sizeof(constants.values[0])>());
  }
  const std::size_t count = end - begin;
  const auto* param_in = static_cast<const Number*>(streams.param_in) + begin;
  auto* param_out = static_cast<Number*>(streams.param_out) + begin;
  const auto* grad = static_cast<const Number*>(streams.grad) + begin;
  Number* slots[Rule::slot_count];
  for (std::size_t s = 0; s < Rule::slot_count; ++s) {
    slots[s] = Rule::uses(flags, s) ? static_cast<Number*>(streams.slots[s]) + begin : nullptr;
  }
  RMSPROP_KEEP_WHOLE(param_in);
  RMSPROP_KEEP_WHOLE(param_out);
  RMSPROP_KEEP_WHOLE(grad);
  for (std::size_t s = 0; s < Rule::slot_count; ++s) {
    if (Rule::uses(flags, s)) RMSPROP_KEEP_WHOLE(slots[s]);
  }

  if constexpr (ahead) {
    constexpr std::size_t block = ask_block / sizeof(Number);
    std::size_t first = 0;
    for (; count - first >= block; first += block) {
      for (std::size_t byte = ask_distance; byte < ask_distance + ask_block; byte += cache_line) {
        const std::size_t i = first + byte / sizeof(Number);
        RMSPROP_ASK_FOR(param_in + i);
        RMSPROP_ASK_FOR(grad + i);
        for (std::size_t s = 0; s < Rule::slot_count; ++s) {
          if (Rule::uses(flags, s)) RMSPROP_ASK_FOR(slots[s] + i);
        }
      }
      RMSPROP_INDEPENDENT_ITERATIONS
      for (std::size_t i = 0; i < block; ++i) {
        step_element<Rule, flags>(first + i, param_in, param_out, grad, slots, c);
      }
    }
    step<Number, Rule, variant, neutral, false>(streams, begin + first, end, coefficients);
  } else {
    RMSPROP_INDEPENDENT_ITERATIONS
    for (std::size_t i = 0; i < count; ++i) step_element<Rule, flags>(i, param_in, param_out, grad, slots, c);
  }
}

// The neutral instantiation where the coefficients have the neutral values, else the other.
template <typename Number, typename Rule, std::size_t variant, bool ahead>
void step_either(const Streams& streams, std::size_t begin, std::size_t end, const void* coefficients) {
  constexpr auto constants = Rule::template neutral<flags_of<Rule>(variant), Number>();
  const auto& c = *static_cast<const typename Rule::template Coefficients<Number>*>(coefficients);
  bool neutral = true;
  for (const auto& [coefficient, value] : constants.values) neutral = neutral && same_bits(c.*coefficient, value);
  return neutral ? step<Number, Rule, variant, true, ahead>(streams, begin, end, coefficients)
                 : step<Number, Rule, variant, false, ahead>(streams, begin, end, coefficients);
}

// Null for a set of flags that the rule does not have.
template <typename Number, typename Rule, std::size_t variant, bool ahead>
constexpr StepKernel kernel_of() {
  if constexpr (!Rule::exists(flags_of<Rule>(variant))) {
    return nullptr;
  } else if constexpr (ahead && !asks_ahead<Rule>(variant)) {
    return kernel_of<Number, Rule, variant, false>();
  } else if constexpr (HasNeutral<Number, Rule, variant>) {
    return &step_either<Number, Rule, variant, ahead>;
  } else {
    return &step<Number, Rule, variant, false, ahead>;
  }
}

template <typename Rule>
constexpr std::uint8_t used_slots(std::size_t variant) {
  if (!Rule::exists(flags_of<Rule>(variant))) return no_variant;
  std::uint8_t mask = 0;
  for (std::size_t s = 0; s < Rule::slot_count; ++s) {
    if (Rule::uses(flags_of<Rule>(variant), s)) mask |= static_cast<std::uint8_t>(1u << s);
  }
  return mask;
}

// The kernels of one rule, indexed by variant.
template <typename Rule, typename Variants = std::make_index_sequence<variant_count<Rule>>>
struct Kernels;

template <typename Rule, std::size_t... variants>
struct Kernels<Rule, std::index_sequence<variants...>> {
  static constexpr StepKernel float32[] = {kernel_of<float, Rule, variants, false>()...};
  static constexpr StepKernel float64[] = {kernel_of<double, Rule, variants, false>()...};
  static constexpr StepKernel float32_ahead[] = {kernel_of<float, Rule, variants, true>()...};
  static constexpr StepKernel float64_ahead[] = {kernel_of<double, Rule, variants, true>()...};
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
      .variant_count = variant_count<Rule>,
      .used_slots = K::slots,
      .kernels = {K::float32, K::float64},
      .ahead_kernels = {K::float32_ahead, K::float64_ahead},
  };
}

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
