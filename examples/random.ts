export { mulberry32 } from "../lib/numbers/random.ts";

/** A source of random numbers, uniform in [0, 1). */
export type Random = () => number;

/**
 * A number near the normal distribution, of mean 0 and variance 1: the sum of twelve uniform ones. Additions give the
 * same bits on every runtime; the logarithm and cosine of the Box-Muller method do not.
 */
export function normal(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

/** Puts the elements in a random order, in place: Fisher and Yates's shuffle. */
export function shuffle(array: Uint32Array, random: Random): void {
  for (let i = array.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const other = array[j] as number;
    array[j] = array[i] as number;
    array[i] = other;
  }
}
