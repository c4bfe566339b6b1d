// The operations a rule may use, beyond + - * / of its number type. Each is correctly rounded and gives the same bits
// on every instruction set. The twin of lib/numbers/arithmetic.ts.
#pragma once

#include <cstddef>
#include <cstdint>

// Builtins and not <cmath>, whose inline functions the linker would take from any instruction set's object. Microsoft's
// compiler lacks them; those of C that it makes instructions of take their place.
#if defined(_MSC_VER) && !defined(__clang__)
#include <math.h>
#define RMSPROP_SQRTF(x) ::sqrtf(x)
#define RMSPROP_SQRT(x) ::sqrt(x)
#define RMSPROP_FABS(x) ::fabs(x)
#else
#define RMSPROP_SQRTF(x) __builtin_sqrtf(x)
#define RMSPROP_SQRT(x) __builtin_sqrt(x)
#define RMSPROP_FABS(x) __builtin_fabs(x)
#endif

namespace rmsprop::RMSPROP_ISA {
namespace {

inline float square_root(float x) {
  return RMSPROP_SQRTF(x);
}
inline double square_root(double x) {
  return RMSPROP_SQRT(x);
}

// a < b ? x : y. A NaN on either side of the comparison selects y.
template <typename Number>
inline Number select_less(Number a, Number b, Number x, Number y) {
  return a < b ? x : y;
}

// 1, -1, or 0 for a zero of either sign and for NaN.
template <typename Number>
inline Number sign(const Number& x) {
  return select_less(x, Number(0), Number(-1), select_less(Number(0), x, Number(1), Number(0)));
}

// x kept from low to high. A NaN passes.
template <typename Number>
inline Number limit(const Number& x, const Number& low, const Number& high) {
  const Number raised = select_less(x, low, low, x);
  return select_less(high, raised, high, raised);
}

// The float32 fused multiply-add a * b + c, rounded once, by the exact product and a sum rounded to odd in double:
// with 53 bits, two more than twice float32's 24, rounding that sum to float32 gives the correctly rounded result.
inline float fma_emulated(float a, float b, float c) {
  const double product = static_cast<double>(a) * static_cast<double>(b);  // exact
  const double addend = static_cast<double>(c);
  const double sum = product + addend;
  // Knuth's TwoSum: `error` is what `sum` lacks, exactly; NaN where the operands are not finite.
  const double addend_in_sum = sum - product;
  const double error = (product - (sum - addend_in_sum)) + (addend - addend_in_sum);
  const auto sum_bits = __builtin_bit_cast(std::int64_t, sum);
  const auto error_bits = __builtin_bit_cast(std::int64_t, error);
  // One unit toward the error: up in magnitude if the signs agree, down if they differ.
  const std::int64_t toward_error = 1 - (((sum_bits ^ error_bits) >> 62) & 2);
  const bool inexact = error < 0 || error > 0;
  const bool even = (sum_bits & 1) == 0;
  return static_cast<float>(__builtin_bit_cast(double, sum_bits + (inexact && even ? toward_error : 0)));
}

// a * b + c as PyTorch's vectorized CPU kernels compute it: fused, rounded once, on float32. On float64 it is unfused,
// because JavaScript has no exact emulation of a float64 fma at a bearable price.
inline float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return fma_emulated(a, b, c);
#endif
}
inline double multiply_add(double a, double b, double c) {
  return a * b + c;
}

// The unsigned integer as wide as a number.
template <typename Number>
struct WordOf;
template <>
struct WordOf<float> {
  using type = std::uint32_t;
};
template <>
struct WordOf<double> {
  using type = std::uint64_t;
};

// The digits of a variant in mixed radix (backend.hpp). A rule reads one for each flag, in the order of its flags; what
// it reads is both its flags and how many variants it has.
class Digits {
 public:
  constexpr explicit Digits(std::size_t variant) : rest_(variant) {}

  // The next digit: one of the choices from the first, which is 0, to `last`.
  template <typename Choice>
  constexpr Choice up_to(Choice last) {
    const std::size_t choices = static_cast<std::size_t>(last) + 1;
    const std::size_t digit = rest_ % choices;
    rest_ /= choices;
    variants_ *= choices;
    return static_cast<Choice>(digit);
  }

  // How many variants there are with the digits that were read.
  constexpr std::size_t variants() const { return variants_; }

 private:
  std::size_t rest_;
  std::size_t variants_ = 1;
};

template <typename Rule>
constexpr auto flags_of(std::size_t variant) {
  Digits digits(variant);
  return Rule::flags(digits);
}

template <typename Rule>
constexpr std::size_t variant_count = [] {
  Digits digits(0);
  static_cast<void>(Rule::flags(digits));
  return digits.variants();
}();

// The values with which coefficients of a rule change nothing: x * 1, x + (-0).
template <typename Coefficients, typename Number, std::size_t count>
struct NeutralValues {
  struct {
    Number Coefficients::*coefficient;
    Number value;
  } values[count];
};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
