import { type ConvertedRule, torchRunning } from "./rule.ts";

export const rprop: ConvertedRule = {
  torch: {
    slots: { prev: true, stepSize: true },
    counts: true,
    options: { lr: true, maximize: true, etas: true, stepSizes: true },
    others: { ...torchRunning, capturable: false },
    otherPresets: ["optax"], // its update is that of the step before
  },
};
