import { littleEndian } from "./typed-array.ts";

const { fround, sqrt } = Math;

/**
 * The operations a rule may use. Each is correctly rounded: `float32` rounds after every operation, as float32 hardware
 * does, `float64` is JavaScript's own. A rule is written once over `T`; tests also run it over symbols.
 * The twin of native/kernels/arithmetic.hpp.
 */
export interface Arithmetic<T> {
  constant(value: number): T;
  neg(a: T): T;
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  div(a: T, b: T): T;
  sqrt(a: T): T;
  /** `a < b ? x : y`; a NaN on either side of the comparison selects `y`. */
  selectLess(a: T, b: T, x: T, y: T): T;
  /**
   * `a * b + c` as PyTorch's vectorized CPU kernels compute it: fused, rounded once, on float32. On float64 it is unfused,
   * because JavaScript has no exact emulation of a float64 fma at a bearable price.
   */
  multiplyAdd(a: T, b: T, c: T): T;
}

/** 1, -1, or 0 for a zero of either sign and for NaN. */
export function sign<T>({ constant, selectLess }: Arithmetic<T>, x: T): T {
  return selectLess(x, constant(0), constant(-1), selectLess(constant(0), x, constant(1), constant(0)));
}

/** `x` kept from `low` to `high`. A NaN passes. */
export function limit<T>({ selectLess }: Arithmetic<T>, x: T, low: T, high: T): T {
  const raised = selectLess(x, low, low, x);
  return selectLess(high, raised, high, raised);
}

const sumValue = new Float64Array(1);

const sumWords = new Uint32Array(sumValue.buffer);

const low = littleEndian ? 0 : 1;

const high = 1 - low;

/**
 * The float32 fused multiply-add `a * b + c` of three float32 values, rounded once: the exact product in float64, and a
 * sum rounded to odd there. With 53 bits, two more than twice float32's 24, rounding that sum to float32 gives the
 * correctly rounded result (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
 */
export function fma(a: number, b: number, c: number): number {
  const product = a * b; // exact
  let sum = product + c;
  // Knuth's TwoSum: `error` is what `sum` lacks, exactly; NaN where the operands are not finite.
  const addendInSum = sum - product;
  const error = product - (sum - addendInSum) + (c - addendInSum);
  if (error < 0 || error > 0) {
    sumValue[0] = sum;
    const word = sumWords[low] as number;
    if ((word & 1) === 0) {
      // One unit toward the error: up in magnitude if the signs agree, down, with a borrow, if they differ.
      if (error > 0 === sum > 0) {
        sumWords[low] = word + 1;
      } else {
        if (word === 0) sumWords[high] = (sumWords[high] as number) - 1;
        sumWords[low] = word - 1;
      }
      sum = sumValue[0];
    }
  }
  return fround(sum);
}

export const float32: Arithmetic<number> = {
  constant: (value) => fround(value),
  neg: (a) => -a,
  add: (a, b) => fround(a + b),
  sub: (a, b) => fround(a - b),
  mul: (a, b) => fround(a * b),
  div: (a, b) => fround(a / b),
  sqrt: (a) => fround(sqrt(a)),
  selectLess: (a, b, x, y) => (a < b ? x : y),
  multiplyAdd: fma,
};

export const float64: Arithmetic<number> = {
  constant: (value) => value,
  neg: (a) => -a,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  sqrt,
  selectLess: (a, b, x, y) => (a < b ? x : y),
  multiplyAdd: (a, b, c) => a * b + c,
};
