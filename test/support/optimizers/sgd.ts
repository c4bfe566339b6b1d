import { sgdDefinition } from "../../../lib/optimizers/sgd.ts";
import { kerasSGD, optaxSGD, tf1SGD, tfjsSGD, torchSGD } from "../formulas.ts";
import { boolean, common, fraction, preset, rate } from "../option-kinds.ts";
import type { OptimizerRow } from "./row.ts";

const momentum = { momentum: 0.9, lr: 0.003 };
const nesterov = { ...momentum, nesterov: true };
const decay = { weightDecay: 0.02 };

export const sgdRow: OptimizerRow = {
  definition: sgdDefinition,
  rule: {
    coefficients: [
      { gradScale: -1, weightDecay: 0.01, paramDecay: 0.9999, momentum: 0.9, oneMinusDampening: 1, lr: 0.01 },
      { gradScale: 0.37, weightDecay: 0.3, paramDecay: 0.97, momentum: 0.3, oneMinusDampening: 0.6, lr: 0.7 },
    ],
    initial: { momentumBuffer: [-1, 1] },
  },
  flags: { momentum: [0, 0.9], dampening: [0, 0.5], nesterov: [false, true] },
  fullest: { momentum: 0.9, dampening: 0.25 },
  options: {
    lr: rate(0.001),
    momentum: fraction(0),
    dampening: fraction(0),
    nesterov: boolean(false),
    preset: preset("torch", "tf1", "keras"),
    ...common,
  },
  presets: {
    torch: {
      formula: torchSGD,
      cases: [{}, momentum, nesterov, decay, { ...momentum, dampening: 0.3, ...decay, maximize: true }],
    },
    tf1: { formula: tf1SGD, cases: [{}, momentum, nesterov] },
    keras: { formula: kerasSGD, cases: [{}, momentum, nesterov, decay, { ...nesterov, ...decay }] },
    tfjs: { formula: tfjsSGD, cases: [{}, momentum, nesterov] },
    optax: { formula: optaxSGD, cases: [{}, momentum, nesterov] },
  },
  page: {
    columns: ({ formula, decayed, defaults }) => [
      { title: "step, plain", cell: (preset) => formula(preset, {}, "param") },
      { title: "momentum buffer", cell: (preset) => formula(preset, momentum, "momentumBuffer") },
      { title: "step with momentum", cell: (preset) => formula(preset, momentum, "param") },
      {
        title: "step with `nesterov`",
        cell: (preset) => formula(preset, { ...momentum, nesterov: true }, "param"),
      },
      {
        title: "buffer with `dampening`",
        cell: (preset) => formula(preset, { ...momentum, dampening: 0.5 }, "momentumBuffer") || "refused",
      },
      // The step of PyTorch is inside an fma, but its decay is that without a preset.
      { title: "decoupled decay", cell: (preset) => decayed(preset === "torch" ? null : preset, momentum) },
      { title: "defaults", cell: (preset) => defaults(preset) },
    ],
    notes: `Where no preset or \`torch\` is given, a parameter's first gradient enters the momentum buffer whole and with the signs of its zeros, as PyTorch copies it; elsewhere the buffer starts at 0. Decoupled decay takes the place of \`param\` in the steps. Keras's momentum is our buffer negated. \`torch\` and \`tfjs\` are compared with their systems as above.`,
  },
};
