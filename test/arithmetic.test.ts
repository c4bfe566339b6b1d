// The operations of rules, one rounding each. test/fma.test.ts compares the fused multiply-add with the CPU's instruction.
import { describe, expect, test } from "vitest";
import { type Arithmetic, float32, float64, fma } from "../lib/numbers/arithmetic.ts";
import { uniformFrom } from "./support/cases.ts";

const { fround } = Math;
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** A float32 of any exponent and sign, from two draws. */
function anyFloat(uniform: () => number): number {
  const exponent = Math.floor(uniform() * 252) - 126;
  return fround((uniform() < 0.5 ? -1 : 1) * (1 + uniform()) * 2 ** exponent);
}

describe("float32", () => {
  test("rounds each operation to float32 once", () => {
    const uniform = uniformFrom(1);
    for (let i = 0; i < 2000; i++) {
      const a = anyFloat(uniform);
      const b = anyFloat(uniform);
      // A double holds the product exactly, and rounds the others innocuously: 53 >= 2 * 24 + 2.
      expect(float32.add(a, b)).toBe(fround(a + b));
      expect(float32.sub(a, b)).toBe(fround(a - b));
      expect(float32.mul(a, b)).toBe(fround(a * b));
      expect(float32.div(a, b)).toBe(fround(a / b));
      expect(float32.sqrt(Math.abs(a))).toBe(fround(Math.sqrt(Math.abs(a))));
    }
  });

  test.each([
    ["a sum that is halfway goes to even", float32.add(2 ** 24, 1), 2 ** 24],
    ["a sum over the largest is infinite", float32.add(fround(3.4028234663852886e38), fround(2e31)), infinity],
    ["a product below the smallest is zero", float32.mul(2 ** -100, -(2 ** -100)), -0],
    ["a product among subnormals is kept", float32.mul(2 ** -100, 2 ** -45), 2 ** -145],
    ["a third", float32.div(1, 3), 0.3333333432674408],
    ["the root of two", float32.sqrt(2), 1.4142135381698608],
    ["the root of -0", float32.sqrt(-0), -0],
    ["the root of -1", float32.sqrt(-1), nan],
    ["0 / 0", float32.div(0, 0), nan],
    ["1 / -0", float32.div(1, -0), -infinity],
    ["a constant", float32.constant(0.1), 0.10000000149011612],
    ["a constant out of range", float32.constant(1e300), infinity],
  ])("%s", (_, found, expected) => {
    expect(found).toBe(expected);
  });
});

describe("float64", () => {
  test("is JavaScript's own", () => {
    const uniform = uniformFrom(2);
    for (let i = 0; i < 500; i++) {
      const a = (uniform() - 0.5) * 1e10;
      const b = uniform() - 0.5;
      expect(float64.add(a, b)).toBe(a + b);
      expect(float64.sub(a, b)).toBe(a - b);
      expect(float64.mul(a, b)).toBe(a * b);
      expect(float64.div(a, b)).toBe(a / b);
      expect(float64.sqrt(a * a)).toBe(Math.sqrt(a * a));
      expect(float64.constant(a)).toBe(a);
    }
  });

  test("multiplies and adds unfused", () => {
    const tiny = 2 ** -30;
    expect(float64.multiplyAdd(1 + tiny, 1 - tiny, -1)).toBe(0); // fused it would be -(2 ** -60)
    expect(float64.multiplyAdd(3, 5, -14)).toBe(1);
  });
});

describe.each<[string, Arithmetic<number>]>([
  ["float32", float32],
  ["float64", float64],
])("what holds of both: %s", (_, a) => {
  const values = [0, -0, 1, -1.5, 2 ** -126, infinity, -infinity, nan];

  test("neg changes the sign of zero and of infinity too", () => {
    for (const value of values) expect(a.neg(value)).toBe(-value);
  });

  test("selectLess is a < b ? x : y, and NaN selects y", () => {
    for (const left of values) {
      for (const right of values) expect(a.selectLess(left, right, 1, 2)).toBe(left < right ? 1 : 2);
    }
    expect(a.selectLess(nan, 0, 1, nan)).toBe(nan);
    expect(a.selectLess(-0, 0, 1, 2)).toBe(2);
  });

  test("x * 1 and x + (-0) are x for every x: the neutral coefficients", () => {
    for (const value of values) {
      expect(a.mul(value, a.constant(1))).toBe(value);
      expect(a.add(value, a.constant(-0))).toBe(value);
    }
  });
});

