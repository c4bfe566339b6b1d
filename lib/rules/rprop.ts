import { limit, sign } from "../numbers/arithmetic.ts";
import { defineRule } from "./rule.ts";

/**
 * The arithmetic of one element. The twin of native/kernels/rules/rprop.hpp. There is neither root nor division to hide
 * an operation under, so what is not always needed is a flag.
 */
export const rpropRule = defineRule({
  name: "rprop",
  slots: ["prev", "stepSize"],
  flags: {
    gradScale: ["off", "on"],
    weightDecay: ["off", "l2", "factor"],
    arithmetic: ["standard", "torch", "optax"],
  },
  coefficients: ["gradScale", "weightDecay", "paramDecay", "etaMinus", "etaPlus", "minStepSize", "maxStepSize"],

  exists: () => true,

  uses: () => true,

  apply(a, flags, x, c) {
    const { constant, add, sub, mul, selectLess, multiplyAdd } = a;
    const zero = constant(0);

    let g = x.grad;
    if (flags.gradScale === "on") g = mul(c.gradScale, g);
    if (flags.weightDecay === "l2") {
      g = flags.arithmetic === "torch" ? multiplyAdd(x.param, c.weightDecay, g) : add(g, mul(c.weightDecay, x.param));
    }

    let agreement = mul(g, x.prev); // 0 where it underflows
    if (flags.arithmetic === "standard") agreement = mul(sign(a, g), x.prev);
    const factor = selectLess(agreement, zero, c.etaMinus, selectLess(zero, agreement, c.etaPlus, constant(1)));

    const limited = limit(a, mul(x.stepSize, factor), c.minStepSize, c.maxStepSize);
    let change: typeof x.param;
    if (flags.arithmetic === "optax") {
      x.stepSize = selectLess(agreement, zero, limited, selectLess(zero, agreement, limited, x.stepSize));
      change = selectLess(agreement, zero, zero, x.prev);
      x.prev = selectLess(agreement, zero, zero, mul(x.stepSize, sign(a, g)));
    } else {
      x.stepSize = limited;
      g = selectLess(agreement, zero, zero, g);
      change = mul(sign(a, g), limited);
      x.prev = g;
    }

    const decayed = flags.weightDecay === "factor" ? mul(c.paramDecay, x.param) : x.param;
    x.param = sub(decayed, change);
  },
});
