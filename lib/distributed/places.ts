// Where whole parameters and their gradients lie in memory, and the runs that they make.
import { OptimError } from "../errors.ts";
import { alignment, memoryOf, type Place } from "../memory/memory.ts";
import { bytesPerElement } from "../numbers/storage.ts";
import { bufferOf, byteOffsetOf, type FloatArray, type NumberType } from "../numbers/typed-array.ts";
import type { Run } from "./layout.ts";

/** A parameter as a program has it, with its gradients: one for each replica that this rank computes. */
export interface WholeParameter {
  readonly name: string;
  readonly type: NumberType;
  readonly length: number;
  readonly data: FloatArray;
  readonly grads: readonly FloatArray[];
  /** The object that it was given as; undefined where nobody can change that. */
  readonly given: object | undefined;
}

/** Whole parameters that lie one after the other, their gradients too. */
export interface PlacedRun extends Run {
  readonly type: NumberType;
  /** The number of each of its parameters among all. */
  readonly wholes: readonly number[];
  readonly data: Place;
  readonly grads: readonly Place[];
}

const placeOf = (array: FloatArray): Place => ({ buffer: bufferOf(array), byteOffset: byteOffsetOf(array) });

/** Elements [begin, end) of an array, whatever its class says. */
export function partOf(array: FloatArray, type: NumberType, begin: number, end: number): FloatArray {
  const offset = byteOffsetOf(array) + begin * bytesPerElement[type];
  return viewOf({ buffer: bufferOf(array), byteOffset: offset }, type, end - begin);
}

export function viewOf({ buffer, byteOffset }: Place, type: NumberType, length: number): FloatArray {
  const ArrayType = type === "float32" ? Float32Array : Float64Array;
  return new ArrayType(buffer as ArrayBuffer, byteOffset, length);
}

/** Bytes [begin, end) behind a place. */
export const bytesAt = ({ buffer, byteOffset }: Place, begin: number, end: number): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset + begin, end - begin);

/**
 * Refuses memory that collectives cannot work in: it has to stay, and to have nothing else between arrays.
 * @throws OptimError ERR_RANKS.
 */
export function checkPlaces(wholes: readonly WholeParameter[]): void {
  for (const { name, length, data, grads } of wholes) {
    if (length === 0 || [data, ...grads].every((array) => memoryOf(bufferOf(array)))) continue;
    throw new OptimError(
      "ERR_RANKS",
      `Expected gradients that lie in one run, as those of allocate() do, but '${name}' does not.`,
    );
  }
}

/** Finds the runs, in the order of their memory. */
export function runsOf(wholes: readonly WholeParameter[]): PlacedRun[] {
  const buffers = new Map<ArrayBufferLike, number>();
  for (const { data } of wholes) if (!buffers.has(bufferOf(data))) buffers.set(bufferOf(data), buffers.size);
  const order = wholes.map((whole, index) => ({ whole, index })).filter(({ whole }) => whole.length > 0);
  order.sort(({ whole: { data: a } }, { whole: { data: b } }) => {
    const [first, second] = [a, b].map((each) => buffers.get(bufferOf(each)) as number) as [number, number];
    return first - second || byteOffsetOf(a) - byteOffsetOf(b);
  });
  const runs: Draft[] = [];
  let before: WholeParameter | undefined;
  for (const { whole, index } of order) {
    const { type, length, data, grads } = whole;
    const last = runs.at(-1);
    if (last && before && follows(before, whole)) {
      last.wholes.push(index);
      last.parameters.push({ offset: byteOffsetOf(data) - last.data.byteOffset, length });
    } else {
      runs.push({
        ...{ type, bytesPerElement: bytesPerElement[type], wholes: [index], parameters: [{ offset: 0, length }] },
        ...{ data: placeOf(data), grads: grads.map(placeOf) },
      });
    }
    before = whole;
  }
  return runs;
}

interface Draft extends PlacedRun {
  readonly wholes: number[];
  readonly parameters: { offset: number; length: number }[];
}

/** Whether all arrays of a parameter come right after those of another one: at the next cache line, or at once. */
function follows(before: WholeParameter, next: WholeParameter): boolean {
  const bytes = before.length * bytesPerElement[before.type];
  const distances = [Math.ceil(bytes / alignment) * alignment, bytes];
  const [first, ...others] = [before.data, ...before.grads].map((array, i) => {
    const after = [next.data, ...next.grads][i] as FloatArray;
    return bufferOf(array) === bufferOf(after) ? byteOffsetOf(after) - byteOffsetOf(array) : -1;
  });
  return before.type === next.type && distances.includes(first as number) && others.every((each) => each === first);
}
