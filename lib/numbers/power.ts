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
