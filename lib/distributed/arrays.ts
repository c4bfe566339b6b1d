import { OptimError } from "../errors.ts";
import { bufferOf, byteOffsetOf, isLengthTracking, lengthOf, typedArrayName } from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";

/** A typed array of any number type. */
export type AnyTypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** What `broadcast` takes: one array, a list of them, or arrays by name. */
export type BroadcastArrays = AnyTypedArray | readonly AnyTypedArray[] | Readonly<Record<string, AnyTypedArray>>;

/** The bytes of an array, and how messages call it. */
export interface NamedBytes {
  readonly name: string;
  readonly type: string;
  readonly array: Uint8Array;
}

const elementBytes: Readonly<Record<string, number>> = {
  Int8Array: 1,
  Uint8Array: 1,
  Uint8ClampedArray: 1,
  Int16Array: 2,
  Uint16Array: 2,
  Float16Array: 2,
  Int32Array: 4,
  Uint32Array: 4,
  Float32Array: 4,
  Float64Array: 8,
  BigInt64Array: 8,
  BigUint64Array: 8,
};

function bytesOfArray(name: string, array: unknown): NamedBytes {
  const type = typedArrayName(array);
  const size = type === undefined ? undefined : elementBytes[type];
  if (type === undefined || size === undefined) {
    throw new OptimError("ERR_DTYPE", `Expected ${name} to be a typed array, but it is ${show(array)}.`);
  }
  const typed = array as Float32Array;
  if (isLengthTracking(typed)) {
    throw new OptimError("ERR_LENGTH", `Expected ${name} to have a fixed length, but it follows its resizable buffer.`);
  }
  return { name, type, array: new Uint8Array(bufferOf(typed), byteOffsetOf(typed), lengthOf(typed) * size) };
}

/**
 * The bytes of arrays that a user gave, read once.
 * @throws OptimError ERR_OPTION, ERR_DTYPE, ERR_LENGTH.
 */
export function bytesOfArrays(arrays: unknown): NamedBytes[] {
  if (typedArrayName(arrays) !== undefined) return [bytesOfArray("the array", arrays)];
  if (Array.isArray(arrays)) return arrays.map((array, i) => bytesOfArray(`array ${i}`, array));
  if (typeof arrays !== "object" || arrays === null) {
    const found = show(arrays);
    throw new OptimError(
      "ERR_OPTION",
      `Expected a typed array, a list of them, or arrays by name, but found ${found}.`,
    );
  }
  return Object.entries(arrays).map(([name, array]) => bytesOfArray(`'${name}'`, array));
}

/** Numbers that differ where arrays do, by their names, types and lengths: how many, their bytes, and a hash (FNV-1a). */
export function describeArrays(arrays: readonly NamedBytes[]): number[] {
  let hash = 0x811c9dc5;
  for (const { name, type, array } of arrays) {
    for (const character of `${name}:${type}:${array.length};`) {
      hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193) >>> 0;
    }
  }
  return [arrays.length, arrays.reduce((sum, { array }) => sum + array.length, 0), hash];
}
