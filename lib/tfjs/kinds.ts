// The optimizers of TensorFlow.js, each with ours that does its work: names, defaults, state.
import { Adadelta, Adagrad, Adam, AdamW, type Optimizer, RMSprop, Rprop, SGD } from "../api.ts";
import type { AnyDefinition } from "../definition.ts";
import { adadeltaDefinition } from "../optimizers/adadelta.ts";
import { adagradDefinition } from "../optimizers/adagrad.ts";
import { adamDefinition } from "../optimizers/adam.ts";
import { adamwDefinition } from "../optimizers/adamw.ts";
import { rmspropDefinition } from "../optimizers/rmsprop.ts";
import { rpropDefinition } from "../optimizers/rprop.ts";
import { sgdDefinition } from "../optimizers/sgd.ts";

/** A run of an optimizer's weights: an array for each variable. */
export interface WeightRun {
  /** The slot of ours. */
  readonly slot: string;
  /** The end of its name in TensorFlow.js, behind the variable's. */
  readonly suffix: string;
  /** Whether the list has it, by the options; default yes. Where ours keeps no such slot, it is zeros. */
  readonly isThere?: (options: Readonly<Record<string, unknown>>) => boolean;
}

export interface Kind {
  /** The name of the class in TensorFlow.js, under which models are saved. */
  readonly name: string;
  readonly optimizer: new (params: readonly never[], options: object) => Optimizer;
  readonly definition: AnyDefinition;
  /** Options by the names of TensorFlow.js, in the order of its constructor, and their names in ours. */
  readonly names: Readonly<Record<string, string>>;
  /** Those of them that TensorFlow.js's constructor lacks, and so its config: saved only where they are given. */
  readonly beside?: readonly string[];
  /** Those that a program must give, beside the learning rate where it has no default. */
  readonly required?: readonly string[];
  /** The defaults of TensorFlow.js. The default of an epsilon is the backend's. */
  readonly defaults: Readonly<Record<string, number | boolean>>;
  /**
   * Options of ours that make it compute as TensorFlow.js does, beside those that a program gives; left out where it gives a
   * preset.
   */
  readonly base: (given: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  readonly runs: readonly WeightRun[];
}

const asInTfjs = () => ({ preset: "tfjs" });

const adam = {
  names: { learningRate: "lr", beta1: "beta1", beta2: "beta2", epsilon: "eps" },
  defaults: { learningRate: 0.001, beta1: 0.9, beta2: 0.999 },
  runs: [
    { slot: "gradAvg", suffix: "m" },
    { slot: "squareAvg", suffix: "v" },
    { slot: "maxSquareAvg", suffix: "vhat", isThere: ({ amsgrad }) => amsgrad === true },
  ],
} as const satisfies Pick<Kind, "names" | "defaults" | "runs">;

const kindTable = {
  RMSProp: {
    optimizer: RMSprop,
    definition: rmspropDefinition,
    names: { learningRate: "lr", decay: "alpha", momentum: "momentum", epsilon: "eps", centered: "centered" },
    defaults: { decay: 0.9, momentum: 0, centered: false },
    // Without the preset, which keeps TensorFlow.js's fault where it is centered; all else has the same bits.
    base: () => ({ epsInSqrt: true, lrInMomentum: true }),
    runs: [
      { slot: "squareAvg", suffix: "rms" },
      { slot: "momentumBuffer", suffix: "momentum" },
      { slot: "gradAvg", suffix: "mg", isThere: ({ centered }) => centered === true },
    ],
  },
  SGD: {
    optimizer: SGD,
    definition: sgdDefinition,
    names: { learningRate: "lr" },
    defaults: {},
    base: asInTfjs,
    runs: [{ slot: "momentumBuffer", suffix: "momentum", isThere: ({ momentum }) => Number(momentum ?? 0) > 0 }],
  },
  Momentum: {
    optimizer: SGD,
    definition: sgdDefinition,
    names: { learningRate: "lr", momentum: "momentum", useNesterov: "nesterov" },
    required: ["momentum"],
    defaults: { useNesterov: false },
    base: asInTfjs,
    runs: [{ slot: "momentumBuffer", suffix: "momentum" }],
  },
  Adagrad: {
    optimizer: Adagrad,
    definition: adagradDefinition,
    names: { learningRate: "lr", initialAccumulatorValue: "initialAccumulator", epsilon: "eps" },
    beside: ["epsilon"],
    defaults: { initialAccumulatorValue: 0.1 },
    base: asInTfjs,
    runs: [{ slot: "sum", suffix: "accumulator" }],
  },
  Adadelta: {
    optimizer: Adadelta,
    definition: adadeltaDefinition,
    names: { learningRate: "lr", rho: "rho", epsilon: "eps" },
    defaults: { learningRate: 0.001, rho: 0.95 },
    base: asInTfjs,
    runs: [
      { slot: "squareAvg", suffix: "accum_grad" },
      { slot: "accDelta", suffix: "accum_var" },
    ],
  },
  Adam: {
    optimizer: Adam,
    definition: adamDefinition,
    ...adam,
    base: ({ amsgrad }) => (amsgrad === true ? {} : asInTfjs()), // TensorFlow.js has no amsgrad
  },
  AdamW: { optimizer: AdamW, definition: adamwDefinition, ...adam, base: () => ({}) },
  Rprop: {
    optimizer: Rprop,
    definition: rpropDefinition,
    names: { learningRate: "lr" },
    defaults: { learningRate: 0.01 },
    base: () => ({}),
    runs: [
      { slot: "prev", suffix: "prev" },
      { slot: "stepSize", suffix: "step_size" },
    ],
  },
} as const satisfies Readonly<Record<string, Omit<Kind, "name">>>;

export type KindName = keyof typeof kindTable;

/** Every kind by its name. */
export const kinds = Object.fromEntries(
  Object.entries(kindTable).map(([name, kind]) => [name, { name, ...kind }]),
) as unknown as Readonly<Record<KindName, Kind>>;
