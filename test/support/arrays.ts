// Arrays by their bytes, and what a refusal is: an OptimError that says its sentence and leaves every byte where it was.
import { expect } from "vitest";
import { OptimError, type OptimErrorCode } from "../../lib/errors.ts";
import { bytesPerElement } from "../../lib/numbers/storage.ts";
import {
  bufferOf,
  byteOffsetOf,
  type FloatArray,
  lengthOf,
  type NumberType,
  numberTypeOf,
} from "../../lib/numbers/typed-array.ts";
import type { Optimizer } from "../../lib/optimizer.ts";
import type { Parameter } from "../../lib/parameters/parameter.ts";
import { arrayType } from "./arena.ts";
import { gradients, uniformFrom } from "./cases.ts";

/** The bytes of an array, whatever its own properties say. */
export function bytesOf(array: FloatArray): Uint8Array<ArrayBuffer> {
  const length = lengthOf(array) * bytesPerElement[numberTypeOf(array) as NumberType];
  return length === 0 ? new Uint8Array(0) : new Uint8Array(bufferOf(array), byteOffsetOf(array), length).slice();
}

/** The bits of each element; every NaN is one NaN, whose sign and payload are unspecified. */
export function bitsOf(array: FloatArray): Uint32Array | BigUint64Array {
  const { buffer } = bytesOf(array);
  if (numberTypeOf(array) === "float32") {
    const bits = new Uint32Array(buffer);
    new Float32Array(buffer).forEach((value, i) => {
      if (Number.isNaN(value)) bits[i] = 0x7fc00000;
    });
    return bits;
  }
  const bits = new BigUint64Array(buffer);
  new Float64Array(buffer).forEach((value, i) => {
    if (Number.isNaN(value)) bits[i] = 0x7ff8000000000000n;
  });
  return bits;
}

/** Bytes as text, so that two are compared whole and shown short. */
const hex = (array: FloatArray) => Buffer.from(bytesOf(array)).toString("hex");

const isArray = (value: unknown): value is FloatArray => ArrayBuffer.isView(value);

/** A value with all arrays in it, at any depth, as text. */
export function plain(value: unknown): unknown {
  if (isArray(value)) return hex(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.entries(value).map(([key, inner]) => [key, plain(inner)]);
}

/** A value with lists of numbers for arrays, as programs in other languages write them to files. */
export function asLists<T>(value: T): T {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Float32Array) as T;
  if (Array.isArray(value)) return value.map(asLists) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asLists(inner)])) as T;
}

// biome-ignore lint/suspicious/noExplicitAny: options of any optimizer
export type AnyOptimizer = Optimizer<any>;

/** The names of an optimizer's parameters. */
export const namesOf = (optimizer: AnyOptimizer) => optimizer.paramGroups.flatMap(({ params }) => params);

/** All that an optimizer shows: options, steps, state as it is and as a copy. */
function shown(optimizer: AnyOptimizer): unknown {
  const stateDict = () => {
    try {
      return plain(optimizer.stateDict());
    } catch (error) {
      return (error as OptimError).code;
    }
  };
  return {
    options: optimizer.paramGroups.map((group) => ({ ...group })),
    state: namesOf(optimizer).map((name) => [name, plain(optimizer.state(name))]),
    stateDict: stateDict(),
    lastStep: optimizer.lastStep,
  };
}

/** What a call must not change: arrays, and optimizers with their state. */
export type Witness = FloatArray | AnyOptimizer;

/** Everything that is to be seen of arrays and optimizers. */
export function snapshot(...witnesses: readonly Witness[]): unknown {
  return witnesses.map((witness) => (isArray(witness) ? hex(witness) : shown(witness)));
}

/** What an action throws. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return expect.unreachable("Expected an error, but there was none.");
}

/** Holds that an error is an OptimError with this code, whose message is a sentence and matches. */
export function expectRefusal(error: unknown, code: OptimErrorCode, message: RegExp, label?: string): void {
  expect(error, label).toBeInstanceOf(OptimError);
  const { message: found, code: foundCode, name } = error as OptimError;
  expect({ code: foundCode, name }, label ?? found).toEqual({ code, name: "OptimError" });
  expect(found, label).toMatch(message);
  expect(found, label).toMatch(/^[A-Z].*[.?]$/s);
}

/** Holds that an action is refused with a code and a sentence, and changes nothing of the witnesses. */
export function refuses(
  action: () => unknown,
  code: OptimErrorCode,
  message: RegExp,
  witnesses: readonly Witness[] = [],
  label?: string,
): void {
  const before = snapshot(...witnesses);
  expectRefusal(thrownBy(action), code, message, label);
  expect(snapshot(...witnesses), label).toEqual(before);
}

/** Values between -2 and 2, the same for a seed. */
export function values<T extends NumberType>(
  type: T,
  length: number,
  seed: number,
): T extends "float32" ? Float32Array<ArrayBuffer> : Float64Array<ArrayBuffer> {
  const uniform = uniformFrom(seed);
  return arrayType(type).from({ length }, () => 4 * uniform() - 2) as never;
}

/** Writes one step's gradients: of all sizes, finite, the same for a seed. */
export function drawGradient(grad: FloatArray, seed: number): void {
  const uniform = uniformFrom(seed * 7919 + 1);
  for (let i = 0, length = lengthOf(grad); i < length; i++) grad[i] = gradients.finite(uniform);
}

export interface OwnParameter extends Parameter {
  readonly grad: FloatArray;
}

/** Parameters as a call names them that steps them with arrays of their own. */
export const own = (...parameters: readonly Parameter[]) =>
  Object.fromEntries(parameters.map(({ name, data }) => [name, { data }]));

/** A parameter over arrays of its own. */
export function parameter(name: string, length = 5, type: NumberType = "float32", seed = name.length): OwnParameter {
  return { name, data: values(type, length, seed), grad: values(type, length, seed + 1000) };
}

/** The arrays of parameters. */
export const arraysOf = (parameters: Iterable<Parameter>): FloatArray[] =>
  [...parameters].flatMap(({ data, grad }) => (grad ? [data, grad] : [data]));

/** Steps an optimizer with gradients drawn for each step, from `first`. */
export function train(optimizer: AnyOptimizer, parameters: readonly Parameter[], steps: number, first = 1): void {
  for (let step = first; step < first + steps; step++) {
    parameters.forEach(({ grad }, i) => {
      if (grad) drawGradient(grad, step * 131 + i);
    });
    optimizer.step();
  }
}

/** The library's target has no types for resizable buffers. */
export const resizable = (bytes: number, most: number) =>
  new (ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => ResizableBuffer)(bytes, {
    maxByteLength: most,
  });
export const growable = (bytes: number, most: number) =>
  new (SharedArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => GrowableBuffer)(
    bytes,
    { maxByteLength: most },
  );
export type ResizableBuffer = ArrayBuffer & { resize(bytes: number): void };
export type GrowableBuffer = SharedArrayBuffer & { grow(bytes: number): void };

/** Takes an ordinary buffer's memory away. */
export function detach(buffer: ArrayBufferLike): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}
