// Typed arrays by their internal slots. Every getter here is the intrinsic one, taken when this module loads: an array's
// own `length`, a subclass or another realm's prototype cannot change what it says, and no user code runs in it.
import { isEngineError } from "../host.ts";

const { get: reflectGet } = Reflect;

/** What can be stepped. Arrays of other realms and subclasses count, and so do views of shared and WebAssembly memory. */
export type FloatArray = Float32Array | Float64Array;

/** The number types that kernels compute in. */
export type NumberType = "float32" | "float64";

export const numberTypes = ["float32", "float64"] as const satisfies readonly NumberType[];

/** Whether the first byte of a number in memory is its lowest, as in files. */
export const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

type Getter = (target: object) => unknown;

/**
 * The intrinsic getter `prototype[key]` as a function of its receiver, or undefined where the runtime has none. It is asked
 * through an object of its own: a call that V8 sees it compiles into the caller, and on Node 20 and 22 leaves out there,
 * where resizable buffers have passed by, that an array may be detached.
 */
function intrinsic(prototype: object, key: PropertyKey): Getter | undefined {
  const getter = Object.getOwnPropertyDescriptor(prototype, key)?.get;
  if (!getter) return undefined;
  const holder = Object.freeze(Object.create(null, { [key]: { get: getter } }));
  return (target) => reflectGet(holder, key, target);
}

function required(prototype: object, key: PropertyKey): Getter {
  const getter = intrinsic(prototype, key);
  if (!getter) throw new TypeError(`Expected this runtime to have the getter ${String(key)}.`);
  return getter;
}

const typedArrayPrototype: object = Object.getPrototypeOf(Float32Array.prototype);

const tagOf = required(typedArrayPrototype, Symbol.toStringTag);

/** The number of elements; 0 once the buffer is detached, or too short for the array. */
export const lengthOf = required(typedArrayPrototype, "length") as (array: object) => number;

export const byteOffsetOf = required(typedArrayPrototype, "byteOffset") as (array: object) => number;

export const bufferOf = required(typedArrayPrototype, "buffer") as (array: object) => ArrayBufferLike;

const arrayBufferByteLength = required(ArrayBuffer.prototype, "byteLength") as (buffer: object) => number;

// A browser hides SharedArrayBuffer from a page that is not isolated from others.
const sharedPrototype = globalThis.SharedArrayBuffer?.prototype ?? {};

const sharedByteLength = intrinsic(sharedPrototype, "byteLength") as (buffer: object) => number;

const resizable = intrinsic(ArrayBuffer.prototype, "resizable");

const growable = intrinsic(sharedPrototype, "growable");

const subarray = Function.prototype.call.bind(
  (typedArrayPrototype as { subarray: unknown }).subarray as (begin: number) => FloatArray,
) as (array: object, begin: number) => unknown;

/** "Float32Array", … for a typed array of any realm; undefined for everything else. */
export function typedArrayName(value: unknown): string | undefined {
  return typeof value === "object" && value !== null ? (tagOf(value) as string | undefined) : undefined;
}

/** The number type of a Float32Array or Float64Array of any realm; undefined for everything else. */
export function numberTypeOf(value: unknown): NumberType | undefined {
  const name = typedArrayName(value);
  if (name === "Float32Array") return "float32";
  return name === "Float64Array" ? "float64" : undefined;
}

const knownShared = new WeakSet<object>();

export function isShared(buffer: ArrayBufferLike): buffer is SharedArrayBuffer {
  if (knownShared.has(buffer)) return true;
  try {
    arrayBufferByteLength(buffer); // throws for shared memory, slowly, hence the set
    return false;
  } catch (error) {
    // It may have failed for another reason, as at the end of the stack, and what is in the set stays there.
    if (!isEngineError(error, "TypeError")) throw error;
    knownShared.add(buffer);
    return true;
  }
}

/** The length now, in bytes; 0 for a detached buffer. */
export function byteLengthOf(buffer: ArrayBufferLike, shared: boolean): number {
  return shared ? sharedByteLength(buffer) : arrayBufferByteLength(buffer);
}

const fill = Function.prototype.call.bind(
  (typedArrayPrototype as { fill: unknown }).fill as (value: number, start: number, end: number) => void,
) as (array: object, value: number, start?: number, end?: number) => void;

/** Whether an array has its memory: its buffer is neither detached nor shrunk away from under it. */
export function hasMemory(array: FloatArray): boolean {
  try {
    fill(array, 0, 0, 0); // writes nothing, but refuses an array that has none
    return true;
  } catch (error) {
    if (!isEngineError(error, "TypeError")) throw error;
    return false;
  }
}

/** Sets every element to a value, or those from `begin` to before `end`. */
export function fillWith(array: FloatArray, value: number, begin?: number, end?: number): void {
  fill(array, value, begin, end);
}

/** Copies the elements of an array of the same length. */
export const copyInto = Function.prototype.call.bind(
  (typedArrayPrototype as { set: unknown }).set as (from: FloatArray) => void,
) as (array: FloatArray, from: FloatArray) => void;

/** A copy in memory of its own. */
export function copyOf(array: FloatArray): FloatArray {
  return numberTypeOf(array) === "float32" ? new Float32Array(array) : new Float64Array(array);
}

/** Whether a buffer's length can change: a resizable or growable one's. */
export function canResize(buffer: ArrayBufferLike, shared = isShared(buffer)): boolean {
  return (shared ? growable?.(buffer) : resizable?.(buffer)) === true;
}

/**
 * Whether an array follows the length of its resizable buffer. No getter tells; but `subarray` asks the constructor for
 * an array that follows too, by giving it no length. The constructor it asks is put in place for that one call.
 */
export function isLengthTracking(array: FloatArray): boolean {
  if (!canResize(bufferOf(array))) return false;
  // It cannot be asked, and may.
  if (!Object.isExtensible(array) || Object.hasOwn(array, "constructor")) return true;
  let tracking = false;
  const made = array;
  const species = function species(_buffer: unknown, _offset: unknown, length: unknown) {
    tracking = length === undefined;
    return made;
  };
  const prototype: object = Object.getPrototypeOf(array);
  const probe = Object.create(prototype, { constructor: { value: { [Symbol.species]: species } } });
  Object.setPrototypeOf(array, probe);
  try {
    subarray(array, 0);
  } finally {
    Object.setPrototypeOf(array, prototype);
  }
  return tracking;
}
