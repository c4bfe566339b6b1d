// Adagrad (Duchi, Hazan and Singer 2011): the arithmetic of one element. The twin of lib/rules/adagrad.ts.
#pragma once

#include "../arithmetic.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

struct Adagrad {
  static constexpr const char* name = "adagrad";
  static constexpr const char* signature =
      "adagrad"
      "; slots: sum"
      "; flags: weightDecay=off|l2|subtracted arithmetic=standard|torch|optax"
      "; coefficients: gradScale weightDecay epsIn epsOut lrIn lrOut paramDecay decayRate";

  enum Slot : std::size_t { sum, slot_count };

  enum class WeightDecay { off, l2, subtracted };
  enum class Arithmetic { standard, torch, optax };

  struct Flags {
    WeightDecay weight_decay;
    Arithmetic arithmetic;
  };

  static constexpr bool divides = true;

  static constexpr Flags flags(Digits& digits) {
    return {
        .weight_decay = digits.up_to(WeightDecay::subtracted),
        .arithmetic = digits.up_to(Arithmetic::optax),
    };
  }

  static constexpr bool exists(Flags flags) {
    return flags.weight_decay != WeightDecay::subtracted || flags.arithmetic == Arithmetic::standard;
  }

  static constexpr bool uses(Flags, std::size_t slot) { return slot == sum; }

  template <typename Number>
  struct Coefficients {
    Number grad_scale, weight_decay, eps_in, eps_out, lr_in, lr_out, param_decay, decay_rate;
  };

  // With neither a gradient scale nor eps in the root nor a decay of the parameter itself, and the rate applied first.
  template <Flags flags, typename Number>
    requires(flags.arithmetic == Arithmetic::standard && flags.weight_decay != WeightDecay::subtracted)
  static constexpr auto neutral() {
    using C = Coefficients<Number>;
    return NeutralValues<C, Number, 4>{{{&C::grad_scale, Number(1)},
                                        {&C::eps_in, Number(-0.0)},
                                        {&C::lr_out, Number(1)},
                                        {&C::param_decay, Number(1)}}};
  }

  template <Flags flags, typename Number>
  static inline void apply(Number& param, Number grad, Number (&slot)[slot_count], const Coefficients<Number>& c) {
    constexpr bool torch = flags.arithmetic == Arithmetic::torch;

    Number g = c.grad_scale * grad;
    if constexpr (flags.weight_decay == WeightDecay::l2) {
      g = torch ? multiply_add(param, c.weight_decay, g) : g + c.weight_decay * param;
    }

    Number& s = slot[sum];
    s = torch ? multiply_add(g, g, s) : s + g * g;

    const Number root = square_root(s + c.eps_in) + c.eps_out;
    Number d = (c.lr_in * g) / root;
    if constexpr (flags.arithmetic == Arithmetic::optax) {
      d = c.lr_in * (select_less(Number(0), s, Number(1) / root, Number(0)) * g);
    }

    if constexpr (flags.weight_decay == WeightDecay::subtracted) {
      param = (param - (param * c.weight_decay) * c.decay_rate) - c.lr_out * d;
    } else {
      param = c.param_decay * param - c.lr_out * d;
    }
  }
};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
