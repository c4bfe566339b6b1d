import { defineRule } from "./rule.ts";

/** The arithmetic of one element. The twin of native/kernels/rules/adadelta.hpp. */
export const adadeltaRule = defineRule({
  name: "adadelta",
  slots: ["squareAvg", "accDelta"],
  flags: {
    weightDecay: ["off", "l2"],
    arithmetic: ["standard", "torch", "tfjs"],
  },
  coefficients: ["gradScale", "weightDecay", "rho", "oneMinusRho", "eps", "lr", "paramDecay"],

  exists: () => true,

  uses: () => true,

  apply({ neg, add, sub, mul, div, sqrt, multiplyAdd }, flags, x, c) {
    const torch = flags.arithmetic === "torch";

    let g = mul(c.gradScale, x.grad);
    if (flags.weightDecay === "l2") {
      g = torch ? multiplyAdd(x.param, c.weightDecay, g) : add(g, mul(c.weightDecay, x.param));
    }

    const before = x.squareAvg;
    const v = torch
      ? multiplyAdd(mul(c.oneMinusRho, g), g, mul(before, c.rho))
      : add(mul(c.rho, before), mul(c.oneMinusRho, mul(g, g)));
    x.squareAvg = v;
    const square = flags.arithmetic === "tfjs" ? before : v;

    const a = x.accDelta;
    const d = mul(div(sqrt(add(a, c.eps)), sqrt(add(square, c.eps))), g);
    x.accDelta = torch
      ? multiplyAdd(mul(c.oneMinusRho, d), d, mul(a, c.rho))
      : add(mul(c.rho, a), mul(c.oneMinusRho, mul(d, d)));

    x.param = torch
      ? multiplyAdd(d, neg(c.lr), mul(c.paramDecay, x.param))
      : sub(mul(c.paramDecay, x.param), mul(c.lr, d));
  },
});
