import { type ConvertedRule, torchCommon, torchRunning } from "./rule.ts";

export const adagrad: ConvertedRule = {
  torch: {
    slots: { sum: true },
    counts: true,
    options: { ...torchCommon, lrDecay: true, eps: true, initialAccumulator: "initial_accumulator_value" },
    others: { ...torchRunning, fused: null },
  },
  keras: () => [{ slot: "sum" }],
  tfjs: () => [{ slot: "sum" }],
};
