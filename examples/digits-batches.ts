// The digits in the order of an epoch, and the parts of its batches. Threads that train together all have it.

import type { Digits } from "./digits-data.ts";
import type { Rows } from "./layers.ts";

/** What is trained on. */
export interface Data {
  readonly digits: Digits;
  /** Places of the digits, in the order of an epoch. */
  readonly order: Uint32Array;
  readonly batchSize: number;
}

/** What workers have of it: the same, in shared memory. */
export interface WorkersData extends Data {
  /** Each worker's rows, where the step makes the gradients of them. */
  readonly rows: readonly Rows[] | undefined;
}

/** The batch that begins at a place in the order. The last one may be smaller. */
export function batchOf({ order, batchSize }: Data, from: number): Uint32Array {
  return order.subarray(from, from + batchSize);
}

/** A worker's part of a batch: as many places as the others have, or one more. */
export function partOf(places: Uint32Array, index: number, count: number): Uint32Array {
  const bound = (i: number) => Math.floor((places.length * i) / count);
  return places.subarray(bound(index), bound(index + 1));
}
