// The inputs of `rmsprop bits`: of integers, exact divisions and multiplications by powers of two, so that every runtime makes
// the same.

import { mulberry32 } from "../numbers/random.ts";
import type { FloatArray } from "../numbers/typed-array.ts";

const poolLength = 2 ** 16;

/** 2^0, 2^-1 and so on. */
const powers = Array.from({ length: 24 }, (_, k) => 1 / (1 << k));

/** Numbers of many sizes and both signs, with zeros, numbers that are subnormal in float32, and a few large ones. */
function makePool(): Float64Array {
  const random = mulberry32(20_120_617);
  return Float64Array.from({ length: poolLength }, () => {
    const kind = random();
    const value = (2 * random() - 1) * (powers[Math.floor(random() * powers.length)] as number);
    if (kind < 0.02) return value < 0 ? -0 : 0;
    if (kind < 0.03) return value / 2 ** 126;
    if (kind < 0.04) return value * 2 ** 20;
    return value;
  });
}

let pool: Float64Array | undefined;

/** Fills an array with numbers of the pool, rounded to the array's number type; other ones for each `place`. */
export function fillFromPool(array: FloatArray, place: number): void {
  pool ??= makePool();
  const from = (place * 7919) % (poolLength - array.length);
  array.set(pool.subarray(from, from + array.length));
}
