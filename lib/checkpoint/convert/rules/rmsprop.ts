import { type ConvertedRule, hasMomentum, type Options, torchCommon, torchRunning, when } from "./rule.ts";

/** TensorFlow's family has the learning rate in the momentum buffer. */
const needsRateInMomentum = (options: Options) =>
  hasMomentum(options) && options.lrInMomentum !== true
    ? "Expected 'lrInMomentum' to be true with momentum, because the system's buffer has the learning rate in it, but it is not."
    : undefined;

export const rmsprop: ConvertedRule = {
  torch: {
    slots: { squareAvg: true, gradAvg: true, momentumBuffer: true },
    counts: true,
    options: { ...torchCommon, alpha: true, eps: true, momentum: true, centered: true },
    others: { ...torchRunning, capturable: false },
    harmless: { initialSquareAvg: () => true, lrInMomentum: ({ momentum }) => !momentum },
  },
  keras: (options) =>
    needsRateInMomentum(options) ?? [
      { slot: "squareAvg" },
      ...when(hasMomentum(options), { slot: "momentumBuffer" }),
      ...when(options.centered, { slot: "gradAvg" }),
    ],
  tfjs: (options) =>
    needsRateInMomentum(options) ?? [
      { slot: "squareAvg" },
      { slot: "momentumBuffer", optional: !hasMomentum(options) },
      ...when(options.centered, { slot: "gradAvg" }),
    ],
};
