import { adamDefinition } from "../../../lib/optimizers/adam.ts";
import { tfjsAdam, torchAdam } from "../formulas-adam.ts";
import { boolean, common, correctedDecay, kept, preset, rate } from "../option-kinds.ts";
import type { OptimizerRow } from "./row.ts";

export const adamRow: OptimizerRow = {
  definition: adamDefinition,
  rule: {
    coefficients: [
      {
        gradScale: 1,
        weightDecay: 0.01,
        beta1: 0.9,
        oneMinusBeta1: 1 - 0.9,
        beta2: 0.999,
        oneMinusBeta2: 1 - 0.999,
        biasCorrection1: 0.6513215599,
        biasCorrection2: 0.1813,
        rootCorrection: 0.4257934,
        eps: 1e-8,
        lr: 0.01,
        stepSize: 0.0153534,
        paramDecay: 1,
        leastVariance: 0,
      },
      {
        gradScale: -0.3,
        weightDecay: 0.03,
        beta1: 0.4,
        oneMinusBeta1: 1 - 0.4,
        beta2: 0.7,
        oneMinusBeta2: 1 - 0.7,
        biasCorrection1: 0.97,
        biasCorrection2: 0.93,
        rootCorrection: 0.964,
        eps: 1e-3,
        lr: 0.3,
        stepSize: 0.309,
        paramDecay: 0.999,
        leastVariance: 0.01,
      },
    ],
    initial: { gradAvg: [-0.1, 0.1], squareAvg: [0, 1], maxSquareAvg: [0, 1] },
  },
  flags: { amsgrad: [false, true] },
  fullest: { amsgrad: true },
  options: {
    lr: rate(0.001),
    beta1: correctedDecay(0.9),
    beta2: correctedDecay(0.999),
    eps: kept(1e-8),
    amsgrad: boolean(false),
    preset: preset("torch", "tfjs"),
    ...common,
  },
  presets: {
    torch: {
      formula: torchAdam,
      cases: [
        {},
        { amsgrad: true },
        { lr: 0.01, beta1: 0.5, beta2: 0.99, eps: 1e-3, weightDecay: 0.02, maximize: true },
        { beta1: 0, beta2: 0.9, weightDecay: 0.02, decoupledWeightDecay: true },
      ],
    },
    tfjs: { formula: tfjsAdam, cases: [{}, { lr: 0.01, beta1: 0.5, beta2: 0.99, eps: 1e-3 }] },
  },
  written: {
    biasCorrection1: "(1 - beta1^t)",
    biasCorrection2: "(1 - beta2^t)",
    rootCorrection: "sqrt(1 - beta2^t)",
    stepSize: "lr / (1 - beta1^t)",
  },
  page: {
    columns: ({ formula, decayed, defaults }) => [
      { title: "mean", cell: (preset) => formula(preset, {}, "gradAvg") },
      { title: "mean square", cell: (preset) => formula(preset, {}, "squareAvg") },
      { title: "step", cell: (preset) => formula(preset, {}, "param") },
      { title: "with `amsgrad`", cell: (preset) => formula(preset, { amsgrad: true }, "maxSquareAvg") || "refused" },
      { title: "decoupled decay", cell: (preset) => decayed(preset, {}) },
      { title: "defaults", cell: (preset) => defaults(preset) },
    ],
    notes: `\`lr / (1 - beta1^t)\` and \`sqrt(1 - beta2^t)\` are numbers for all elements, computed in double. With \`amsgrad\`, \`maxSquareAvg\` takes the place of \`squareAvg\` in the step.

- \`torch\`: PyTorch 1.13.1's CPU kernels, single-tensor and foreach, for AVX2 and later. Compared with it in a test: 0 differing elements after 1,000 steps. It computes \`beta ** step\` by C's \`pow\`, we by squaring, because powers of engines and C libraries differ. In double 993 of the first 1,000 powers of 0.999 differ, and 997 of those of 0.9; with them \`sqrt(1 - beta2^t)\` by up to 9.4e-15 of its value and \`lr / (1 - beta1^t)\` by up to 3.1e-16. Rounded to float32 they were the same in each of 20 million cases (every beta of four decimals, steps 1 to 1,000). Where one falls on the other side of a rounding, a float32 coefficient and the steps made with it differ by one unit in the last place, 1.2e-7 of their value at most. PyTorch counts steps in float32, which ends at 16,777,216; ours go on.
- \`tfjs\`: compared with TensorFlow.js's cpu backend in a test: 0 differing elements after 1,000 steps. It keeps \`beta^t\` in variables of float32 that each step multiplies, and so do we. After its \`setWeights()\` it begins at a power by \`pow\`, from where its bits may be others.`,
  },
};
