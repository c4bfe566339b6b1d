import type { Arithmetic } from "../arithmetic.ts";
import type { Definition } from "../definition.ts";
import { Optimizer, type Parameters } from "../optimizer.ts";
import { boolean, fraction, type LearningRate, learningRate, nonNegative } from "../options.ts";
import type { Flags, Rule } from "../rule.ts";

export interface RMSpropOptions {
  /** Learning rate: a finite number of 0 or more, or a function of the step, which counts from 1. Default 0.01. */
  lr?: LearningRate;
  /** Decay of the moving averages, from 0 to 1. Default 0.99. Keras and TensorFlow call it rho. */
  alpha?: number;
  /** Added to the root mean square, so that it never divides by zero; 0 or more. Default 1e-8. */
  eps?: number;
  /** Adds `eps` to the mean square before its root is taken, as TensorFlow and Keras do. Default false, as in PyTorch. */
  epsInSqrt?: boolean;
  /** Decay of the momentum buffer, from 0 to 1; 0, the default, has none. */
  momentum?: number;
  /** Steps along the momentum that the next step would have. Needs momentum above 0. Default false. */
  nesterov?: boolean;
  /**
   * Multiplies by the learning rate before the momentum buffer rather than after it, as TensorFlow and Keras do: a new
   * rate then does not rescale the steps that are in the buffer. Default false, as in PyTorch.
   */
  lrInMomentum?: boolean;
  /** Divides by the root of an estimate of the gradient's variance rather than of its mean square. Default false. */
  centered?: boolean;
  /** Weight decay, 0 or more. Default 0. Added to the gradient (L2), unless `decoupledWeightDecay`. */
  weightDecay?: number;
  /** Multiplies the parameter by `1 - lr * weightDecay` instead of adding to the gradient. Default false. */
  decoupledWeightDecay?: boolean;
  /** The mean square before the first step, 0 or more. Default 0; TensorFlow 1 and timm start at 1. */
  initialSquareAvg?: number;
  /** Steps up the gradient instead of down. Default false. */
  maximize?: boolean;
}

type Slot = "squareAvg" | "gradAvg" | "momentumBuffer";
type Flag = "weightDecay" | "centered" | "momentum" | "arithmetic";
type Coefficient =
  | "gradScale"
  | "weightDecay"
  | "alpha"
  | "oneMinusAlpha"
  | "epsIn"
  | "epsOut"
  | "lrIn"
  | "momentum"
  | "lrOut"
  | "paramDecay";

/** The arithmetic of one element. The twin of native/kernels/rules/rmsprop.hpp. */
export const rmspropRule: Rule<Slot, Flag, Coefficient> = {
  name: "rmsprop",
  slots: ["squareAvg", "gradAvg", "momentumBuffer"],
  flags: {
    weightDecay: ["off", "on"],
    centered: ["off", "on"],
    momentum: ["off", "classical", "nesterov"],
    // Which system's order of operations: no single order serves all of them to the last bit.
    arithmetic: ["standard", "torch", "tensorflow"],
  },
  coefficients: [
    "gradScale",
    "weightDecay",
    "alpha",
    "oneMinusAlpha",
    "epsIn",
    "epsOut",
    "lrIn",
    "momentum",
    "lrOut",
    "paramDecay",
  ],

  uses(flags, slot) {
    switch (slot) {
      case "squareAvg":
        return true;
      case "gradAvg":
        return flags.centered === "on";
      case "momentumBuffer":
        return flags.momentum !== "off";
    }
  },

  apply<T>(
    { constant, neg, add, sub, mul, div, sqrt, selectLess, multiplyAdd }: Arithmetic<T>,
    flags: Flags<Flag>,
    x: { param: T; readonly grad: T } & Record<Slot, T>,
    c: Readonly<Record<Coefficient, T>>,
  ) {
    const torch = flags.arithmetic === "torch";
    const tensorflow = flags.arithmetic === "tensorflow";

    let g = mul(c.gradScale, x.grad);
    if (flags.weightDecay === "on") {
      g = torch ? multiplyAdd(x.param, c.weightDecay, g) : add(g, mul(c.weightDecay, x.param));
    }

    let v = x.squareAvg;
    if (torch) {
      v = multiplyAdd(mul(c.oneMinusAlpha, g), g, mul(v, c.alpha));
    } else if (tensorflow) {
      v = add(v, mul(sub(mul(g, g), v), c.oneMinusAlpha));
    } else {
      v = add(mul(c.alpha, v), mul(c.oneMinusAlpha, mul(g, g)));
    }
    x.squareAvg = v;

    let variance = v;
    if (flags.centered === "on") {
      let m = x.gradAvg;
      if (torch) {
        m = multiplyAdd(g, c.oneMinusAlpha, mul(m, c.alpha));
        variance = multiplyAdd(neg(m), m, v);
      } else if (tensorflow) {
        m = add(m, mul(sub(g, m), c.oneMinusAlpha));
        variance = sub(v, mul(m, m));
      } else {
        m = add(mul(c.alpha, m), mul(c.oneMinusAlpha, g));
        variance = sub(v, mul(m, m));
        variance = selectLess(variance, constant(0), constant(0), variance);
      }
      x.gradAvg = m;
    }

    let d = div(mul(c.lrIn, g), add(sqrt(add(variance, c.epsIn)), c.epsOut));
    if (flags.momentum !== "off") {
      const b = add(mul(c.momentum, x.momentumBuffer), d);
      x.momentumBuffer = b;
      if (flags.momentum === "nesterov") {
        d = torch ? multiplyAdd(c.momentum, b, d) : add(d, mul(c.momentum, b));
      } else {
        d = b;
      }
    }

    x.param = torch
      ? multiplyAdd(neg(c.lrOut), d, mul(c.paramDecay, x.param))
      : sub(mul(c.paramDecay, x.param), mul(c.lrOut, d));
  },
};

