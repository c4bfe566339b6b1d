// The options that a walk gives and sets.
import { type OptimizerOptions, type RMSpropOptions, schedules } from "../../../lib/index.ts";
import type { WalkState } from "./state.ts";

const goodChanges: readonly RMSpropOptions[] = [
  ...[{ lr: 0.02 }, { lr: (step: number) => 0.05 / step }, { momentum: 0.9 }, { momentum: 0.5 }, { centered: true }],
  ...[{ centered: false }, { weightDecay: 0.1 }, { weightDecay: 0 }, { maximize: true }, { alpha: 0.5 }, { eps: 1e-3 }],
  ...[{ gradScale: 0.37 }, { gradScale: 1 }, { clipValue: 0.7 }, { clipValue: null }, { clipNorm: 0.9 }],
  ...[
    { lr: schedules.cosine(0.1, { steps: 50 }) },
    { clipNorm: null },
    { ema: { decay: 0.8 } },
    { ema: { decay: 0.99, warmup: true } },
    { ema: { decay: 0.7, start: 4, every: 3 } },
    { ema: null },
    { initialSquareAvg: 0.5 },
    { zeroGrads: true },
    { zeroGrads: false },
  ],
];

const badChanges: readonly Record<string, unknown>[] = [
  ...[{ lr: -1 }, { lr: Number.NaN }, { alpha: 2 }, { eps: "1" }, { centered: 1 }],
  ...[{ momentum: Number.POSITIVE_INFINITY }, { learningRate: 1 }, { maximize: null }, { weightDecay: -0.1 }],
  ...[{ gradScale: 0 }, { clipValue: -1 }, { clipNorm: Number.NaN }, { ema: { decay: 2 } }, { ema: {} }],
  ...[{ ema: { decay: 0.9, warmup: 1 } }, { ema: { decay: 0.9, start: 0 } }, { ema: { decay: 0.9, every: 0.5 } }],
  ...[{ zeroGrads: 1 }],
];

/** What a running group refuses, though a constructor may take it. */
const badForGroups: readonly Record<string, unknown>[] = [
  ...[{ preset: "torch" }, { params: [] }, { clipGlobalNorm: 1 }, { skipNonFinite: true }, { diagnostics: true }],
];

/** What a constructor refuses, and no group has. */
const badForAll: readonly Record<string, unknown>[] = [
  ...[{ clipGlobalNorm: 0 }, { skipNonFinite: 1 }, { gradientAccumulationSteps: 0 }, { diagnostics: ["norm"] }],
  ...[{ lossScale: { initial: 0 } }, { lossScale: { backoffFactor: 1 } }],
];

const groupOptions: readonly RMSpropOptions[] = [
  {},
  { momentum: 0.9, nesterov: true, lr: 0.1 },
  { centered: true, alpha: 0.9, weightDecay: 0.1 },
  { lr: (step) => 0.1 / step, momentum: 0.5, lrInMomentum: true, epsInSqrt: true },
  { weightDecay: 0.1, decoupledWeightDecay: true, maximize: true, initialSquareAvg: 1 },
  { gradScale: 0.5, clipValue: 0.6, momentum: 0.9 },
  { clipNorm: 1.5, zeroGrads: true },
  { ema: { decay: 0.9 }, lr: schedules.exponential(0.1, { gamma: 0.99 }) },
  { ema: { decay: 0.999, warmup: true, start: 3 }, momentum: 0.5 },
  { ema: { decay: 0.9, warmup: true, every: 2 }, zeroGrads: true },
  { ema: { decay: 0.5 }, clipValue: 1, clipNorm: 1, zeroGrads: true, centered: true },
];

const wholeOptions: readonly OptimizerOptions[] = [
  { clipGlobalNorm: 2 },
  { skipNonFinite: true },
  { diagnostics: true },
  { diagnostics: ["clipped", "updateNorm"], skipNonFinite: true },
  { gradientAccumulationSteps: 3 },
  { gradientAccumulationSteps: 2, skipNonFinite: true, clipGlobalNorm: 1, diagnostics: true },
  { lossScale: { initial: 8, growthFactor: 4, backoffFactor: 0.25, growthInterval: 3 } },
  { lossScale: { initial: 2, growthInterval: 5 }, gradientAccumulationSteps: 2, diagnostics: ["gradNorm"] },
];

export interface GivenOptions {
  readonly group: RMSpropOptions;
  readonly whole: OptimizerOptions;
  readonly bad: boolean;
}

/** Options for a constructor. */
export function chooseOptions(walk: WalkState): GivenOptions {
  const group = walk.one(groupOptions) as RMSpropOptions;
  const whole = walk.chance(0.5) ? {} : (walk.one(wholeOptions) as OptimizerOptions);
  if (!walk.chance(0.1)) return { group, whole, bad: false };
  const wrong = walk.one([...badChanges, ...badForAll]) as object;
  return { group: { ...group, ...wrong }, whole, bad: true };
}

/** A change of a group's options. */
export function chooseChange(walk: WalkState): { readonly change: RMSpropOptions; readonly bad: boolean } {
  const bad = walk.chance(0.3);
  return { change: walk.one<object>(bad ? [...badChanges, ...badForGroups] : goodChanges) as RMSpropOptions, bad };
}