/** An integer rounded to 24 bits, or to fewer where its last place would lie below 2^-149; ties to even. */
function roundBits(magnitude: bigint, scale: number): number {
  const bits = magnitude.toString(2).length;
  const drop = Math.max(bits - 24, -149 - scale, 0);
  const shift = BigInt(drop);
  let kept = magnitude >> shift;
  const rest = magnitude - (kept << shift);
  const half = drop === 0 ? 0n : 1n << (shift - 1n);
  if (drop > 0 && (rest > half || (rest === half && kept % 2n === 1n))) kept += 1n;
  const exponent = scale + drop;
  // In two factors, so that neither overflows or underflows by itself; 24 bits scale exactly within float32's range.
  const value = Number(kept) * 2 ** Math.max(exponent, -1000) * 2 ** Math.min(exponent + 1000, 0);
  return Math.abs(value) >= 2 ** 128 ? infinity : value;
}

/** A finite float32 as an integer times 2^-149. */
const integerOf = (value: number): bigint => {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  const exponent = (bits >>> 23) & 255;
  const fraction = bits & 0x7fffff;
  const magnitude =
    exponent === 0 ? BigInt(fraction) : BigInt(fraction | 0x800000) << BigInt(Math.max(exponent - 1, 0));
  return bits >>> 31 ? -magnitude : magnitude;
};

/** a * b + c by whole numbers, rounded to float32 once. Its own spelling: no float arithmetic before the rounding. */
function exactMultiplyAdd(a: number, b: number, c: number): number {
  const exact = integerOf(a) * integerOf(b) + (integerOf(c) << 149n); // times 2^-298
  if (exact === 0n) return a * b + c; // the sign of an exact zero is IEEE's, in doubles as in floats
  return exact < 0n ? -roundBits(-exact, -298) : roundBits(exact, -298);
}

describe("the float32 fused multiply-add", () => {
  test.each([
    ["keeps what a product alone would lose", [1 + 2 ** -23, 1 - 2 ** -23, -1], -(2 ** -46)],
    ["rounds once where two roundings differ", [1 + 2 ** -12, 1 + 2 ** -12, 2 ** -50], 1 + 2 ** -11 + 2 ** -23],
    ["a tie goes to even", [1 + 2 ** -12, 1 + 2 ** -12, 0], 1 + 2 ** -11],
    ["a tie with less goes down", [1 + 2 ** -12, 1 + 2 ** -12, -(2 ** -149)], 1 + 2 ** -11],
    ["infinity times zero", [infinity, 0, 1], nan],
    ["infinity minus infinity", [infinity, 1, -infinity], nan],
    ["an infinite addend", [1, 2, -infinity], -infinity],
    ["a product over the range with an addend that brings it back", [2 ** 127, 2, -(2 ** 127)], 2 ** 127],
    ["x * y - x * y is +0", [3, 5, -15], 0],
    ["-0 stays", [-0, 1, -0], -0],
    ["a sum that underflows keeps its sign", [-(2 ** -140), 2 ** -140, -0], -0],
  ])("%s", (_, [a, b, c], expected) => {
    expect(fma(a as number, b as number, c as number)).toBe(expected);
    expect(float32.multiplyAdd(a as number, b as number, c as number)).toBe(expected);
  });

  test("equals exact integer arithmetic on random triples, near and far", () => {
    const uniform = uniformFrom(3);
    for (let i = 0; i < 5000; i++) {
      const a = anyFloat(uniform);
      const b = fround(anyFloat(uniform) * (i % 3 === 0 ? 2 ** -20 : 1));
      const near = fround(a * b * (uniform() < 0.5 ? -1 : 1) * (1 + uniform() * 2 ** -Math.floor(uniform() * 24)));
      const c = i % 2 === 0 && Number.isFinite(near) ? near : anyFloat(uniform);
      if (!Number.isFinite(b)) continue;
      expect(fma(a, b, c), `${a} * ${b} + ${c}`).toBe(exactMultiplyAdd(a, b, c));
    }
  });
});