/** RMSprop's options, and what they make of the rule. */
export const rmspropDefinition: Definition<RMSpropOptions> = {
  name: "RMSprop",
  rule: rmspropRule,
  options: {
    lr: learningRate(0.01),
    alpha: fraction(0.99),
    eps: nonNegative(1e-8),
    epsInSqrt: boolean(false),
    momentum: fraction(0),
    nesterov: boolean(false),
    lrInMomentum: boolean(false),
    centered: boolean(false),
    weightDecay: nonNegative(0),
    decoupledWeightDecay: boolean(false),
    initialSquareAvg: nonNegative(0),
    maximize: boolean(false),
  },

  conflict({ nesterov, momentum }) {
    if (nesterov && momentum === 0) return "Expected 'momentum' to be above 0 with 'nesterov', but it is 0.";
    return undefined;
  },

  flags({ weightDecay, decoupledWeightDecay, centered, momentum, nesterov }) {
    return {
      weightDecay: weightDecay > 0 && !decoupledWeightDecay ? "on" : "off",
      centered: centered ? "on" : "off",
      momentum: momentum === 0 ? "off" : nesterov ? "nesterov" : "classical",
      arithmetic: "standard",
    } satisfies Record<Flag, string>;
  },

  coefficients(options, lr) {
    const { alpha, eps, epsInSqrt, momentum, lrInMomentum, weightDecay, decoupledWeightDecay, maximize } = options;
    const lrFirst = momentum === 0 || lrInMomentum;
    // x * 1 and x + (-0) are x for every x, so that these two switch an operation off without a flag.
    return {
      gradScale: maximize ? -1 : 1,
      weightDecay,
      alpha,
      oneMinusAlpha: 1 - alpha,
      epsIn: epsInSqrt ? eps : -0,
      epsOut: epsInSqrt ? -0 : eps,
      lrIn: lrFirst ? lr : 1,
      momentum,
      lrOut: lrFirst ? 1 : lr,
      paramDecay: decoupledWeightDecay ? 1 - lr * weightDecay : 1,
    } satisfies Record<Coefficient, number>;
  },

  initial(slot, { initialSquareAvg }) {
    return slot === "squareAvg" ? initialSquareAvg + 0 : 0; // + 0: a mean square of -0 is one of 0
  },
};

/**
 * RMSprop (Hinton 2012, "Neural networks for machine learning", lecture 6e): divides each gradient by a moving root mean
 * square of its recent sizes. For each element, every operation rounded once:
 *
 *     g = grad (negated with `maximize`) + weightDecay * param
 *     squareAvg = alpha * squareAvg + (1 - alpha) * (g * g)
 *     variance = squareAvg, or with `centered`:
 *         gradAvg = alpha * gradAvg + (1 - alpha) * g
 *         variance = max(squareAvg - gradAvg * gradAvg, 0)
 *     d = g / (sqrt(variance) + eps), or with `epsInSqrt` g / sqrt(variance + eps)
 *     with `momentum`: momentumBuffer = momentum * momentumBuffer + d
 *         d = momentumBuffer, or with `nesterov` d + momentum * momentumBuffer
 *     param = param - lr * d
 *
 * The learning rate multiplies `g` where there is no momentum, or with `lrInMomentum`. Decoupled weight decay multiplies
 * `param` in the last line by `1 - lr * weightDecay`.
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  /**
   * @param params Parameters, or groups of them that override options. Their arrays are stepped in place.
   * @throws OptimError ERR_OPTION, ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_ALIASED, ERR_DETACHED or ERR_MEMORY.
   */
  constructor(params: Parameters<RMSpropOptions>, options?: RMSpropOptions) {
    super(rmspropDefinition, params, options);
  }
}
