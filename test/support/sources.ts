// Gradients that a step makes, as they are given, each beside the same gradient formed here in the order and the rounding
// that are promised.
import type { MadeSource } from "../../lib/backends/source.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import { unchecked } from "../../lib/parameters/array.ts";
import { checkGradient, type RawGradient, takeGradient } from "../../lib/parameters/gradient.ts";
import { divideBy } from "../../lib/parameters/standing.ts";
import { arrayType } from "./arena.ts";
import { full, gradients, uniformFrom } from "./cases.ts";

const rounds: Readonly<Record<NumberType, (value: number) => number>> = {
  float32: Math.fround,
  float64: (value) => value,
};

export type Shape = readonly [rows: number, columns: number];

export const sizeOf = ([rows, columns]: Shape) => rows * columns;

/** Rows shorter and longer than vectors and tiles, whole blocks of rows and others, rows that end within a tile. */
export const shapes: readonly Shape[] = [
  ...([
    [3, 5],
    [1, 1],
    [40, 33],
    [2, 1100],
    [1100, 1],
    [5, 256],
    [0, 4],
    [4, 0],
  ] as const),
  ...(full
    ? ([
        [70, 33],
        [3, 2049],
        [130, 16],
        [7, 341],
        [33, 31],
      ] as const)
    : []),
];

/** A gradient as it is given, and as it is when it is formed. */
export interface Made {
  readonly given: unknown;
  readonly formed: FloatArray;
}

type Draw = (uniform: () => number) => number;

/** Makes a gradient from values that are drawn, the same for a seed. */
export type Make = (type: NumberType, shape: Shape, seed: number, draw?: Draw) => Made;

const ordinary: Draw = (uniform) => 4 * uniform() - 2;

/** An array at some alignment. */
function drawn(type: NumberType, length: number, seed: number, draw: Draw): FloatArray {
  const uniform = uniformFrom(seed * 7919 + 1);
  const array = new (arrayType(type))(length + 3).subarray(seed % 4, (seed % 4) + length);
  for (let i = 0; i < length; i++) array[i] = draw(uniform);
  return array;
}

interface Given {
  readonly x: FloatArray | null;
  readonly y: FloatArray;
  readonly batch?: number;
  readonly transposed?: boolean;
}

/** The products of x and y, summed over the batch in order from +0, each product and each sum rounded. */
export function multiplied(
  type: NumberType,
  [first, second]: Shape,
  { x, y, transposed = false }: Given,
  batch: number,
): FloatArray {
  const round = rounds[type];
  const size = first * second;
  const flipped = transposed && x !== null;
  const [inputs, outputs] = x === null ? [1, size] : flipped ? [second, first] : [first, second];
  const result = new (arrayType(type))(size);
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < outputs; j++) {
      let sum = 0;
      for (let b = 0; b < batch; b++) {
        sum = round(sum + round((x ? (x[b * inputs + i] as number) : 1) * (y[b * outputs + j] as number)));
      }
      result[flipped ? j * inputs + i : i * outputs + j] = sum;
    }
  }
  return result;
}

/** The sum of two, then of two of these, the largest power of two below their number on the left. */
export function summed(type: NumberType, arrays: readonly FloatArray[]): FloatArray {
  if (arrays.length === 1) return (arrays[0] as FloatArray).slice();
  let half = 1;
  while (2 * half < arrays.length) half *= 2;
  const [left, right] = [summed(type, arrays.slice(0, half)), summed(type, arrays.slice(half))];
  return left.map((value, i) => rounds[type](value + (right[i] as number))) as FloatArray;
}

/** @param spare Rows that both have beyond the batch. */
export const factors =
  (batch: number, { transposed = false, bias = false, spare = 0 } = {}): Make =>
  (type, shape, seed, draw = ordinary) => {
    const [first, second] = transposed ? [shape[1], shape[0]] : shape;
    const x = bias ? null : drawn(type, (batch + spare) * first, seed + 1, draw);
    const y = drawn(type, (batch + spare) * (bias ? sizeOf(shape) : second), seed + 2, draw);
    // Where rows have no element, any number of them fits.
    const given = { x, y, ...((spare > 0 || sizeOf(shape) === 0) && { batch }), ...(transposed && { transposed }) };
    return { given, formed: multiplied(type, shape, given, batch) };
  };

export const replicas =
  (count: number): Make =>
  (type, shape, seed, draw = ordinary) => {
    const given = Array.from({ length: count }, (_, i) => drawn(type, sizeOf(shape), seed + 10 * i, draw));
    return { given, formed: summed(type, given) };
  };

const mixed: Make = (type, shape, seed, draw = ordinary) => {
  const makes = [factors(3), replicas(1), factors(2, { bias: true }), factors(1, { transposed: true })];
  const parts = makes.map((make, i) => make(type, shape, seed + 100 * i, draw));
  const given = parts.map((part) => (Array.isArray(part.given) ? part.given[0] : part.given));
  const formed = parts.map((part) => part.formed);
  return { given, formed: summed(type, formed) };
};

/** A list that is divided by the number of its arrays, as a team's is. */
export const mean =
  (count: number): Make =>
  (type, shape, seed, draw = ordinary) => {
    const { given, formed } = replicas(count)(type, shape, seed, draw);
    divideBy([given as object], count);
    return { given, formed: formed.map((value) => rounds[type](value / count)) as FloatArray };
  };

const batches = full ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 32, 101] : [1, 2, 7, 32];

const counts = full ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 63, 64] : [1, 2, 3, 7, 64];

export const sources: Readonly<Record<string, Make>> = {
  ...Object.fromEntries(counts.map((count) => [`${count} replicas`, replicas(count)])),
  ...Object.fromEntries(batches.map((batch) => [`factors of a batch of ${batch}`, factors(batch)])),
  "factors of no row": factors(0),
  "factors with rows to spare": factors(3, { spare: 2 }),
  "transposed factors": factors(6, { transposed: true }),
  "a bias": factors(5, { bias: true }),
  "a list of all": mixed,
  ...Object.fromEntries([2, 3, 10].map((count) => [`the mean of ${count} replicas`, mean(count)])),
};

/** Values of all sizes, and others that are not finite, for some. */
export const draws: Readonly<Record<string, Draw>> = { ordinary, ...gradients };

/** A gradient as a backend takes it. */
export function sourceOf(given: unknown, type: NumberType, shape: Shape): MadeSource {
  const target = { name: "w", type, length: sizeOf(shape), shape };
  return checkGradient(takeGradient(given) as RawGradient, target, unchecked()) as MadeSource;
}

/** Where two arrays differ by bits; undefined if nowhere. Every NaN is one NaN. */
export function difference(found: FloatArray, expected: FloatArray): string | undefined {
  if (found.length !== expected.length) return `the length: expected ${expected.length}, found ${found.length}`;
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(found[i], expected[i])) return `element ${i}: expected ${expected[i]}, found ${found[i]}`;
  }
  return undefined;
}
