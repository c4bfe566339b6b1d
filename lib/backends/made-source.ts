// Gradients that are made: the twin of native/source.cpp and native/kernels/factors.hpp.
import { type Arithmetic, float32, float64 } from "../numbers/arithmetic.ts";
import type { FloatArray, NumberType } from "../numbers/typed-array.ts";
import { type Factors, isFactors, type MadeSource, type SourcePart } from "./source.ts";

const arithmetics: Readonly<Record<NumberType, Arithmetic<number>>> = { float32, float64 };

/** Makes elements [begin, begin + to.length) of a gradient. */
export function makeGradient(to: FloatArray, { parts, divisor }: MadeSource, type: NumberType, begin: number): void {
  const a = arithmetics[type];
  sum(to, parts, 0, parts.length, a, type, begin);
  if (divisor !== 1) for (let i = 0; i < to.length; i++) to[i] = a.div(to[i] as number, divisor);
}

/** The sum of parts [first, first + size). */
function sum(
  to: FloatArray,
  parts: readonly SourcePart[],
  first: number,
  size: number,
  a: Arithmetic<number>,
  type: NumberType,
  begin: number,
): void {
  if (size === 1) {
    makePart(to, parts[first] as SourcePart, a, begin);
    return;
  }
  const half = 1 << (31 - Math.clz32(size - 1));
  const right = type === "float32" ? new Float32Array(to.length) : new Float64Array(to.length);
  sum(to, parts, first, half, a, type, begin);
  sum(right, parts, first + half, size - half, a, type, begin);
  for (let i = 0; i < to.length; i++) to[i] = a.add(to[i] as number, right[i] as number);
}

function makePart(to: FloatArray, part: SourcePart, a: Arithmetic<number>, begin: number): void {
  if (isFactors(part)) {
    multiply(to, part, a, begin);
    return;
  }
  for (let i = 0; i < to.length; i++) to[i] = part.array[begin + i] as number;
}

function multiply(
  to: FloatArray,
  { left, right, batch, rows, columns }: Factors,
  a: Arithmetic<number>,
  begin: number,
): void {
  for (let i = 0; i < to.length; i++) {
    const row = Math.floor((begin + i) / columns);
    const column = (begin + i) % columns;
    let total = 0;
    for (let b = 0; b < batch; b++) {
      const x = left ? (left[b * rows + row] as number) : 1;
      total = a.add(total, a.mul(x, right[b * columns + column] as number));
    }
    to[i] = total;
  }
}

/** Sets elements [begin, end) of the arrays among a gradient's parts to zero. Factors stay as they are. */
export function zeroMade({ parts }: MadeSource, begin: number, end: number): void {
  for (const part of parts) {
    if (isFactors(part)) continue;
    for (let i = begin; i < end; i++) part.array[i] = 0;
  }
}
