// What the bit tests run over. A new rule adds a row to `ruleCases`, no test.

/** Values for a rule's coefficients and slots with which every operation matters. */
export interface RuleCase {
  /** Each set is used for half of the arrays. */
  coefficients: readonly [Readonly<Record<string, number>>, Readonly<Record<string, number>>];
  /** What makes all that can be neutral so, in the first set. */
  neutral?: Readonly<Record<string, number>>;
  /** Bounds of the slots' values before the first step. */
  initial: Readonly<Record<string, readonly [number, number]>>;
}

export const ruleCases: Readonly<Record<string, RuleCase>> = {
  rmsprop: {
    coefficients: [
      // What RMSprop's defaults make, with each flag's own coefficient beside them.
      {
        gradScale: 1,
        weightDecay: 0.01,
        alpha: 0.99,
        oneMinusAlpha: 1 - 0.99,
        epsIn: -0,
        epsOut: 1e-8,
        lrIn: 1,
        momentum: 0.9,
        lrOut: 0.01,
        paramDecay: 1,
        biasCorrection: 0.8660203251420383, // 1 - 0.99 ** 200, which engines round differently; that of an early step would make the variance of late ones vanish
        gainUp: 0.05,
        gainDown: 0.95,
        gainMin: 0.1,
        gainMax: 10,
        decayRate: 0.01,
        leastVariance: 0,
      },
      // No coefficient neutral. 1 - alpha is above a half, where PyTorch's lerp has another form.
      {
        gradScale: -1,
        weightDecay: 0.03,
        alpha: 0.4,
        oneMinusAlpha: 1 - 0.4,
        epsIn: 1e-7,
        epsOut: 1e-10,
        lrIn: 0.003,
        momentum: 0.5,
        lrOut: 0.7,
        paramDecay: 0.999,
        biasCorrection: 0.97,
        gainUp: 0.3,
        gainDown: 0.7,
        gainMin: 0.6,
        gainMax: 1.5,
        decayRate: 0.3,
        leastVariance: 0.01,
      },
    ],
    neutral: { lrOut: 1 },
    initial: { squareAvg: [0, 1], gradAvg: [-0.1, 0.1], momentumBuffer: [-1, 1], gains: [0.5, 2] },
  },
  sgd: {
    coefficients: [
      { gradScale: -1, weightDecay: 0.01, paramDecay: 0.9999, momentum: 0.9, oneMinusDampening: 1, lr: 0.01 },
      { gradScale: 0.37, weightDecay: 0.3, paramDecay: 0.97, momentum: 0.3, oneMinusDampening: 0.6, lr: 0.7 },
    ],
    initial: { momentumBuffer: [-1, 1] },
  },
  adagrad: {
    coefficients: [
      {
        gradScale: 1,
        weightDecay: 0.01,
        epsIn: -0,
        epsOut: 1e-10,
        lrIn: 0.01,
        lrOut: 1,
        paramDecay: 1,
        decayRate: 0.01,
      },
      {
        gradScale: -0.3,
        weightDecay: 0.03,
        epsIn: 1e-7,
        epsOut: 1e-3,
        lrIn: 0.3,
        lrOut: 0.7,
        paramDecay: 0.999,
        decayRate: 0.2,
      },
    ],
    initial: { sum: [0, 1] },
  },
  rprop: {
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
};

export const numberTypes = ["float32", "float64"] as const;

/** Whether the full product is asked for; otherwise what is long or repeated takes turns (`turn` counts the cases). */
export const full = process.env.RMSPROP_TEST === "all";

/** Every length up to four vectors of the widest set and a tail, both sides of a tile, and many tiles with a tail. */
export const lengths: readonly number[] = [
  ...Array.from({ length: 68 }, (_, i) => i),
  1023,
  1024,
  1025,
  full ? 100_003 : 8_195,
];

/** Where an array starts, in elements after a multiple of 64 bytes. */
export const offsets: readonly number[] = [0, 1, 2, 3];

/** The offsets to step arrays of a length at. */
export const offsetsOf = (length: number, turn: number): readonly number[] =>
  full || length < 2000 ? offsets : [offsets[turn % offsets.length] as number];

const threadCounts: readonly number[] = [1, 2, 7];

/** The numbers of threads to step with. */
export const threadCountsOf = (turn: number): readonly number[] =>
  full ? threadCounts : [threadCounts[turn % threadCounts.length] as number];

export const steps = 20;

/** Gradients: how each kind is drawn from a uniform generator over [0, 1). */
export const gradients = {
  /** Of all sizes; zeros of both signs, subnormals and huge values among them. */
  finite(uniform: () => number): number {
    const kind = uniform();
    const sign = uniform() < 0.5 ? -1 : 1;
    const value = uniform();
    if (kind < 0.05) return sign * 0;
    if (kind < 0.1) return sign * value * 2 ** -126; // subnormal in float32
    if (kind < 0.11) return sign * value * 2 ** -1022; // subnormal in float64, zero in float32
    if (kind < 0.14) return sign * value * 1e18;
    if (kind < 0.2) return sign * value * 1e-12;
    return sign * value;
  },
  /** With infinities and NaN too. */
  nonFinite(uniform: () => number): number {
    const kind = uniform();
    if (kind < 0.002) return Number.NaN;
    if (kind < 0.004) return uniform() < 0.5 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    return gradients.finite(uniform);
  },
};

export type GradientKind = keyof typeof gradients;

/** A uniform generator over [0, 1) with its seed (mulberry32). */
export function uniformFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
