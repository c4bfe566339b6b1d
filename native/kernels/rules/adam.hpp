// Adam (Kingma and Ba 2015): the arithmetic of one element. The twin of lib/rules/adam.ts.
#pragma once

#include "../arithmetic.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

struct Adam {
  static constexpr const char* name = "adam";
  static constexpr const char* signature =
      "adam"
      "; slots: gradAvg squareAvg maxSquareAvg"
      "; flags: weightDecay=off|l2 amsgrad=off|on arithmetic=standard|torch|tfjs"
      "; coefficients: gradScale weightDecay beta1 oneMinusBeta1 beta2 oneMinusBeta2 biasCorrection1 biasCorrection2 "
      "rootCorrection eps lr stepSize paramDecay leastVariance";

  enum Slot : std::size_t { grad_avg, square_avg, max_square_avg, slot_count };

  enum class WeightDecay { off, l2 };
  enum class Arithmetic { standard, torch, tfjs };

  struct Flags {
    WeightDecay weight_decay;
    bool amsgrad;
    Arithmetic arithmetic;
  };

  static constexpr bool divides = true;

  static constexpr Flags flags(Digits& digits) {
    return {
        .weight_decay = digits.up_to(WeightDecay::l2),
        .amsgrad = digits.up_to(true),
        .arithmetic = digits.up_to(Arithmetic::tfjs),
    };
  }

  static constexpr bool exists(Flags flags) { return !flags.amsgrad || flags.arithmetic != Arithmetic::tfjs; }

  static constexpr bool uses(Flags flags, std::size_t slot) { return slot != max_square_avg || flags.amsgrad; }

  template <typename Number>
  struct Coefficients {
    Number grad_scale, weight_decay, beta1, one_minus_beta1, beta2, one_minus_beta2, bias_correction1, bias_correction2,
        root_correction, eps, lr, step_size, param_decay, least_variance;
  };

  // With neither a gradient scale nor a decay of the parameter itself.
  template <Flags flags, typename Number>
    requires(flags.arithmetic == Arithmetic::standard)
  static constexpr auto neutral() {
    using C = Coefficients<Number>;
    return NeutralValues<C, Number, 2>{{{&C::grad_scale, Number(1)}, {&C::param_decay, Number(1)}}};
  }

  template <Flags flags, typename Number>
  static inline void apply(Number& param, Number grad, Number (&slot)[slot_count], const Coefficients<Number>& c) {
    constexpr bool torch = flags.arithmetic == Arithmetic::torch;

    Number g = c.grad_scale * grad;
    if constexpr (flags.weight_decay == WeightDecay::l2) {
      g = torch ? multiply_add(param, c.weight_decay, g) : g + c.weight_decay * param;
    }

    Number& m = slot[grad_avg];
    Number& v = slot[square_avg];
    if constexpr (torch) {
      m = multiply_add(g, c.one_minus_beta1, m * c.beta1);
      v = multiply_add(c.one_minus_beta2 * g, g, v * c.beta2);
    } else {
      m = c.beta1 * m + c.one_minus_beta1 * g;
      v = c.beta2 * v + c.one_minus_beta2 * (g * g);
    }
    Number square = v;
    if constexpr (flags.amsgrad) {
      Number& largest = slot[max_square_avg];
      largest = select_less(v, largest, largest, v);  // a NaN in v passes
      square = largest;
    }

    const Number decayed = c.param_decay * param;
    if constexpr (torch) {
      const Number root = square_root(square) / c.root_correction + c.eps;
      param = decayed - (c.step_size * m) / root;
    } else if constexpr (flags.arithmetic == Arithmetic::tfjs) {
      const Number root = square_root(square / c.bias_correction2) + c.eps;
      param = decayed - c.lr * (m / c.bias_correction1 / root);
    } else {
      Number variance = square / c.bias_correction2;
      // With the usual eps a subnormal one counts as the least normal number (lib/numbers/power.ts,
      // `leastVariance`).
      variance = select_less(variance, c.least_variance, c.least_variance, variance);
      const Number root = square_root(variance) + c.eps;
      param = decayed - (c.step_size * m) / root;
    }
  }
};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
