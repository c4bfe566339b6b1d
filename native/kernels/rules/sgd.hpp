// Stochastic gradient descent with momentum: the arithmetic of one element. The twin of lib/rules/sgd.ts. There is
// neither root nor division to hide an operation under, so what is not always needed is a flag.
#pragma once

#include "../arithmetic.hpp"

namespace rmsprop::RMSPROP_ISA {
namespace {

struct Sgd {
  static constexpr const char* name = "sgd";
  static constexpr const char* signature =
      "sgd"
      "; slots: momentumBuffer"
      "; flags: gradScale=off|on weightDecay=off|l2|factor|subtracted momentum=off|classical|dampened|nesterov "
      "arithmetic=standard|torch|tensorflow|keras"
      "; coefficients: gradScale weightDecay paramDecay momentum oneMinusDampening lr";

  enum Slot : std::size_t { momentum_buffer, slot_count };

  enum class WeightDecay { off, l2, factor, subtracted };
  enum class Momentum { off, classical, dampened, nesterov };
  enum class Arithmetic { standard, torch, tensorflow, keras };

  struct Flags {
    bool grad_scale;
    WeightDecay weight_decay;
    Momentum momentum;
    Arithmetic arithmetic;
  };

  static constexpr bool divides = false;

  static constexpr Flags flags(Digits& digits) {
    return {
        .grad_scale = digits.up_to(true),
        .weight_decay = digits.up_to(WeightDecay::subtracted),
        .momentum = digits.up_to(Momentum::nesterov),
        .arithmetic = digits.up_to(Arithmetic::keras),
    };
  }

  static constexpr bool exists(Flags flags) {
    const bool subtracted = flags.weight_decay == WeightDecay::subtracted;
    switch (flags.arithmetic) {
      case Arithmetic::standard: return !subtracted || flags.momentum == Momentum::off;
      case Arithmetic::torch: return !subtracted;
      case Arithmetic::tensorflow: return !subtracted && flags.momentum == Momentum::nesterov;
      case Arithmetic::keras:
        return flags.weight_decay != WeightDecay::factor &&
               (flags.momentum == Momentum::classical || flags.momentum == Momentum::nesterov);
    }
    return false;
  }

  static constexpr bool uses(Flags flags, std::size_t slot) {
    return slot == momentum_buffer && flags.momentum != Momentum::off;
  }

  template <typename Number>
  struct Coefficients {
    Number grad_scale, weight_decay, param_decay, momentum, one_minus_dampening, lr;
  };

  template <Flags flags, typename Number>
  static inline void apply(Number& param, Number grad, Number (&slot)[slot_count], const Coefficients<Number>& c) {
    constexpr bool torch = flags.arithmetic == Arithmetic::torch;

    Number g = grad;
    if constexpr (flags.grad_scale) g = c.grad_scale * g;
    if constexpr (flags.weight_decay == WeightDecay::l2) {
      g = torch ? multiply_add(param, c.weight_decay, g) : g + c.weight_decay * param;
    }

    Number decayed = param;
    if constexpr (flags.weight_decay == WeightDecay::factor) {
      decayed = c.param_decay * param;
    } else if constexpr (flags.weight_decay == WeightDecay::subtracted) {
      decayed = param - (param * c.weight_decay) * c.lr;
    }

    if constexpr (flags.arithmetic == Arithmetic::keras) {
      const Number scaled = g * c.lr;
      Number& b = slot[momentum_buffer];
      b = b * c.momentum + scaled;
      param = decayed - (flags.momentum == Momentum::nesterov ? b * c.momentum + scaled : b);
      return;
    }

    Number d = g;
    if constexpr (flags.momentum != Momentum::off) {
      Number& b = slot[momentum_buffer];
      if constexpr (flags.momentum == Momentum::dampened) {
        b = torch ? multiply_add(g, c.one_minus_dampening, b * c.momentum) : c.momentum * b + c.one_minus_dampening * g;
      } else {
        b = c.momentum * b + g;
      }
      if constexpr (flags.momentum == Momentum::nesterov) {
        if constexpr (flags.arithmetic == Arithmetic::tensorflow) {
          param = decayed - (g * c.lr + b * c.momentum * c.lr);
          return;
        }
        d = torch ? multiply_add(b, c.momentum, g) : g + c.momentum * b;
      } else {
        d = b;
      }
    }
    param = torch ? multiply_add(d, -c.lr, decayed) : decayed - c.lr * d;
  }
};

}  // namespace
}  // namespace rmsprop::RMSPROP_ISA
