import { bytesPerElement } from "../../lib/numbers/storage.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import { lengths as allLengths, offsetsOf } from "./cases.ts";

/** One array of each length at each offset, in one run of memory with gaps that no step may touch. */
export interface Place {
  readonly length: number;
  readonly offset: number;
  /** In elements from the start of the arena. */
  readonly start: number;
}

/** What a gap holds: a value that no step makes. */
const gap = 12345.678;

export interface Layout {
  readonly type: NumberType;
  readonly places: readonly Place[];
  readonly size: number;
}

export function layout(type: NumberType, turn: number, lengths = allLengths, offsets = offsetsOf): Layout {
  const line = 64 / bytesPerElement[type];
  let size = line;
  const result: Place[] = [];
  for (const length of lengths) {
    for (const offset of offsets(length, turn)) {
      result.push({ length, offset, start: size + offset });
      size = Math.ceil((size + offset + length + 1) / line) * line;
    }
  }
  return { type, places: result, size };
}

/** The constructor of a number type's arrays. */
export const arrayType = (type: NumberType) =>
  (type === "float32" ? Float32Array : Float64Array) as Float64ArrayConstructor;

/** An arena whose array at each place is what `content` gives for its length. */
export function arena({ type, places, size }: Layout, content: (length: number) => FloatArray): FloatArray {
  const values = new (arrayType(type))(size).fill(gap);
  for (const { start, length } of places) values.set(content(length), start);
  return values;
}

/** The arrays of an arena, in the order of its places. */
export function views({ type, places }: Layout, { buffer, byteOffset, BYTES_PER_ELEMENT }: FloatArray): FloatArray[] {
  return places.map(
    ({ length, start }) => new (arrayType(type))(buffer as ArrayBuffer, byteOffset + start * BYTES_PER_ELEMENT, length),
  );
}

const bytes = (values: FloatArray) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/**
 * Where two arenas differ: undefined if nowhere. Bits are compared, so that zeros of different sign differ; every NaN is
 * one NaN, whatever its sign and payload.
 */
export function firstDifference({ places }: Layout, found: FloatArray, expected: FloatArray): string | undefined {
  if (bytes(found).equals(bytes(expected))) return undefined;
  for (let i = 0; i < expected.length; i++) {
    const a = found[i] as number;
    const b = expected[i] as number;
    if (Object.is(a, b)) continue;
    const place = places.find(({ start, length }) => i >= start && i < start + length);
    const where = place ? `element ${i - place.start} of ${place.length} at offset ${place.offset}` : `the gap at ${i}`;
    return `${where}: expected ${b}, found ${a}`;
  }
  return undefined;
}

/** How many of an arena's values, and how many of them are NaN. */
export function countNaN(values: FloatArray): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) count++;
  return count;
}
