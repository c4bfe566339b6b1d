// What options of a kind take and what they refuse.

export const { NaN: nan, POSITIVE_INFINITY: infinity, MAX_VALUE: most, MIN_VALUE: least, EPSILON: epsilon } = Number;

/** Values that are no number and no boolean. */
const others: readonly unknown[] = ["1", "", "true", null, {}, [], [0.5], 1n, Symbol("1"), new Number(1)];

export const badNumbers = [nan, infinity, -infinity, -1, -least, true, false, () => 0.5, ...others];
const badFractions = [...badNumbers, 1 + epsilon, 2, most];
const badBooleans = [0, 1, nan, () => true, new Boolean(true), ...others];
export const badPairs: readonly unknown[] = [
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
  /** Whether float32 parameters can have all of them. */
  readonly held?: boolean;
}

// The ends of float32, and the nearest beyond them that rounds to an infinity, to 0 and to 1.
export const [most32, least32] = [3.4028234663852886e38, 2 ** -149];
export const [beyond32, below32, toOne32] = [3.4028235677973366e38, 2 ** -150, 1 - 2 ** -25];

export const nonNegative = (value: number): OptionCase => ({
  default: value,
  domain: finite,
  good: [0, -0, least, 1, most],
  bad: badNumbers,
  held: true,
});
/** Of what may vanish in float32. */
export const vanishing = (value: number): OptionCase => ({
  ...nonNegative(value),
  good: [0, -0, least, 1e-46, 1, most32],
  wide: [beyond32, 1e39, most],
  held: false,
});
/** Of what is another thing where it is 0. */
export const kept = (value: number): OptionCase => ({
  ...nonNegative(value),
  good: [0, -0, 1e-45, least32, 1, most32],
  wide: [least, 1e-46, below32, beyond32, 1e39, most],
  held: false,
});
export const fraction = (value: number): OptionCase => ({
  default: value,
  domain: "a number from 0 to 1",
  good: [0, -0, least, 0.5, 1],
  bad: badFractions,
  held: true,
});
export const decay = (value: number): OptionCase => ({
  ...fraction(value),
  good: [0, -0, least, 0.5, 1 - 2 ** -24, 1],
  wide: [toOne32, 1 - epsilon],
  held: false,
});
/** A decay of an average that is corrected for its start. */
export const correctedDecay = (value: number): OptionCase => ({
  ...decay(value),
  domain: "a number from 0 to less than 1",
  good: decay(value).good.filter((found) => found !== 1),
  bad: [...badNumbers, 1, 1 + epsilon, 2, most],
});

export const boolean = (value: boolean): OptionCase => ({
  default: value,
  domain: "true or false",
  good: [true, false],
  bad: badBooleans,
});
export const rate = (value: number): OptionCase => ({
  default: value,
  domain: "a number of 0 or more, a schedule, or a function of the step",
  good: [0, -0, 1e-300, 3, most32, () => 0.5, class {}],
  wide: [beyond32, 3.5e38, most],
  bad: badNumbers.filter((found) => typeof found !== "function"),
});
export const preset = (...names: readonly string[]): OptionCase => ({
  default: null,
  domain: names.length > 0 ? `one of ${names.map((name) => `"${name}"`).join(", ")}` : "null",
  good: [null, ...names],
  bad: [nan, 1, true, "", "Torch", "toString", {}, [], ["torch"], 1n, Symbol("torch"), () => "torch"],
});

export const limit: OptionCase = {
  default: null,
  domain: "a finite number above 0, or null",
  good: [null, least32, 1, most32],
  bad: [0, ...badNumbers.filter((found) => found !== null)],
  wide: [least, below32, beyond32, most],
};

export const common = {
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
