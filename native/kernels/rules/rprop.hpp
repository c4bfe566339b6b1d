// Rprop (Riedmiller and Braun 1993), without weight backtracking: the arithmetic of one element. The twin of
// lib/rules/rprop.ts. There is neither root nor division to hide an operation under, so what is not always needed
// is a flag.
#pragma once

#include "../arithmetic.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

struct Rprop {
  static constexpr const char* name = "rprop";
  static constexpr const char* signature =
      "rprop"
      "; slots: prev stepSize"
      "; flags: gradScale=off|on weightDecay=off|l2|factor arithmetic=standard|torch|optax"
      "; coefficients: gradScale weightDecay paramDecay etaMinus etaPlus minStepSize maxStepSize";

  enum Slot : std::size_t { prev, step_size, slot_count };

  enum class WeightDecay { off, l2, factor };
  enum class Arithmetic { standard, torch, optax };

  struct Flags {
    bool grad_scale;
    WeightDecay weight_decay;
    Arithmetic arithmetic;
  };

  static constexpr bool divides = false;

  static constexpr Flags flags(Digits& digits) {
    return {
        .grad_scale = digits.up_to(true),
        .weight_decay = digits.up_to(WeightDecay::factor),
        .arithmetic = digits.up_to(Arithmetic::optax),
    };
  }

  static constexpr bool exists(Flags) { return true; }

  static constexpr bool uses(Flags, std::size_t) { return true; }

  template <typename Number>
  struct Coefficients {
    Number grad_scale, weight_decay, param_decay, eta_minus, eta_plus, min_step_size, max_step_size;
  };

  template <Flags flags, typename Number>
  static inline void apply(Number& param, Number grad, Number (&slot)[slot_count], const Coefficients<Number>& c) {
    const Number zero(0);

    Number g = grad;
    if constexpr (flags.grad_scale) g = c.grad_scale * g;
    if constexpr (flags.weight_decay == WeightDecay::l2) {
      g = flags.arithmetic == Arithmetic::torch ? multiply_add(param, c.weight_decay, g) : g + c.weight_decay * param;
    }

    Number agreement = g * slot[prev];  // 0 where it underflows
    if constexpr (flags.arithmetic == Arithmetic::standard) agreement = sign(g) * slot[prev];
    const Number factor =
        select_less(agreement, zero, c.eta_minus, select_less(zero, agreement, c.eta_plus, Number(1)));

    Number& size = slot[step_size];
    const Number limited = limit(size * factor, c.min_step_size, c.max_step_size);
    Number change;
    if constexpr (flags.arithmetic == Arithmetic::optax) {
      size = select_less(agreement, zero, limited, select_less(zero, agreement, limited, size));
      change = select_less(agreement, zero, zero, slot[prev]);
      slot[prev] = select_less(agreement, zero, zero, size * sign(g));
    } else {
      size = limited;
      g = select_less(agreement, zero, zero, g);
      change = sign(g) * size;
      slot[prev] = g;
    }

    Number decayed = param;
    if constexpr (flags.weight_decay == WeightDecay::factor) decayed = c.param_decay * param;
    param = decayed - change;
  }
};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
