import { type ConvertedRule, torchCommon, torchRunning } from "./rule.ts";

export const adam: ConvertedRule = {
  torch: {
    slots: { gradAvg: "exp_avg", squareAvg: "exp_avg_sq", maxSquareAvg: "max_exp_avg_sq" },
    counts: true,
    options: {
      ...torchCommon,
      decoupledWeightDecay: true, // newer versions have it, older ones have Adam and AdamW
      beta1: { list: "betas", at: 0 },
      beta2: { list: "betas", at: 1 },
      eps: true,
      amsgrad: true,
    },
    others: { ...torchRunning, capturable: false, fused: false },
  },
  tfjs: ({ amsgrad }) =>
    amsgrad
      ? "Expected no 'amsgrad', because TensorFlow.js has none, but it is true."
      : [{ slot: "gradAvg" }, { slot: "squareAvg" }],
};
