// What stands at a site of mutations in TypeScript: what is written there, or, for the mutant that RMSPROP_MUTANT names,
// another. The twin of mutation.hpp. Copied to lib/ of the mutated tree.
import { type Arithmetic, limit as keptWithin, sign as signOf } from "../../lib/numbers/arithmetic.ts";

const chosen = Number(process.env.RMSPROP_MUTANT ?? 0);

type A = Arithmetic<number>;

/** What `+` and `<` mean where they are written as such. */
export const native: A = {
  constant: (value) => value,
  neg: (a) => -a,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  sqrt: Math.sqrt,
  selectLess: (a, b, x, y) => (a < b ? x : y),
  multiplyAdd: (a, b, c) => a * b + c,
};

export const either = <T>(first: number, written: T, other: T): T => (chosen === first ? other : written);

const pick = (first: number, ...values: readonly (() => number)[]): number =>
  (values[chosen - first] as () => number)();

const isMutated = (first: number, alternatives: number) => chosen >= first && chosen < first + alternatives;

export const add = (o: A, first: number, a: number, b: number): number =>
  isMutated(first, 3)
    ? pick(
        first,
        () => o.sub(a, b),
        () => a,
        () => b,
      )
    : o.add(a, b);

export const sub = (o: A, first: number, a: number, b: number): number =>
  isMutated(first, 3)
    ? pick(
        first,
        () => o.add(a, b),
        () => o.sub(b, a),
        () => a,
      )
    : o.sub(a, b);

export const mul = (o: A, first: number, a: number, b: number): number =>
  isMutated(first, 3)
    ? pick(
        first,
        () => o.div(a, b),
        () => a,
        () => b,
      )
    : o.mul(a, b);

export const div = (o: A, first: number, a: number, b: number): number =>
  isMutated(first, 3)
    ? pick(
        first,
        () => o.mul(a, b),
        () => a,
        () => o.div(b, a),
      )
    : o.div(a, b);

const compare = (first: number, written: boolean, equal: boolean, reverse: boolean): boolean =>
  chosen === first ? equal : chosen === first + 1 ? reverse : chosen === first + 2 || (chosen !== first + 3 && written);

export const less = (_: A, first: number, a: number, b: number) => compare(first, a < b, a <= b, b < a);
export const greater = (_: A, first: number, a: number, b: number) => compare(first, a > b, a >= b, b > a);

export const both = (_: A, first: number, a: boolean, b: boolean) =>
  chosen === first ? a : chosen === first + 1 ? b : a && b;
export const isnt = (_: A, first: number, a: boolean) => (chosen === first ? a : !a);

export const neg = (o: A, first: number, a: number) => (chosen === first ? a : o.neg(a));
export const sqrt = (o: A, first: number, a: number) => (chosen === first ? a : o.sqrt(a));
export const abs = (_: A, first: number, a: number) => (chosen === first ? a : Math.abs(a));
export const sign = (o: A, first: number, a: number) =>
  chosen === first ? o.neg(signOf(o, a)) : chosen === first + 1 ? a : signOf(o, a);

export const select = (o: A, first: number, a: number, b: number, c: number, d: number): number =>
  isMutated(first, 4)
    ? pick(
        first,
        () => o.selectLess(b, a, c, d),
        () => o.selectLess(b, a, d, c),
        () => c,
        () => d,
      )
    : o.selectLess(a, b, c, d);

export const fused = (o: A, first: number, a: number, b: number, c: number): number =>
  isMutated(first, 4)
    ? pick(
        first,
        () => o.add(o.mul(a, b), c),
        () => o.multiplyAdd(o.neg(a), b, c),
        () => o.mul(a, b),
        () => c,
      )
    : o.multiplyAdd(a, b, c);

export const limit = (o: A, first: number, x: number, low: number, high: number): number =>
  isMutated(first, 3)
    ? pick(
        first,
        () => x,
        () => (x < low ? low : x),
        () => (high < x ? high : x),
      )
    : keptWithin(o, x, low, high);
