// RMSprop (Hinton 2012): the arithmetic of one element. The twin of lib/optimizers/rmsprop.ts, whose documentation
// gives the formula; a test holds both to the same expression graph for every variant. This is the rule to copy for a
// new one.
#pragma once

#include "../arithmetic.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

struct Rmsprop {
  static constexpr const char* name = "rmsprop";
  static constexpr const char* signature =
      "rmsprop"
      "; slots: squareAvg gradAvg momentumBuffer"
      "; flags: weightDecay=off|on centered=off|on momentum=off|classical|nesterov arithmetic=standard|torch|tensorflow"
      "; coefficients: gradScale weightDecay alpha oneMinusAlpha epsIn epsOut lrIn momentum lrOut paramDecay";

  enum Slot : std::size_t { square_avg, grad_avg, momentum_buffer, slot_count };

  enum class Momentum { off, classical, nesterov };

  // Which system's order of operations: no single order serves all of them to the last bit.
  enum class Arithmetic { standard, torch, tensorflow };

  struct Flags {
    bool weight_decay;
    bool centered;
    Momentum momentum;
    Arithmetic arithmetic;
  };

  static constexpr std::size_t variant_count = 2 * 2 * 3 * 3;

  static constexpr Flags flags(std::size_t variant) {
    return {
        .weight_decay = variant % 2 == 1,
        .centered = variant / 2 % 2 == 1,
        .momentum = static_cast<Momentum>(variant / 4 % 3),
        .arithmetic = static_cast<Arithmetic>(variant / 12 % 3),
    };
  }

  static constexpr bool uses(Flags flags, std::size_t slot) {
    switch (slot) {
      case square_avg: return true;
      case grad_avg: return flags.centered;
      case momentum_buffer: return flags.momentum != Momentum::off;
      default: return false;
    }
  }

  template <typename Number>
  struct Coefficients {
    Number grad_scale, weight_decay, alpha, one_minus_alpha, eps_in, eps_out, lr_in, momentum, lr_out, param_decay;
  };

  template <Flags flags, typename Number>
  static inline void apply(Number& param, Number grad, Number (&slot)[slot_count], const Coefficients<Number>& c) {
    constexpr bool torch = flags.arithmetic == Arithmetic::torch;
    constexpr bool tensorflow = flags.arithmetic == Arithmetic::tensorflow;

    Number g = c.grad_scale * grad;
    if constexpr (flags.weight_decay) {
      g = torch ? multiply_add(param, c.weight_decay, g) : g + c.weight_decay * param;
    }

    Number& v = slot[square_avg];
    if constexpr (torch) {
      v = multiply_add(c.one_minus_alpha * g, g, v * c.alpha);
    } else if constexpr (tensorflow) {
      v = v + (g * g - v) * c.one_minus_alpha;
    } else {
      v = c.alpha * v + c.one_minus_alpha * (g * g);
    }

    Number variance = v;
    if constexpr (flags.centered) {
      Number& m = slot[grad_avg];
      if constexpr (torch) {
        m = multiply_add(g, c.one_minus_alpha, m * c.alpha);
        variance = multiply_add(-m, m, v);
      } else if constexpr (tensorflow) {
        m = m + (g - m) * c.one_minus_alpha;
        variance = v - m * m;
      } else {
        m = c.alpha * m + c.one_minus_alpha * g;
        variance = v - m * m;
        variance = select_less(variance, Number(0), Number(0), variance);
      }
    }

    Number d = (c.lr_in * g) / (square_root(variance + c.eps_in) + c.eps_out);
    if constexpr (flags.momentum != Momentum::off) {
      Number& b = slot[momentum_buffer];
      b = c.momentum * b + d;
      if constexpr (flags.momentum == Momentum::nesterov) {
        d = torch ? multiply_add(c.momentum, b, d) : d + c.momentum * b;
      } else {
        d = b;
      }
    }

    param = torch ? multiply_add(-c.lr_out, d, c.param_decay * param) : c.param_decay * param - c.lr_out * d;
  }
};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
