import { rpropDefinition } from "../../../lib/optimizers/rprop.ts";
import { optaxRprop, torchRprop } from "../formulas.ts";
import {
  badPairs,
  below32,
  beyond32,
  common,
  epsilon,
  kept,
  least,
  least32,
  most,
  most32,
  preset,
  toOne32,
} from "../option-kinds.ts";
import type { OptimizerRow } from "./row.ts";

export const rpropRow: OptimizerRow = {
  definition: rpropDefinition,
  rule: {
    coefficients: [
      {
        gradScale: -1,
        weightDecay: 0.01,
        paramDecay: 0.9999,
        etaMinus: 0.5,
        etaPlus: 1.2,
        minStepSize: 1e-6,
        maxStepSize: 50,
      },
      // Limits that both come to bear.
      {
        gradScale: 0.37,
        weightDecay: 0.3,
        paramDecay: 0.97,
        etaMinus: 0.7,
        etaPlus: 1.9,
        minStepSize: 0.01,
        maxStepSize: 0.08,
      },
    ],
    initial: { prev: [-1, 1], stepSize: [0, 0.1] },
  },
  fullest: { lr: 1e-3, etas: [0.25, 1.5], stepSizes: [1e-3, 2] },
  options: {
    lr: kept(0.01),
    etas: {
      default: [0.5, 1.2],
      domain: "two numbers, [minus, plus] with 0 < minus < 1 < plus",
      good: [
        [0.5, 1.2],
        [least32, most32],
        [1 - 2 ** -24, 1 + 2 ** -23],
      ],
      wide: [
        ...[
          [least, 2],
          [below32, 2],
          [0.5, beyond32],
        ],
        ...[
          [1 - epsilon, 2],
          [toOne32, 2],
          [0.5, 1 + epsilon],
        ],
      ],
      bad: [...badPairs, [0, 1.2], [0.5, 1], [1, 2], [1.2, 0.5]],
    },
    stepSizes: {
      default: [1e-6, 50],
      domain: "two finite numbers, [min, max] with 0 <= min <= max",
      good: [
        [0, 0],
        [least32, most32],
        [1, 1],
      ],
      wide: [
        [0, beyond32],
        [0, most],
        [below32, 1],
        [0, 1e-46],
      ],
      bad: [...badPairs, [1, 0.5]],
    },
    preset: preset("torch", "optax"),
    ...common,
  },
  presets: {
    torch: { formula: torchRprop, cases: [{}, { lr: 100, etas: [0.3, 1.5], stepSizes: [0.01, 2] }] },
    optax: { formula: optaxRprop, cases: [{}, { lr: 100, etas: [0.3, 1.5], stepSizes: [0.01, 2] }] },
  },
  written: { etaMinus: "etas[0]", etaPlus: "etas[1]", minStepSize: "stepSizes[0]", maxStepSize: "stepSizes[1]" },
  page: {
    columns: ({ defaults }) => [
      {
        title: "signs agree where this is above 0",
        cell: (preset) => (preset === null ? "`sign(grad) * prev`" : "`grad * prev`"),
      },
      { title: "defaults", cell: (preset) => defaults(preset) },
    ],
    notes: `Without a preset, signs are compared, so that tiny gradients agree too. The products of the presets vanish for gradients below about 1e-23 in float32, and the step size then stays.

- \`torch\`: compared with PyTorch 1.13.1 as above. It limits the step size at every step, also where the sign neither changed nor stayed.
- \`optax\`: the step size is limited only where it changes. Its bug is kept: each step takes the update that was computed in the step before, from the gradient before, so that the first step changes nothing; \`prev\` holds the update that is to come, and not the gradient. The sign of a zero may differ.`,
  },
};
