// What coefficients and schedules are computed with: + - * / alone, so that their bits are the same on every runtime.
import type { NumberType } from "./typed-array.ts";

const { floor, fround } = Math;

/** `base` to a whole power of 0 or more, by squaring, from the lowest bit of the exponent up. */
export function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

/** `1 - x`, where a system computes it in the number type of the parameters, or else in double. */
export function complement(x: number, computedIn: NumberType): number {
  return computedIn === "float32" ? fround(1 - fround(x)) : 1 - x;
}

/** The root of the least normal number. */
const leastRoot: Readonly<Record<NumberType, number>> = { float32: 1 / power(2, 63), float64: 1 / power(2, 511) };

/**
 * What a variance is kept from going below: zero, or where it changes no bit the least normal number. Of smaller ones, which
 * a mean square decays to, a processor takes the root in twice the time and more; beside an `eps` of some size the roots of
 * all of them vanish.
 */
export function leastVariance(eps: number, type: NumberType): number {
  const root = leastRoot[type];
  const sum = type === "float32" ? fround(root + fround(eps)) : root + eps;
  return sum === (type === "float32" ? fround(eps) : eps) ? root * root : 0;
}
