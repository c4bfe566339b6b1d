// Adadelta (Zeiler 2012): the arithmetic of one element. The twin of lib/rules/adadelta.ts.
#pragma once

#include "../arithmetic.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

struct Adadelta {
  static constexpr const char* name = "adadelta";
  static constexpr const char* signature =
      "adadelta"
      "; slots: squareAvg accDelta"
      "; flags: weightDecay=off|l2 arithmetic=standard|torch|tfjs"
      "; coefficients: gradScale weightDecay rho oneMinusRho eps lr paramDecay";

  enum Slot : std::size_t { square_avg, acc_delta, slot_count };

  enum class WeightDecay { off, l2 };
  enum class Arithmetic { standard, torch, tfjs };

  struct Flags {
    WeightDecay weight_decay;
    Arithmetic arithmetic;
  };

  static constexpr bool divides = true;

  static constexpr Flags flags(Digits& digits) {
    return {
        .weight_decay = digits.up_to(WeightDecay::l2),
        .arithmetic = digits.up_to(Arithmetic::tfjs),
    };
  }

  static constexpr bool exists(Flags) { return true; }

  static constexpr bool uses(Flags, std::size_t) { return true; }

  template <typename Number>
  struct Coefficients {
    Number grad_scale, weight_decay, rho, one_minus_rho, eps, lr, param_decay;
  };

  // With neither a gradient scale nor a decay of the parameter itself, and the learning rate of the paper.
  template <Flags flags, typename Number>
    requires(flags.arithmetic == Arithmetic::standard)
  static constexpr auto neutral() {
    using C = Coefficients<Number>;
    return NeutralValues<C, Number, 3>{
        {{&C::grad_scale, Number(1)}, {&C::lr, Number(1)}, {&C::param_decay, Number(1)}}};
  }

  template <Flags flags, typename Number>
  static inline void apply(Number& param, Number grad, Number (&slot)[slot_count], const Coefficients<Number>& c) {
    constexpr bool torch = flags.arithmetic == Arithmetic::torch;

    Number g = c.grad_scale * grad;
    if constexpr (flags.weight_decay == WeightDecay::l2) {
      g = torch ? multiply_add(param, c.weight_decay, g) : g + c.weight_decay * param;
    }

    Number& v = slot[square_avg];
    const Number before = v;
    v = torch ? multiply_add(c.one_minus_rho * g, g, v * c.rho) : c.rho * v + c.one_minus_rho * (g * g);
    const Number square = flags.arithmetic == Arithmetic::tfjs ? before : v;

    Number& a = slot[acc_delta];
    const Number d = square_root(a + c.eps) / square_root(square + c.eps) * g;
    a = torch ? multiply_add(c.one_minus_rho * d, d, a * c.rho) : c.rho * a + c.one_minus_rho * (d * d);

    param = torch ? multiply_add(d, -c.lr, c.param_decay * param) : c.param_decay * param - c.lr * d;
  }
};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
