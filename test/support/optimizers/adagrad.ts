import { adagradDefinition } from "../../../lib/optimizers/adagrad.ts";
import { kerasAdagrad, optaxAdagrad, tfjsAdagrad, torchAdagrad } from "../formulas.ts";
import { boolean, common, kept, nonNegative, preset, rate } from "../option-kinds.ts";
import type { OptimizerRow } from "./row.ts";

const decay = { weightDecay: 0.02 };

export const adagradRow: OptimizerRow = {
  definition: adagradDefinition,
  rule: {
    coefficients: [
      {
        gradScale: 1,
        weightDecay: 0.01,
        epsIn: -0,
        epsOut: 1e-10,
        lrIn: 0.01,
        lrOut: 1,
        paramDecay: 1,
        decayRate: 0.01,
      },
      {
        gradScale: -0.3,
        weightDecay: 0.03,
        epsIn: 1e-7,
        epsOut: 1e-3,
        lrIn: 0.3,
        lrOut: 0.7,
        paramDecay: 0.999,
        decayRate: 0.2,
      },
    ],
    initial: { sum: [0, 1] },
  },
  fullest: { lrDecay: 0.01 },
  options: {
    lr: rate(0.01),
    lrDecay: nonNegative(0),
    initialAccumulator: kept(0),
    eps: kept(1e-10),
    epsInSqrt: boolean(false),
    preset: preset("torch", "keras", "tfjs"),
    ...common,
  },
  presets: {
    torch: {
      formula: torchAdagrad,
      cases: [{}, { lr: 0.1, lrDecay: 0.1, ...decay, initialAccumulator: 0.5, eps: 1e-3 }],
    },
    keras: { formula: kerasAdagrad, cases: [{}, decay, { lr: 0.1, initialAccumulator: 0.5, eps: 1e-3 }] },
    tfjs: { formula: tfjsAdagrad, cases: [{}, { lr: 0.1, initialAccumulator: 0.5 }] },
    optax: { formula: optaxAdagrad, cases: [{}, { lr: 0.1, initialAccumulator: 0 }] },
  },
  page: {
    columns: ({ formula, decayed, defaults }) => [
      { title: "sum", cell: (preset) => formula(preset, {}, "sum") },
      { title: "step", cell: (preset) => formula(preset, {}, "param") },
      { title: "decoupled decay", cell: (preset) => decayed(preset, {}) },
      { title: "defaults", cell: (preset) => defaults(preset) },
    ],
    notes: `\`lr\` is divided by \`1 + (t - 1) * lrDecay\` first. \`torch\` and \`tfjs\` are compared with their systems as above.`,
  },
};
