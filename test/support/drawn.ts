import type { FloatArray, NumberType } from "../../lib/typed-array.ts";
import { arrayType } from "./arena.ts";
import { uniformFrom } from "./cases.ts";

export type Draw = (uniform: () => number) => number;

/** Values by length. */
export type Drawn = (length: number) => FloatArray;

/** Values of each length, drawn once: the same at every offset, on every backend. */
export function drawn(type: NumberType, seed: number, draw: Draw): Drawn {
  const byLength = new Map<number, FloatArray>();
  return (length) => {
    const present = byLength.get(length);
    if (present) return present;
    const uniform = uniformFrom(seed * 1_000_003 + length);
    const values = arrayType(type).from({ length }, () => draw(uniform));
    byLength.set(length, values);
    return values;
  };
}

export const between =
  ([low, high]: readonly [number, number]): Draw =>
  (uniform) =>
    low + (high - low) * uniform();
