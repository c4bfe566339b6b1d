import { type NumberType, numberTypes } from "../numbers/typed-array.ts";
import type { Optimizer } from "../optimizer.ts";
import { definitions } from "../optimizers/all.ts";
import * as schedules from "../schedules/index.ts";
import { optimizers } from "./optimizers.ts";

/** What is stepped for 300 steps, and hashed. */
export interface BitsCase {
  readonly name: string;
  readonly type: NumberType;
  readonly optimizer: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** What gradients are. Default "arrays". */
  readonly gradients?: "arrays" | "lists" | "factors";
  /** Whether some gradients are not finite. */
  readonly nonFinite?: boolean;
}

type OptimizerClass = new (parameters: readonly object[], options: object) => Optimizer;

/** An optimizer's class, by its name. */
export const classOf = (name: string): OptimizerClass =>
  (optimizers as unknown as Readonly<Record<string, OptimizerClass>>)[name] as OptimizerClass;

interface Variation {
  readonly title: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Beside the defaults: options that every preset of an optimizer takes, and others that go without one. */
interface Variations {
  readonly everywhere: readonly Variation[];
  readonly alone: readonly Variation[];
}

const decay = { title: "weight decay", options: { weightDecay: 0.01 } };
const decoupled = { title: "decoupled weight decay", options: { weightDecay: 0.01, decoupledWeightDecay: true } };
const momentum = { momentum: 0.9 };

export const variations: Readonly<Record<string, Variations>> = {
  RMSprop: {
    everywhere: [
      { title: "momentum", options: momentum },
      { title: "centered, momentum and weight decay", options: { ...momentum, centered: true, weightDecay: 0.01 } },
    ],
    alone: [
      decoupled,
      { title: "eps in the root", options: { epsInSqrt: true, eps: 1e-3 } },
      { title: "Nesterov's momentum", options: { ...momentum, nesterov: true, lrInMomentum: true } },
      { title: "bias correction, maximizing", options: { biasCorrection: true, maximize: true } },
      { title: "gains", options: { ...momentum, gains: {}, initialSquareAvg: 1 } },
    ],
  },
  SGD: {
    everywhere: [
      { title: "momentum and weight decay", options: { ...momentum, weightDecay: 0.01 } },
      { title: "Nesterov's momentum", options: { ...momentum, nesterov: true } },
    ],
    alone: [decoupled, { title: "dampening, maximizing", options: { ...momentum, dampening: 0.1, maximize: true } }],
  },
  Adagrad: {
    everywhere: [decay],
    alone: [decoupled, { title: "a rate that decays", options: { lrDecay: 0.01, initialAccumulator: 0.1 } }],
  },
  Rprop: { everywhere: [decay], alone: [decoupled, { title: "other sizes", options: { etas: [0.4, 1.3] } }] },
  Adadelta: { everywhere: [decay], alone: [decoupled] },
  Adam: { everywhere: [decay], alone: [decoupled, { title: "AMSGrad", options: { amsgrad: true } }] },
  AdamW: { everywhere: [{ title: "no decay", options: { weightDecay: 0 } }], alone: [] },
};

const stages: readonly (Variation & Pick<BitsCase, "gradients" | "nonFinite">)[] = [
  { title: "gradScale", options: { gradScale: 0.7 } },
  { title: "clipValue", options: { clipValue: 0.01 } },
  { title: "clipNorm", options: { clipNorm: 0.5 } },
  { title: "clipGlobalNorm", options: { clipGlobalNorm: 0.5 } },
  { title: "zeroGrads", options: { zeroGrads: true } },
  { title: "ema", options: { ema: { decay: 0.99, warmup: true, start: 3, every: 2 } } },
  { title: "gradientAccumulationSteps", options: { gradientAccumulationSteps: 3 } },
  { title: "diagnostics", options: { diagnostics: true, clipValue: 0.5 } },
  { title: "skipNonFinite", options: { skipNonFinite: true }, nonFinite: true },
  { title: "lossScale", options: { lossScale: { initial: 1024, growthInterval: 20 } }, nonFinite: true },
  { title: "values that are not finite", options: {}, nonFinite: true },
  { title: "lists of gradients", options: {}, gradients: "lists" },
  { title: "factors of gradients", options: {}, gradients: "factors" },
  {
    title: "every stage",
    options: {
      ...{ gradScale: 0.7, clipValue: 0.6, clipNorm: 2, clipGlobalNorm: 1, zeroGrads: true, skipNonFinite: true },
      ...{ ema: { decay: 0.9 }, gradientAccumulationSteps: 2, diagnostics: true },
    },
    gradients: "lists",
    nonFinite: true,
  },
];

const rates: Readonly<Record<string, () => unknown>> = {
  constant: () => schedules.constant(0.01),
  step: () => schedules.step(0.01, { stepSize: 40, gamma: 0.3 }),
  exponential: () => schedules.exponential(0.01, { gamma: 0.987 }),
  cosine: () => schedules.cosine(0.01, { steps: 300, min: 1e-4 }),
  linearWarmup: () => schedules.linearWarmup(0.01, { steps: 70 }),
  oneCycle: () => schedules.oneCycle(0.01, { steps: 300 }),
  sequence: () =>
    schedules.sequence([schedules.linearWarmup(0.01, { steps: 30 }), schedules.cosine(0.01, { steps: 270 })], {
      milestones: [30],
    }),
  chain: () =>
    schedules.chain([schedules.linearWarmup(1, { steps: 30 }), schedules.exponential(0.01, { gamma: 0.99 })]),
};

const both = (of: (type: NumberType) => BitsCase) => numberTypes.map(of);

function casesOf({ name: optimizer, presets }: (typeof definitions)[number]): BitsCase[] {
  const { everywhere, alone } = variations[optimizer] as Variations;
  const plain: Variation = { title: "", options: {} };
  return [null, ...Object.keys(presets)].flatMap((preset) =>
    [plain, ...everywhere, ...(preset === null ? alone : [])].flatMap(({ title, options }) => {
      const words = [preset === null ? optimizer : `${optimizer} "${preset}"`, ...(title === "" ? [] : [title])];
      return both((type) => ({
        name: [...words, type].join(", "),
        type,
        optimizer,
        options: preset === null ? options : { ...options, preset },
      }));
    }),
  );
}

/** Every preset, stage and schedule. */
export function bitsCases(): BitsCase[] {
  return [
    ...definitions.flatMap(casesOf),
    ...stages.flatMap(({ title, options, ...more }) =>
      both((type) => ({
        ...{ name: `stage: ${title}, ${type}`, type, optimizer: "RMSprop", options: { ...momentum, ...options } },
        ...more,
      })),
    ),
    ...Object.entries(rates).flatMap(([title, rate]) =>
      both((type) => ({ name: `schedule: ${title}, ${type}`, type, optimizer: "RMSprop", options: { lr: rate() } })),
    ),
  ];
}
