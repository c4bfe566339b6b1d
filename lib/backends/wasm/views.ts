// Views of parts of arrays.
import { bytesPerElement, type Storage } from "../../numbers/storage.ts";
import { bufferOf, byteOffsetOf, type FloatArray } from "../../numbers/typed-array.ts";

/** Constructors as they were when this module loaded. */
export const arrayTypes = { float32: Float32Array, float64: Float64Array } as const;

/** `count` elements of an array from `begin` on. */
export function viewFrom(array: FloatArray, storage: Storage, begin: number, count: number): FloatArray {
  const offset = byteOffsetOf(array) + begin * bytesPerElement[storage];
  return new arrayTypes[storage](bufferOf(array) as ArrayBuffer, offset, count);
}
