import { defineRule } from "./rule.ts";

/**
 * The arithmetic of one element. The twin of native/kernels/rules/sgd.hpp. There is neither root nor division to hide an
 * operation under, so what is not always needed is a flag.
 */
export const sgdRule = defineRule({
  name: "sgd",
  slots: ["momentumBuffer"],
  flags: {
    gradScale: ["off", "on"],
    weightDecay: ["off", "l2", "factor", "subtracted"],
    momentum: ["off", "classical", "dampened", "nesterov"],
    arithmetic: ["standard", "torch", "tensorflow", "keras"],
  },
  coefficients: ["gradScale", "weightDecay", "paramDecay", "momentum", "oneMinusDampening", "lr"],

  exists({ weightDecay, momentum, arithmetic }) {
    const subtracted = weightDecay === "subtracted";
    switch (arithmetic) {
      case "standard":
        return !subtracted || momentum === "off";
      case "torch":
        return !subtracted;
      case "tensorflow":
        return !subtracted && momentum === "nesterov";
      default:
        return weightDecay !== "factor" && (momentum === "classical" || momentum === "nesterov");
    }
  },

  uses: (flags) => flags.momentum !== "off",

  apply({ neg, add, sub, mul, multiplyAdd }, flags, x, c) {
    const torch = flags.arithmetic === "torch";

    let g = x.grad;
    if (flags.gradScale === "on") g = mul(c.gradScale, g);
    if (flags.weightDecay === "l2") {
      g = torch ? multiplyAdd(x.param, c.weightDecay, g) : add(g, mul(c.weightDecay, x.param));
    }

    let decayed = x.param;
    if (flags.weightDecay === "factor") {
      decayed = mul(c.paramDecay, x.param);
    } else if (flags.weightDecay === "subtracted") {
      decayed = sub(x.param, mul(mul(x.param, c.weightDecay), c.lr));
    }

    if (flags.arithmetic === "keras") {
      const scaled = mul(g, c.lr);
      const b = add(mul(x.momentumBuffer, c.momentum), scaled);
      x.momentumBuffer = b;
      x.param = sub(decayed, flags.momentum === "nesterov" ? add(mul(b, c.momentum), scaled) : b);
      return;
    }

    let d = g;
    if (flags.momentum !== "off") {
      let b = x.momentumBuffer;
      if (flags.momentum === "dampened") {
        b = torch
          ? multiplyAdd(g, c.oneMinusDampening, mul(b, c.momentum))
          : add(mul(c.momentum, b), mul(c.oneMinusDampening, g));
      } else {
        b = add(mul(c.momentum, b), g);
      }
      x.momentumBuffer = b;
      if (flags.momentum === "nesterov") {
        if (flags.arithmetic === "tensorflow") {
          x.param = sub(decayed, add(mul(g, c.lr), mul(mul(b, c.momentum), c.lr)));
          return;
        }
        d = torch ? multiplyAdd(b, c.momentum, g) : add(g, mul(c.momentum, b));
      } else {
        d = b;
      }
    }
    x.param = torch ? multiplyAdd(d, neg(c.lr), decayed) : sub(decayed, mul(c.lr, d));
  },
});
