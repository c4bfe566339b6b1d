import { defineRule } from "./rule.ts";

/** The arithmetic of one element. The twin of native/kernels/rules/adagrad.hpp. */
export const adagradRule = defineRule({
  name: "adagrad",
  slots: ["sum"],
  flags: {
    weightDecay: ["off", "l2", "subtracted"],
    arithmetic: ["standard", "torch", "optax"],
  },
  coefficients: ["gradScale", "weightDecay", "epsIn", "epsOut", "lrIn", "lrOut", "paramDecay", "decayRate"],

  exists: ({ weightDecay, arithmetic }) => weightDecay !== "subtracted" || arithmetic === "standard",

  uses: () => true,

  apply({ constant, add, sub, mul, div, sqrt, selectLess, multiplyAdd }, flags, x, c) {
    const torch = flags.arithmetic === "torch";

    let g = mul(c.gradScale, x.grad);
    if (flags.weightDecay === "l2") {
      g = torch ? multiplyAdd(x.param, c.weightDecay, g) : add(g, mul(c.weightDecay, x.param));
    }

    const s = torch ? multiplyAdd(g, g, x.sum) : add(x.sum, mul(g, g));
    x.sum = s;

    const root = add(sqrt(add(s, c.epsIn)), c.epsOut);
    let d = div(mul(c.lrIn, g), root);
    if (flags.arithmetic === "optax") {
      d = mul(c.lrIn, mul(selectLess(constant(0), s, div(constant(1), root), constant(0)), g));
    }

    x.param =
      flags.weightDecay === "subtracted"
        ? sub(sub(x.param, mul(mul(x.param, c.weightDecay), c.decayRate)), mul(c.lrOut, d))
        : sub(mul(c.paramDecay, x.param), mul(c.lrOut, d));
  },
});
