import { adamwDefinition } from "../../../lib/optimizers/adamw.ts";
import { torchAdamW } from "../formulas-adam.ts";
import { boolean, preset, vanishing } from "../option-kinds.ts";
import { adamRow } from "./adam.ts";
import type { OptimizerRow } from "./row.ts";

export const adamwRow: OptimizerRow = {
  definition: adamwDefinition,
  flags: { amsgrad: [false, true] },
  fullest: { amsgrad: true },
  options: {
    ...adamRow.options,
    weightDecay: vanishing(0.01),
    decoupledWeightDecay: boolean(true),
    preset: preset("torch"),
  },
  presets: {
    torch: {
      formula: torchAdamW,
      cases: [
        {},
        { lr: 0.01, beta1: 0.5, beta2: 0.99, eps: 1e-3, weightDecay: 0.1, amsgrad: true, maximize: true },
        { weightDecay: 0 },
        { decoupledWeightDecay: false },
      ],
    },
  },
  page: {
    columns: ({ formula, defaults }) => [
      { title: "step", cell: (preset) => formula(preset, {}, "param") },
      { title: "defaults", cell: (preset) => defaults(preset) },
    ],
    notes: `- \`torch\`: compared with PyTorch 1.13.1 as Adam's, whose averages and whose powers it has.`,
  },
};
