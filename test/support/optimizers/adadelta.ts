import { adadeltaDefinition } from "../../../lib/optimizers/adadelta.ts";
import { tfjsAdadelta, torchAdadelta } from "../formulas-adadelta.ts";
import { common, decay, kept, preset, rate } from "../option-kinds.ts";
import type { OptimizerRow } from "./row.ts";

export const adadeltaRow: OptimizerRow = {
  definition: adadeltaDefinition,
  rule: {
    coefficients: [
      { gradScale: 1, weightDecay: 0.01, rho: 0.9, oneMinusRho: 1 - 0.9, eps: 1e-6, lr: 1, paramDecay: 1 },
      { gradScale: -0.7, weightDecay: 0.03, rho: 0.4, oneMinusRho: 1 - 0.4, eps: 1e-3, lr: 0.3, paramDecay: 0.999 },
    ],
    initial: { squareAvg: [0, 1], accDelta: [0, 0.01] },
  },
  fullest: {},
  options: {
    lr: rate(1),
    rho: decay(0.9),
    eps: kept(1e-6),
    preset: preset("torch", "tfjs"),
    ...common,
  },
  presets: {
    torch: {
      formula: torchAdadelta,
      cases: [{}, { lr: 0.3, rho: 0.95, eps: 1e-3, weightDecay: 0.02 }, { maximize: true }],
    },
    tfjs: { formula: tfjsAdadelta, cases: [{}, { lr: 0.3, rho: 0.9, eps: 1e-3 }] },
  },
  page: {
    columns: ({ formula, decayed, defaults }) => [
      { title: "mean square", cell: (preset) => formula(preset, {}, "squareAvg") },
      { title: "mean square of steps", cell: (preset) => formula(preset, {}, "accDelta") },
      { title: "step", cell: (preset) => formula(preset, { lr: 0.5 }, "param") },
      // The step of PyTorch is inside an fma, but its decay is that without a preset.
      { title: "decoupled decay", cell: (preset) => decayed(preset === "torch" ? null : preset, {}) },
      { title: "defaults", cell: (preset) => defaults(preset) },
    ],
    notes: `In the step \`accDelta\` is that of the step before.

- \`torch\`: PyTorch 1.13.1's CPU kernels, single-tensor and foreach, for AVX2 and later, compared with it as above.
- \`tfjs\`: compared with TensorFlow.js as above. Its bug is kept: it takes the root of the mean square of the step before. Both averages then are equal, their quotient is 1, and its step is \`lr * grad\`.`,
  },
};
