import type { Backend } from "../backends/backend.ts";
import { OptimError } from "../errors.ts";
import { bytesPerElement, type Storage } from "../numbers/storage.ts";
import { bufferOf, byteOffsetOf, type FloatArray } from "../numbers/typed-array.ts";

/** The memory that an array occupies, in bytes. */
export interface Interval {
  readonly start: number;
  readonly length: number;
  readonly written: boolean;
  readonly kind: string;
  readonly name: string;
}

const endOf = ({ start, length }: Interval) => start + length;

export function intervalOf(
  backend: Backend,
  array: FloatArray,
  length: number,
  storage: Storage,
  written: boolean,
  kind: string,
  name: string,
): Interval {
  const start = backend.address(array);
  return { start, length: length * bytesPerElement[storage], written, kind, name };
}

/**
 * Refuses memory that a step would both write and otherwise use. An array that is written may overlap nothing; arrays
 * that are only read may overlap one another.
 * @throws OptimError ERR_ALIASED.
 */
export function checkIntervals(intervals: Interval[]): void {
  intervals.sort((a, b) => a.start - b.start);
  // The interval that reaches furthest so far, of all and of the written ones.
  let any: Interval | undefined;
  let written: Interval | undefined;
  for (const interval of intervals) {
    const before = interval.written ? any : written;
    if (before && interval.start < endOf(before)) {
      const what = ({ kind, name }: Interval) => `the ${kind} of '${name}'`;
      throw new OptimError(
        "ERR_ALIASED",
        `Expected arrays that do not overlap in memory, but ${what(before)} and ${what(interval)} do.`,
      );
    }
    if (!any || endOf(interval) > endOf(any)) any = interval;
    if (interval.written && (!written || endOf(interval) > endOf(written))) written = interval;
  }
}

/** Arrays that follow one another in one buffer and do not overlap, as those of `allocate` do: from the first to the last. */
export interface Stretch {
  /** In memory. */
  readonly start: number;
  readonly buffer: ArrayBufferLike;
  /** In the buffer. */
  readonly from: number;
  to: number;
}

/** Puts an array at the end of the last stretch, or begins another with it. */
export function stretch(
  stretches: Stretch[],
  backend: Backend,
  array: FloatArray,
  storage: Storage,
  length: number,
  buffer: ArrayBufferLike = bufferOf(array),
): void {
  if (length === 0) return;
  const byteLength = length * bytesPerElement[storage];
  const last = stretches[stretches.length - 1];
  const from = byteOffsetOf(array);
  if (last && last.buffer === buffer && last.to <= from) last.to = from + byteLength;
  else stretches.push({ start: backend.address(array), buffer, from, to: from + byteLength });
}
