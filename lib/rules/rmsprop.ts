import { limit, sign } from "../numbers/arithmetic.ts";
import { defineRule } from "./rule.ts";

/** The arithmetic of one element. The twin of native/kernels/rules/rmsprop.hpp. */
export const rmspropRule = defineRule({
  name: "rmsprop",
  slots: ["squareAvg", "gradAvg", "momentumBuffer", "gains"],
  flags: {
    weightDecay: ["off", "l2", "subtracted"],
    centered: ["off", "on"],
    momentum: ["off", "classical", "nesterov"],
    biasCorrection: ["off", "on"],
    gains: ["off", "on"],
    // Which system's order of operations: no single order serves all of them to the last bit.
    arithmetic: ["standard", "torch", "torch2", "tensorflow", "keras", "tfjs", "optax"],
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
    "biasCorrection",
    "gainUp",
    "gainDown",
    "gainMin",
    "gainMax",
    "decayRate",
    "leastVariance",
  ],

  exists({ weightDecay, centered, momentum, biasCorrection, gains, arithmetic }) {
    const further = momentum === "nesterov" || biasCorrection === "on" || gains === "on";
    if (gains === "on" && momentum === "off") return false;
    if (weightDecay === "subtracted") {
      // Keras's, which differs from the standard where centered.
      return !further && arithmetic === (centered === "on" ? "keras" : "standard");
    }
    switch (arithmetic) {
      case "standard":
        return true;
      case "optax":
        return gains === "off";
      case "torch":
      case "tensorflow":
        return !further;
      default:
        return !further && centered === "on"; // elsewhere torch, and the standard
    }
  },

  uses(flags, slot) {
    switch (slot) {
      case "squareAvg":
        return true;
      case "gradAvg":
        return flags.centered === "on";
      case "momentumBuffer":
        return flags.momentum !== "off";
      case "gains":
        return flags.gains === "on";
    }
  },

  apply(a, flags, x, c) {
    const { constant, neg, add, sub, mul, div, sqrt, selectLess, multiplyAdd } = a;
    const torch = flags.arithmetic === "torch" || flags.arithmetic === "torch2";
    const tensorflow = flags.arithmetic === "tensorflow";

    let g = mul(c.gradScale, x.grad);
    if (flags.weightDecay === "l2") {
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
    const square = flags.biasCorrection === "on" ? div(v, c.biasCorrection) : v;

    let variance = square;
    if (flags.centered === "on") {
      let m = x.gradAvg;
      if (flags.arithmetic === "torch2") {
        const half = constant(0.5);
        const weight = selectLess(c.oneMinusAlpha, half, c.oneMinusAlpha, sub(c.oneMinusAlpha, constant(1)));
        m = multiplyAdd(weight, sub(g, m), selectLess(c.oneMinusAlpha, half, m, g));
      } else if (torch) {
        m = multiplyAdd(g, c.oneMinusAlpha, mul(m, c.alpha));
      } else if (tensorflow) {
        m = add(m, mul(sub(g, m), c.oneMinusAlpha));
      } else {
        m = add(mul(c.alpha, m), mul(c.oneMinusAlpha, g));
      }
      x.gradAvg = m;
      // Of one gradient, mean and mean square divided both leave no variance: the standard divides the latter alone.
      const corrected = flags.biasCorrection === "on" && flags.arithmetic === "optax";
      const mean = corrected ? div(m, c.biasCorrection) : m;

      if (torch) {
        variance = multiplyAdd(neg(mean), mean, square);
      } else if (flags.arithmetic === "tfjs") {
        variance = sub(square, add(mul(mean, mean), c.epsIn));
      } else {
        variance = sub(square, mul(mean, mean));
      }
    }
    // What centering leaves below zero by rounding counts as zero, and with the usual eps a subnormal number as the least
    // normal one.
    if (flags.arithmetic === "standard") {
      variance = selectLess(variance, c.leastVariance, c.leastVariance, variance);
    }
    if (flags.arithmetic !== "tfjs") variance = add(variance, c.epsIn);

    const root = add(sqrt(variance), c.epsOut);
    let d = flags.arithmetic === "optax" ? mul(c.lrIn, mul(div(constant(1), root), g)) : div(mul(c.lrIn, g), root);
    if (flags.gains === "on") {
      const gain = x.gains;
      const agreement = mul(sign(a, g), x.momentumBuffer); // does not underflow
      const lowered = selectLess(agreement, constant(0), mul(gain, c.gainDown), gain);
      const moved = selectLess(constant(0), agreement, add(gain, c.gainUp), lowered);
      x.gains = limit(a, moved, c.gainMin, c.gainMax);
      d = mul(x.gains, d);
    }
    if (flags.momentum !== "off") {
      const b = add(mul(c.momentum, x.momentumBuffer), d);
      x.momentumBuffer = b;
      d = flags.momentum === "nesterov" ? add(d, mul(c.momentum, b)) : b;
    }

    if (torch) {
      x.param = multiplyAdd(neg(c.lrOut), d, mul(c.paramDecay, x.param));
    } else if (flags.weightDecay === "subtracted") {
      x.param = sub(sub(x.param, mul(mul(x.param, c.weightDecay), c.decayRate)), mul(c.lrOut, d));
    } else {
      x.param = sub(mul(c.paramDecay, x.param), mul(c.lrOut, d));
    }
  },
});
