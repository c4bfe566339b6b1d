// What the bit tests run over; optimizers/all.ts has the rules and optimizers.

export { numberTypes } from "../../lib/numbers/typed-array.ts";
export { uniformFrom } from "../programs/smoke.js";

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
