// What the bit tests of staged steps run over.
import type { Measure, RunStages, Stages } from "../../lib/backends/backend.ts";

export const noMeasures: Readonly<Record<Measure, boolean>> = {
  gradNorm: false,
  nonFinite: false,
  clipped: false,
  update: false,
};
export const allMeasures: typeof noMeasures = { gradNorm: true, nonFinite: true, clipped: true, update: true };

/** Stages that do nothing. */
export const plainRun: Readonly<RunStages> = {
  accumulates: false,
  applies: true,
  scale: 1,
  clipValue: Number.POSITIVE_INFINITY,
  clipNorm: Number.POSITIVE_INFINITY,
  averages: false,
  decay: 0,
  oneMinusDecay: 1,
  zeroes: false,
};

export interface StageCase {
  readonly stages?: Partial<Omit<Stages, "report">>;
  /** One for each half of the arrays. */
  readonly runs: readonly [Partial<RunStages>, Partial<RunStages>];
}

const averages = { averages: true, decay: 0.9, oneMinusDecay: 1 - 0.9 };
const alone = (stage: Partial<RunStages>): StageCase["runs"] => [stage, {}];

export const stageCases: Readonly<Record<string, StageCase>> = {
  "no stage": { runs: [{}, {}] },
  "clip by value": { runs: [{ clipValue: 0.3 }, { clipValue: 0.7, scale: 0.37 }] },
  "clip by the norm of each": { runs: [{ clipNorm: 0.3 }, { clipNorm: 1e17, scale: 0.37 }] },
  "clip by the norm of all": { stages: { clipGlobalNorm: 10 }, runs: [{}, { scale: 0.37 }] },
  "clip by a norm that none has": { stages: { clipGlobalNorm: 1e30 }, runs: [{ clipNorm: 1e30 }, {}] },
  "every clip": {
    stages: { clipGlobalNorm: 3, measures: allMeasures },
    runs: [{ clipNorm: 2, clipValue: 0.8, scale: 1.3 }, { clipNorm: 0.6 }],
  },
  skip: { stages: { skipNonFinite: true }, runs: [{ zeroes: true }, averages] },
  "skip, clipped by value": { stages: { skipNonFinite: true }, runs: [{ clipValue: 0.5 }, averages] },
  "skip, clipped by norm": { stages: { skipNonFinite: true, clipGlobalNorm: 1 }, runs: [{ zeroes: true }, averages] },
  average: { runs: alone(averages) },
  zero: { runs: alone({ zeroes: true }) },
  accumulate: {
    runs: [
      { accumulates: true, applies: false, scale: 0.25, zeroes: true },
      { accumulates: true, scale: 0.25 },
    ],
  },
  "accumulate, skip": {
    stages: { skipNonFinite: true, measures: allMeasures },
    runs: [
      { accumulates: true, applies: false, scale: 0.5 },
      { accumulates: true, scale: 0.5 },
    ],
  },
  "accumulate, count": {
    stages: { measures: allMeasures },
    runs: [
      { accumulates: true, applies: false, scale: 0.5 },
      { accumulates: true, scale: 0.5, clipValue: 0.4 },
    ],
  },
  ...Object.fromEntries(
    (Object.keys(noMeasures) as Measure[]).map((measure) => [
      `measure ${measure}`,
      {
        stages: { measures: { ...noMeasures, [measure]: true } },
        runs: [{ scale: 0.37 }, { clipValue: 0.5, scale: 0.37 }] as const,
      },
    ]),
  ),
  everything: {
    stages: { skipNonFinite: true, clipGlobalNorm: 5, measures: allMeasures },
    runs: [
      { accumulates: true, scale: 0.3, clipValue: 0.9, clipNorm: 2, ...averages, zeroes: true },
      { scale: 0.7, clipNorm: 3, ...averages, decay: 0.3, oneMinusDecay: 0.7, zeroes: true },
    ],
  },
};
