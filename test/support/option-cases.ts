// What each option of each optimizer takes and what it refuses, and the ways to give it. A new optimizer adds its options.
import { Adagrad, type Optimizer, RMSprop, Rprop, SGD } from "../../lib/index.ts";
import type { NumberType } from "../../lib/numbers/typed-array.ts";
import { arraysOf, parameter, train, type Witness } from "./arrays.ts";

const { NaN: nan, POSITIVE_INFINITY: infinity, MAX_VALUE: most, MIN_VALUE: least, EPSILON: epsilon } = Number;

/** Values that are no number and no boolean. */
const others: readonly unknown[] = ["1", "", "true", null, {}, [], [0.5], 1n, Symbol("1"), new Number(1)];

const badNumbers = [nan, infinity, -infinity, -1, -least, true, false, () => 0.5, ...others];
const badFractions = [...badNumbers, 1 + epsilon, 2, most];
const badBooleans = [0, 1, nan, () => true, new Boolean(true), ...others];
const badPairs: readonly unknown[] = [
  ...[nan, 1, true, "0.5", () => [0.5, 1.2], null, {}, 1n, Symbol("1"), { 0: 0.5, 1: 1.2, length: 2 }],
  ...[[], [0.5], [0.5, 1.2, 2], [0.5, nan], [0.5, infinity], [-1, 2], ["0.5", 1.2], [null, 1.2]],
];

const finite = "a finite number of 0 or more";

/** The default, the domain as errors name it, and values inside and outside it. */
export interface OptionCase {
  readonly default: unknown;
  readonly domain: string;
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
  /** Values inside that only float64 parameters can have. */
  readonly wide?: readonly unknown[];
}

// The ends of float32, and the nearest beyond them that rounds to an infinity, to 0 and to 1.
const [most32, least32] = [3.4028234663852886e38, 2 ** -149];
const [beyond32, below32, toOne32] = [3.4028235677973366e38, 2 ** -150, 1 - 2 ** -25];

const nonNegative = (value: number): OptionCase => ({
  default: value,
  domain: finite,
  good: [0, -0, least, 1, most],
  bad: badNumbers,
});
/** Of what may vanish in float32. */
const vanishing = (value: number): OptionCase => ({
  ...nonNegative(value),
  good: [0, -0, least, 1e-46, 1, most32],
  wide: [beyond32, 1e39, most],
});
/** Of what is another thing where it is 0. */
const kept = (value: number): OptionCase => ({
  ...nonNegative(value),
  good: [0, -0, 1e-45, least32, 1, most32],
  wide: [least, 1e-46, below32, beyond32, 1e39, most],
});
const fraction = (value: number): OptionCase => ({
  default: value,
  domain: "a number from 0 to 1",
  good: [0, -0, least, 0.5, 1],
  bad: badFractions,
});
const decay = (value: number): OptionCase => ({
  ...fraction(value),
  good: [0, -0, least, 0.5, 1 - 2 ** -24, 1],
  wide: [toOne32, 1 - epsilon],
});
const boolean = (value: boolean): OptionCase => ({
  default: value,
  domain: "true or false",
  good: [true, false],
  bad: badBooleans,
});
const rate = (value: number): OptionCase => ({
  default: value,
  domain: "a number of 0 or more, a schedule, or a function of the step",
  good: [0, -0, 1e-300, 3, most32, () => 0.5, class {}],
  wide: [beyond32, 3.5e38, most],
  bad: badNumbers.filter((found) => typeof found !== "function"),
});
const preset = (...names: readonly string[]): OptionCase => ({
  default: null,
  domain: `one of ${names.map((name) => `"${name}"`).join(", ")}`,
  good: [null, ...names],
  bad: [nan, 1, true, "", "Torch", "toString", {}, [], ["torch"], 1n, Symbol("torch"), () => "torch"],
});

const limit: OptionCase = {
  default: null,
  domain: "a finite number above 0, or null",
  good: [null, least32, 1, most32],
  bad: [0, ...badNumbers.filter((found) => found !== null)],
  wide: [least, below32, beyond32, most],
};

const common = {
  gradScale: {
    default: 1,
    domain: "a finite number above 0",
    good: [least32, 0.5, most32],
    bad: [0, ...badNumbers],
    wide: [least, below32, beyond32, most],
  },
  clipValue: limit,
  clipNorm: limit,
  ema: {
    default: null,
    domain: "null, or { decay, warmup, start, every } with 0 <= decay <= 1",
    good: [
      ...[null, { decay: 0 }, { decay: 0.999 }, { decay: 1 }, { decay: 0.9, warmup: true }, { decay: 0.9, start: 5 }],
      { decay: 0.9, warmup: false, start: Number.MAX_SAFE_INTEGER, every: Number.MAX_SAFE_INTEGER },
    ],
    bad: [
      ...[nan, 0.9, true, "1", () => null, [0.9], 1n, Symbol("1"), {}, { decay: nan }, { decay: "0.9" }, { decay: -1 }],
      ...[{ decay: 1 + epsilon }, { decay: 0.9, momentum: 0.9 }, { momentum: 0.9 }, { warmup: true }],
      ...[null, 1, "true"].map((warmup) => ({ decay: 0.9, warmup })),
      ...[0, 1.5, -1, nan, infinity, most, "1", null, 1n].flatMap((count) => [
        { decay: 0.9, start: count },
        { decay: 0.9, every: count },
      ]),
    ],
    wide: [{ decay: toOne32 }, { decay: 1 - epsilon }],
  },
  zeroGrads: boolean(false),
  weightDecay: vanishing(0),
  decoupledWeightDecay: boolean(false),
  maximize: boolean(false),
};

