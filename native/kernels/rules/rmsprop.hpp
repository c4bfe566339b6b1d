// RMSprop (Hinton 2012): the arithmetic of one element. The twin of lib/rules/rmsprop.ts; a test holds both
// to the same expression graph for every variant. lib/optimizers/rmsprop.ts documents the formula. This is the rule to
// copy for a new one.
#pragma once

#include "../arithmetic.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

struct Rmsprop {
  static constexpr const char* name = "rmsprop";
  static constexpr const char* signature =
      "rmsprop"
      "; slots: squareAvg gradAvg momentumBuffer gains"
      "; flags: weightDecay=off|l2|subtracted centered=off|on momentum=off|classical|nesterov biasCorrection=off|on "
      "gains=off|on arithmetic=standard|torch|torch2|tensorflow|keras|tfjs|optax"
      "; coefficients: gradScale weightDecay alpha oneMinusAlpha epsIn epsOut lrIn momentum lrOut paramDecay "
      "biasCorrection gainUp gainDown gainMin gainMax decayRate leastVariance";

  enum Slot : std::size_t { square_avg, grad_avg, momentum_buffer, gains, slot_count };

  enum class WeightDecay { off, l2, subtracted };
  enum class Momentum { off, classical, nesterov };

  // Which system's order of operations: no single order serves all of them to the last bit.
  enum class Arithmetic { standard, torch, torch2, tensorflow, keras, tfjs, optax };

  struct Flags {
    WeightDecay weight_decay;
    bool centered;
    Momentum momentum;
    bool bias_correction;
    bool gains;
    Arithmetic arithmetic;
  };

  static constexpr bool divides = true;

  static constexpr Flags flags(Digits& digits) {
    return {
        .weight_decay = digits.up_to(WeightDecay::subtracted),
        .centered = digits.up_to(true),
        .momentum = digits.up_to(Momentum::nesterov),
        .bias_correction = digits.up_to(true),
        .gains = digits.up_to(true),
        .arithmetic = digits.up_to(Arithmetic::optax),
    };
  }

  static constexpr bool exists(Flags flags) {
    const bool further = flags.momentum == Momentum::nesterov || flags.bias_correction || flags.gains;
    if (flags.gains && flags.momentum == Momentum::off) return false;
    if (flags.weight_decay == WeightDecay::subtracted) {
      // Keras's, which differs from the standard where centered.
      return !further && flags.arithmetic == (flags.centered ? Arithmetic::keras : Arithmetic::standard);
    }
    switch (flags.arithmetic) {
      case Arithmetic::standard: return true;
      case Arithmetic::optax: return !flags.gains;
      case Arithmetic::torch:
      case Arithmetic::tensorflow: return !further;
      case Arithmetic::torch2:
      case Arithmetic::keras:
      case Arithmetic::tfjs: return !further && flags.centered;  // elsewhere torch, and the standard
    }
    return false;
  }

  static constexpr bool uses(Flags flags, std::size_t slot) {
    switch (slot) {
      case square_avg: return true;
      case grad_avg: return flags.centered;
      case momentum_buffer: return flags.momentum != Momentum::off;
      case gains: return flags.gains;
      default: return false;
    }
  }

  template <typename Number>
  struct Coefficients {
    Number grad_scale, weight_decay, alpha, one_minus_alpha, eps_in, eps_out, lr_in, momentum, lr_out, param_decay,
        bias_correction, gain_up, gain_down, gain_min, gain_max, decay_rate, least_variance;
  };

  // With neither a gradient scale nor eps in the root nor a decay of the parameter itself, and the rate applied once.
  template <Flags flags, typename Number>
    requires(flags.arithmetic == Arithmetic::standard && flags.weight_decay != WeightDecay::subtracted &&
             !flags.bias_correction && !flags.gains)
  static constexpr auto neutral() {
    using C = Coefficients<Number>;
    const auto unused_rate = flags.momentum == Momentum::off ? &C::lr_out : &C::lr_in;
    return NeutralValues<C, Number, 4>{{{&C::grad_scale, Number(1)},
                                        {&C::eps_in, Number(-0.0)},
                                        {&C::param_decay, Number(1)},
                                        {unused_rate, Number(1)}}};
  }

  template <Flags flags, typename Number>
  static inline void apply(Number& param, Number grad, Number (&slot)[slot_count], const Coefficients<Number>& c) {
    constexpr bool torch = flags.arithmetic == Arithmetic::torch || flags.arithmetic == Arithmetic::torch2;
    constexpr bool tensorflow = flags.arithmetic == Arithmetic::tensorflow;

    Number g = c.grad_scale * grad;
    if constexpr (flags.weight_decay == WeightDecay::l2) {
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
    Number square = v;
    if constexpr (flags.bias_correction) square = v / c.bias_correction;

    Number variance = square;
    if constexpr (flags.centered) {
      Number& m = slot[grad_avg];
      if constexpr (flags.arithmetic == Arithmetic::torch2) {
        const Number half(0.5);
        const Number weight = select_less(c.one_minus_alpha, half, c.one_minus_alpha, c.one_minus_alpha - Number(1));
        m = multiply_add(weight, g - m, select_less(c.one_minus_alpha, half, m, g));
      } else if constexpr (torch) {
        m = multiply_add(g, c.one_minus_alpha, m * c.alpha);
      } else if constexpr (tensorflow) {
        m = m + (g - m) * c.one_minus_alpha;
      } else {
        m = c.alpha * m + c.one_minus_alpha * g;
      }
      Number mean = m;
      if constexpr (flags.bias_correction && flags.arithmetic == Arithmetic::optax) mean = m / c.bias_correction;

      if constexpr (torch) {
        variance = multiply_add(-mean, mean, square);
      } else if constexpr (flags.arithmetic == Arithmetic::tfjs) {
        variance = square - (mean * mean + c.eps_in);
      } else {
        variance = square - mean * mean;
      }
    }
    // A variance that rounding leaves below zero counts as zero, and with the usual eps a subnormal one as the least
    // normal number (lib/numbers/power.ts, `leastVariance`).
    if constexpr (flags.arithmetic == Arithmetic::standard) {
      variance = select_less(variance, c.least_variance, c.least_variance, variance);
    }
    if constexpr (flags.arithmetic != Arithmetic::tfjs) variance = variance + c.eps_in;

    const Number root = square_root(variance) + c.eps_out;
    Number d = flags.arithmetic == Arithmetic::optax ? c.lr_in * (Number(1) / root * g) : (c.lr_in * g) / root;
    if constexpr (flags.gains) {
      Number& gain = slot[gains];
      const Number agreement = sign(g) * slot[momentum_buffer];  // does not underflow
      const Number lowered = select_less(agreement, Number(0), gain * c.gain_down, gain);
      const Number moved = select_less(Number(0), agreement, gain + c.gain_up, lowered);
      gain = limit(moved, c.gain_min, c.gain_max);
      d = gain * d;
    }
    if constexpr (flags.momentum != Momentum::off) {
      Number& b = slot[momentum_buffer];
      b = c.momentum * b + d;
      if constexpr (flags.momentum == Momentum::nesterov) {
        d = d + c.momentum * b;
      } else {
        d = b;
      }
    }

    if constexpr (torch) {
      param = multiply_add(-c.lr_out, d, c.param_decay * param);
    } else if constexpr (flags.weight_decay == WeightDecay::subtracted) {
      param = (param - (param * c.weight_decay) * c.decay_rate) - c.lr_out * d;
    } else {
      param = c.param_decay * param - c.lr_out * d;
    }
  }
};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
