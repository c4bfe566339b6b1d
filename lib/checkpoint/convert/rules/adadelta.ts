import { type ConvertedRule, torchCommon, torchRunning } from "./rule.ts";

export const adadelta: ConvertedRule = {
  torch: {
    slots: { squareAvg: true, accDelta: true },
    counts: true,
    options: { ...torchCommon, rho: true, eps: true },
    others: { ...torchRunning, capturable: false },
  },
  tfjs: () => [{ slot: "squareAvg" }, { slot: "accDelta" }],
};
