// The only loops over elements in TypeScript, one per stage: the twin of native/kernels/stages.hpp. Whatever is rounded is
// rounded to the number type of an `Arithmetic`.

import { type Arithmetic, limit as keptWithin } from "../../numbers/arithmetic.ts";
import type { StoredArray } from "../../numbers/storage.ts";
import type { FloatArray } from "../../numbers/typed-array.ts";
import type { AnyRule, Flags } from "../../rules/rule.ts";

/** Elements of an array from `begin` on. */
export interface Range {
  readonly array: FloatArray;
  readonly begin: number;
}

export type Scalars = Record<string, number>;

/** The rule, over elements [begin, end). */
export function applyRule(
  rule: AnyRule,
  arithmetic: Arithmetic<number>,
  flags: Flags,
  c: Scalars,
  data: FloatArray,
  slots: readonly (StoredArray | null)[],
  begin: number,
  end: number,
  grad: Range,
  out: Range,
): void {
  // No loop over the slots: with one name to each place, engines read and write them as fields.
  const [s0 = "", s1 = "", s2 = "", s3 = ""]: readonly string[] = rule.slots;
  const arrayOf = (slot: string, i: number) => (slot !== "" && rule.uses(flags, slot) ? slots[i]?.array : undefined);
  const a0 = arrayOf(s0, 0);
  const a1 = arrayOf(s1, 1);
  const a2 = arrayOf(s2, 2);
  const a3 = arrayOf(s3, 3);
  const x: { param: number; grad: number } & Scalars = { param: 0, grad: 0 };
  for (const slot of rule.slots) x[slot] = 0;
  const grads = grad.array;
  const results = out.array;
  const toGrad = grad.begin - begin;
  const toOut = out.begin - begin;
  for (let i = begin; i < end; i++) {
    x.param = data[i] as number;
    x.grad = grads[i + toGrad] as number;
    if (a0) x[s0] = a0[i] as number;
    if (a1) x[s1] = a1[i] as number;
    if (a2) x[s2] = a2[i] as number;
    if (a3) x[s3] = a3[i] as number;
    rule.apply(arithmetic, flags, x, c);
    if (a0) a0[i] = x[s0] as number;
    if (a1) a1[i] = x[s1] as number;
    if (a2) a2[i] = x[s2] as number;
    if (a3) a3[i] = x[s3] as number;
    results[i + toOut] = x.param;
  }
}

/** The partial sums of a tile: element i is added to sum i % 16. */
const lanes = 16;

const sums = new Float64Array(lanes);

/** The partial sums added pairwise, the farthest pairs first. */
function total(): number {
  for (let width = lanes / 2; width >= 1; width /= 2) {
    for (let lane = 0; lane < width; lane++) sums[lane] = (sums[lane] as number) + (sums[lane + width] as number);
  }
  return sums[0] as number;
}

export function sumOfSquares({ array, begin }: Range, count: number): number {
  sums.fill(0);
  for (let i = 0; i < count; i++) {
    const value = array[begin + i] as number;
    sums[i % lanes] = (sums[i % lanes] as number) + value * value;
  }
  return total();
}

export function countNonFinite({ array, begin }: Range, count: number): number {
  let found = 0;
  for (let i = 0; i < count; i++) if (!Number.isFinite(array[begin + i])) found++;
  return found;
}

export function countAbove(
  a: Arithmetic<number>,
  { array, begin }: Range,
  count: number,
  scale: number,
  limit: number,
): number {
  const factor = a.constant(scale);
  const most = a.constant(limit);
  let found = 0;
  for (let i = 0; i < count; i++) if (most < Math.abs(a.mul(factor, array[begin + i] as number))) found++;
  return found;
}

/** `to = sum + scale * grad` */
export function accumulate(
  a: Arithmetic<number>,
  to: Range,
  sum: Range,
  grad: Range,
  count: number,
  scale: number,
): void {
  const factor = a.constant(scale);
  for (let i = 0; i < count; i++) {
    to.array[to.begin + i] = a.add(
      sum.array[sum.begin + i] as number,
      a.mul(factor, grad.array[grad.begin + i] as number),
    );
  }
}

/** `to = scale * from`, kept from -limit to limit; a NaN passes. */
export function clip(a: Arithmetic<number>, to: Range, from: Range, count: number, scale: number, limit: number): void {
  const factor = a.constant(scale);
  const most = a.constant(limit);
  for (let i = 0; i < count; i++) {
    to.array[to.begin + i] = keptWithin(a, a.mul(factor, from.array[from.begin + i] as number), -most, most);
  }
}

/** `to = after`; the sum of the squares of `after - before`, and the largest magnitude among them that is no NaN. */
export function store(
  a: Arithmetic<number>,
  to: Range,
  before: Range,
  after: Range,
  count: number,
): { squares: number; largest: number } {
  sums.fill(0);
  let largest = 0;
  for (let i = 0; i < count; i++) {
    const value = after.array[after.begin + i] as number;
    const change = a.sub(value, before.array[before.begin + i] as number);
    sums[i % lanes] = (sums[i % lanes] as number) + change * change;
    if (largest < Math.abs(change)) largest = Math.abs(change);
    to.array[to.begin + i] = value;
  }
  return { squares: total(), largest };
}

/** `average = decay * average + oneMinusDecay * param` */
export function averageIn(
  a: Arithmetic<number>,
  average: Range,
  param: Range,
  count: number,
  decay: number,
  oneMinusDecay: number,
): void {
  const kept = a.constant(decay);
  const added = a.constant(oneMinusDecay);
  for (let i = 0; i < count; i++) {
    average.array[average.begin + i] = a.add(
      a.mul(kept, average.array[average.begin + i] as number),
      a.mul(added, param.array[param.begin + i] as number),
    );
  }
}

export function zero({ array, begin }: Range, count: number): void {
  for (let i = 0; i < count; i++) array[begin + i] = 0;
}