export const optionCases: Readonly<Record<string, Readonly<Record<string, OptionCase>>>> = {
  RMSprop: {
    lr: rate(0.01),
    alpha: decay(0.99),
    eps: kept(1e-8),
    epsInSqrt: boolean(false),
    momentum: fraction(0),
    nesterov: boolean(false),
    lrInMomentum: boolean(false),
    centered: boolean(false),
    biasCorrection: boolean(false),
    gains: {
      default: null,
      domain: "null, {} for the defaults, or { up, down, min, max }",
      good: [null, { up: 0.05, down: 0.95, min: 0.1, max: 10 }, { up: 0, down: 0, min: least32, max: most32 }],
      wide: [{ min: least }, { min: below32 }, { max: beyond32 }, { up: 1e39 }],
      bad: [
        ...[nan, infinity, 1, true, "1", () => null, [0.05, 0.95, 0.1, 10], 1n, Symbol("1")],
        ...[{ up: -1 }, { down: 1.5 }, { min: 0 }, { min: 2 }, { max: 0.5 }, { up: null }, { max: infinity }],
        { upp: 1 },
      ],
    },
    initialSquareAvg: kept(0),
    preset: preset("torch", "torch2", "tf1", "keras"),
    ...common,
  },
  SGD: {
    lr: rate(0.001),
    momentum: fraction(0),
    dampening: fraction(0),
    nesterov: boolean(false),
    preset: preset("torch", "tf1", "keras"),
    ...common,
  },
  Adagrad: {
    lr: rate(0.01),
    lrDecay: nonNegative(0),
    initialAccumulator: kept(0),
    eps: kept(1e-10),
    epsInSqrt: boolean(false),
    preset: preset("torch", "keras", "tfjs"),
    ...common,
  },
  Rprop: {
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
};

const badScales = [
  ...[nan, 65536, true, "1", () => null, [65536], 1n, Symbol("1")],
  ...[{ initial: 0 }, { initial: infinity }, { initial: 1e300 }, { initial: 1e-300 }, { initial: 2 ** 128 }],
  ...[{ initial: 2 ** -127 }],
  ...[{ growthFactor: 0.5 }, { backoffFactor: 0 }, { backoffFactor: 1 }],
  ...[{ growthInterval: 0 }, { growthInterval: 1.5 }, { growthInterval: "2" }, { init: 2 }, { initial: null }],
];

/** Those of an optimizer as a whole. */
export const optimizerOptionCases: Readonly<Record<string, OptionCase>> = {
  clipGlobalNorm: limit,
  skipNonFinite: boolean(false),
  lossScale: {
    default: null,
    domain: "null, {} for the defaults, or { initial, growthFactor, backoffFactor, growthInterval }",
    good: [
      null,
      {},
      { initial: 2 ** -126 },
      { initial: 2 ** 127 },
      { growthFactor: 1, backoffFactor: 1 - epsilon, growthInterval: 1 },
    ],
    bad: badScales,
  },
  gradientAccumulationSteps: {
    default: 1,
    domain: "a whole number of 1 or more",
    good: [1, 2, Number.MAX_SAFE_INTEGER],
    bad: [0, 0.5, 1.5, most, ...badNumbers],
  },
  diagnostics: {
    default: false,
    domain: "true, false, or a list of",
    good: [true, false, [], ["gradNorm"], ["updateNorm", "largestUpdate", "clipped", "nonFinite"]],
    bad: [0, 1, nan, "gradNorm", null, {}, ["gradnorm"], [1], [undefined], 1n, Symbol("1"), () => true],
  },
};

export type AnyOptimizer = Optimizer<Record<string, unknown>>;

/** One way to give options. */
export interface Way {
  give(given: object): AnyOptimizer;
  /** What must not change where they are refused. */
  readonly witnesses: readonly Witness[];
}

const classes = { RMSprop, SGD, Adagrad, Rprop } as unknown as Readonly<
  Record<string, new (params: readonly object[], options?: object) => AnyOptimizer>
>;

/**
 * The ways to give an optimizer options; each sets up what there is before.
 * @param base Options that are there before.
 */
export function waysOf(
  name: string,
  base: object,
  type: NumberType = "float32",
): readonly (readonly [string, () => Way])[] {
  const Class = classes[name] as (typeof classes)[string];
  const running = (steps = 2) => {
    const p = parameter("x", 5, type);
    const optimizer = new Class([p], base);
    train(optimizer, [p], steps);
    return { p, optimizer };
  };
  return [
    [
      "in the constructor",
      () => {
        const p = parameter("x", 5, type);
        return { give: (given) => new Class([p], given), witnesses: arraysOf([p]) };
      },
    ],
    [
      "in a group of the constructor",
      () => {
        const p = parameter("x", 5, type);
        return { give: (given) => new Class([{ params: [p], ...given }], base), witnesses: arraysOf([p]) };
      },
    ],
    [
      "by addParamGroup",
      () => {
        const { p, optimizer } = running();
        const y = parameter("y", 3, type);
        const give = (given: object) => {
          optimizer.addParamGroup({ params: [y], ...given });
          return optimizer;
        };
        return { give, witnesses: [...arraysOf([p, y]), optimizer] };
      },
    ],
    ...[0, 2].map((steps): readonly [string, () => Way] => [
      steps === 0 ? "set in paramGroups before the first step" : "set in paramGroups",
      () => {
        const { p, optimizer } = running(steps);
        const give = (given: object) => {
          Object.assign(optimizer.paramGroups[0] as object, given);
          return optimizer;
        };
        return { give, witnesses: [...arraysOf([p]), optimizer] };
      },
    ]),
  ];
}

/** A value as errors show it. */
export function shownInErrors(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return String(value);
  const { name } = value.constructor;
  return name === "Object" ? "an object" : `a ${name}`;
}
