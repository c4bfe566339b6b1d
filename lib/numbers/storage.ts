import type { FloatArray, NumberType } from "./typed-array.ts";

/**
 * How the elements of an array lie in memory; a number type is what they are computed in. Today each array of a parameter
 * has the parameter's number type itself.
 */
export type Storage = NumberType;

export const bytesPerElement: Readonly<Record<Storage, number>> = { float32: 4, float64: 8 };

/** An array, and how its elements lie in it. */
export interface StoredArray {
  readonly array: FloatArray;
  readonly storage: Storage;
}
