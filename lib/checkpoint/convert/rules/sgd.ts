import { show } from "../../../values/show.ts";
import { type ConvertedRule, hasMomentum, torchCommon, torchRunning, when } from "./rule.ts";

export const sgd: ConvertedRule = {
  torch: {
    slots: { momentumBuffer: true },
    counts: false,
    options: { ...torchCommon, momentum: true, dampening: true, nesterov: true },
    others: { ...torchRunning, fused: null },
    otherPresets: ["keras"], // its buffer has the learning rate in it
  },
  keras: (options) =>
    hasMomentum(options) && options.preset !== "keras"
      ? `Expected the preset "keras" with momentum, because Keras's buffer has the learning rate in it, but it is ${show(options.preset)}.`
      : when(hasMomentum(options), { slot: "momentumBuffer", negated: true }),
  tfjs: (options) =>
    hasMomentum(options) && options.preset === "keras"
      ? `Expected another preset than "keras" with momentum, because TensorFlow.js's buffer has no learning rate in it, but it is "keras".`
      : when(hasMomentum(options), { slot: "momentumBuffer" }),
};
