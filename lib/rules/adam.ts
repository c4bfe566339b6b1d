import { defineRule } from "./rule.ts";

/** The arithmetic of one element. The twin of native/kernels/rules/adam.hpp. */
export const adamRule = defineRule({
  name: "adam",
  slots: ["gradAvg", "squareAvg", "maxSquareAvg"],
  flags: {
    weightDecay: ["off", "l2"],
    amsgrad: ["off", "on"],
    arithmetic: ["standard", "torch", "tfjs"],
  },
  coefficients: [
    "gradScale",
    "weightDecay",
    "beta1",
    "oneMinusBeta1",
    "beta2",
    "oneMinusBeta2",
    "biasCorrection1",
    "biasCorrection2",
    "rootCorrection",
    "eps",
    "lr",
    "stepSize",
    "paramDecay",
    "leastVariance",
  ],

  exists: ({ amsgrad, arithmetic }) => amsgrad === "off" || arithmetic !== "tfjs",

  uses: ({ amsgrad }, slot) => slot !== "maxSquareAvg" || amsgrad === "on",

  apply({ add, sub, mul, div, sqrt, selectLess, multiplyAdd }, flags, x, c) {
    const torch = flags.arithmetic === "torch";

    let g = mul(c.gradScale, x.grad);
    if (flags.weightDecay === "l2") {
      g = torch ? multiplyAdd(x.param, c.weightDecay, g) : add(g, mul(c.weightDecay, x.param));
    }

    let m = x.gradAvg;
    let v = x.squareAvg;
    if (torch) {
      m = multiplyAdd(g, c.oneMinusBeta1, mul(m, c.beta1));
      v = multiplyAdd(mul(c.oneMinusBeta2, g), g, mul(v, c.beta2));
    } else {
      m = add(mul(c.beta1, m), mul(c.oneMinusBeta1, g));
      v = add(mul(c.beta2, v), mul(c.oneMinusBeta2, mul(g, g)));
    }
    x.gradAvg = m;
    x.squareAvg = v;
    let square = v;
    if (flags.amsgrad === "on") {
      square = selectLess(v, x.maxSquareAvg, x.maxSquareAvg, v); // a NaN in v passes
      x.maxSquareAvg = square;
    }

    const decayed = mul(c.paramDecay, x.param);
    if (torch) {
      const root = add(div(sqrt(square), c.rootCorrection), c.eps);
      x.param = sub(decayed, div(mul(c.stepSize, m), root));
    } else if (flags.arithmetic === "tfjs") {
      const root = add(sqrt(div(square, c.biasCorrection2)), c.eps);
      x.param = sub(decayed, mul(c.lr, div(div(m, c.biasCorrection1), root)));
    } else {
      let variance = div(square, c.biasCorrection2);
      // With the usual eps a subnormal one counts as the least normal number.
      variance = selectLess(variance, c.leastVariance, c.leastVariance, variance);
      const root = add(sqrt(variance), c.eps);
      x.param = sub(decayed, div(mul(c.stepSize, m), root));
    }
  },
});
