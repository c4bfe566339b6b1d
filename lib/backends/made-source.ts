// Gradients that are made: the twin of native/source.cpp and native/kernels/factors.hpp, written once over any numbers.
import type { Arithmetic } from "../numbers/arithmetic.ts";
import { fillWith } from "../numbers/typed-array.ts";
import { isFactors, type MadeSource } from "./source.ts";

const { clz32, floor } = Math;

/** Numbers by their index, or what stands for them. */
export interface Values<T> {
  readonly length: number;
  [index: number]: T;
}

/** As source.ts describes it. */
interface FactorsOf<T> {
  readonly left: Values<T> | null;
  readonly right: Values<T>;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
}

type PartOf<T> = { readonly array: Values<T> } | FactorsOf<T>;

/** As source.ts describes it. */
export interface SourceOf<T> {
  readonly parts: readonly PartOf<T>[];
  readonly divisor: number;
}

/** The parts of a sum that are on the left of its tree: the largest power of two below their number. */
export const leftOf = (size: number) => 1 << (31 - clz32(size - 1));

/**
 * Makes elements [begin, begin + count) of a gradient.
 * @param to By depth in the tree, where the sums go; the gradient goes to the first.
 */
export function makeGradient<T>(
  to: readonly Values<T>[],
  { parts, divisor }: SourceOf<T>,
  arithmetic: Arithmetic<T>,
  begin: number,
  count: number,
): void {
  sum(to, 0, parts, 0, parts.length, arithmetic, begin, count);
  if (divisor === 1) return;
  const made = to[0] as Values<T>;
  const by = arithmetic.constant(divisor);
  for (let i = 0; i < count; i++) made[i] = arithmetic.div(made[i] as T, by);
}

/** The sum of parts [first, first + size). */
function sum<T>(
  to: readonly Values<T>[],
  depth: number,
  parts: readonly PartOf<T>[],
  first: number,
  size: number,
  a: Arithmetic<T>,
  begin: number,
  count: number,
): void {
  const left = to[depth] as Values<T>;
  if (size === 1) {
    makePart(left, parts[first] as PartOf<T>, a, begin, count);
    return;
  }
  const half = leftOf(size);
  sum(to, depth, parts, first, half, a, begin, count);
  sum(to, depth + 1, parts, first + half, size - half, a, begin, count);
  const right = to[depth + 1] as Values<T>;
  for (let i = 0; i < count; i++) left[i] = a.add(left[i] as T, right[i] as T);
}

function makePart<T>(to: Values<T>, part: PartOf<T>, a: Arithmetic<T>, begin: number, count: number): void {
  if ("right" in part) {
    multiply(to, part, a, begin, count);
    return;
  }
  for (let i = 0; i < count; i++) to[i] = part.array[begin + i] as T;
}

function multiply<T>(
  to: Values<T>,
  { left, right, batch, rows, columns }: FactorsOf<T>,
  { constant, add, mul }: Arithmetic<T>,
  begin: number,
  count: number,
): void {
  const [zero, one] = [constant(0), constant(1)];
  for (let i = 0; i < count; i++) {
    const row = floor((begin + i) / columns);
    const column = (begin + i) % columns;
    let total = zero;
    for (let b = 0; b < batch; b++) {
      const x = left ? (left[b * rows + row] as T) : one;
      total = add(total, mul(x, right[b * columns + column] as T));
    }
    to[i] = total;
  }
}

/** Sets elements [begin, end) of the arrays among a gradient's parts to zero. Factors stay as they are. */
export function zeroMade({ parts }: MadeSource, begin: number, end: number): void {
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as MadeSource["parts"][number];
    if (!isFactors(part)) fillWith(part.array, 0, begin, end);
  }
}
