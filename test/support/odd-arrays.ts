// Typed arrays that a program may well make and that a careless library would trip over.
import type { FloatArray } from "../../lib/numbers/typed-array.ts";

/** A subclass whose species nobody may ask for. */
export class Tensor extends Float32Array {
  static get [Symbol.species](): never {
    throw new Error("Expected no species to be asked for.");
  }
}
export class Tensor64 extends Float64Array {}

/** An array whose own properties, all of them, lie or throw. */
export function liar<A extends FloatArray>(array: A, names: readonly PropertyKey[] = lies): A {
  for (const name of names) {
    Object.defineProperty(array, name, {
      get() {
        throw new Error(`Expected nobody to ask for ${String(name)}.`);
      },
    });
  }
  return array;
}
export const lies: readonly PropertyKey[] = [
  ...["length", "buffer", "byteOffset", "byteLength", "BYTES_PER_ELEMENT", "constructor"],
  ...["set", "fill", "slice", "subarray", "map", "toString", "valueOf", "then"],
  ...[Symbol.toStringTag, Symbol.iterator, Symbol.toPrimitive],
];
