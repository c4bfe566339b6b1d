import type { Backend } from "../backends/backend.ts";
import { OptimError } from "../errors.ts";
import { isEngineError } from "../host.ts";
import { bytesPerElement, type Storage } from "../numbers/storage.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { alignment, allocateMemory, type Place, releaseMemory } from "./memory.ts";

/** Zeroed arrays in one block of memory, each aligned to 64 bytes. */
export interface ArrayBlock {
  readonly buffer: ArrayBufferLike;
  readonly arrays: readonly FloatArray[];
}

/** The distance between the beginnings of rows that steps read side by side, modulo any power of two. */
interface Stagger {
  /** The shortest rows that it is for, in bytes. */
  readonly from: number;
  /** In bytes. */
  readonly distance: number;
  /** The number of rows after which the next begins where the first did. */
  readonly places: number;
}

/**
 * Where rows begin alike, they fall into the same sets of the caches and banks of the memory: on an EPYC (Zen 4) steps over
 * 2^26 elements took 2.2 times as long with three arrays, 3.5 times with five; of 7 distances the first was the best there.
 * Where one begins a line or two behind another modulo a page, loads wait for stores that they have nothing to do with: up
 * to 3 times as long for five arrays in cache, on avx512. There the distance has to keep rows apart within a page.
 */
const staggers: readonly Stagger[] = [
  { from: 2 ** 22, distance: 17_472, places: 16 },
  { from: 2 ** 14, distance: 704, places: 6 },
];

const unstaggered: Stagger = { from: 0, distance: 0, places: 1 };

let rowsBegun = 0;

/**
 * @param lengths In elements.
 * @param shared Asks for a SharedArrayBuffer.
 * @param rowLength The number of arrays in a row; rows are read side by side. Default: all.
 * @param inner Whether no program sees the arrays until `exposeMemory`. Default false.
 * @throws OptimError ERR_MEMORY.
 */
export function allocateBlock(
  backend: Backend,
  lengths: readonly number[],
  storage: Storage,
  shared = false,
  rowLength = lengths.length,
  inner = false,
): ArrayBlock {
  const sizes = lengths.map((length) => Math.ceil((length * bytesPerElement[storage]) / alignment) * alignment);
  const rows = sizes.length / rowLength;
  const rowBytes = sizes.reduce((sum, size) => sum + size, 0) / rows;
  const { distance, places } = staggers.find(({ from }) => rowBytes >= from) ?? unstaggered;
  const offsets: number[] = [];
  let bytes = (rowsBegun % places) * distance;
  sizes.forEach((size, i) => {
    if (i > 0 && i % rowLength === 0) bytes += distance;
    offsets.push(bytes);
    bytes += size;
  });
  if (distance > 0) rowsBegun += rows;
  const place =
    bytes === 0
      ? { buffer: shared ? new SharedArrayBuffer(0) : new ArrayBuffer(0), byteOffset: 0 }
      : Number.isSafeInteger(bytes)
        ? allocateMemory(backend, bytes, shared, inner)
        : undefined;
  const views = place && viewsOf(place, storage, offsets, lengths);
  if (!views) {
    if (place) releaseMemory(backend, place.buffer);
    throw new OptimError("ERR_MEMORY", `Not enough memory for ${bytes} bytes.`);
  }
  return { buffer: place.buffer, arrays: views };
}

function viewsOf(
  { buffer, byteOffset }: Place,
  storage: Storage,
  offsets: readonly number[],
  lengths: readonly number[],
): FloatArray[] | undefined {
  const ArrayType = storage === "float64" ? Float64Array : Float32Array;
  try {
    return offsets.map((offset, i) => new ArrayType(buffer as ArrayBuffer, byteOffset + offset, lengths[i]));
  } catch (error) {
    if (!isEngineError(error, "RangeError")) throw error;
    return undefined; // longer than the runtime lets a typed array be
  }
}

/** Gives the memory of a block back; its arrays have length 0 afterwards. */
export function releaseBlock(backend: Backend, block: ArrayBlock): void {
  releaseMemory(backend, block.buffer);
}
