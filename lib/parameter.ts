import type { Backend } from "./backends/backend.ts";
import { OptimError, show } from "./errors.ts";
import {
  bufferOf,
  bytesPerElement,
  type FloatArray,
  isDetached,
  isLengthTracking,
  lengthOf,
  type NumberType,
  numberTypeOf,
  typedArrayName,
} from "./typed-array.ts";

/** An array to train, with its gradient. */
export interface Parameter {
  /** Unique within an optimizer; state is kept and travels under it. */
  readonly name: string;
  /** The values, stepped in place: heap, external, shared or wasm memory, at any alignment and offset. */
  readonly data: FloatArray;
  /** The gradient, of `data`'s type and length, written by the user's backward pass; null: the step skips this one. */
  readonly grad: FloatArray | null;
  /** The shape, outermost dimension first; its product is the length. Only carried along. */
  readonly shape?: readonly number[];
}

/** A parameter as an optimizer keeps it: read once, checked. */
export interface CheckedParameter extends Parameter {
  readonly type: NumberType;
  readonly length: number;
}

function checkArray(array: unknown, what: string): NumberType {
  const type = numberTypeOf(array);
  if (!type) {
    const found = typedArrayName(array) ?? show(array);
    throw new OptimError("ERR_DTYPE", `Expected ${what} to be a Float32Array or a Float64Array, but it is ${found}.`);
  }
  const floats = array as FloatArray;
  if (isDetached(bufferOf(floats))) {
    throw new OptimError("ERR_DETACHED", `Expected ${what} to have its memory, but its buffer is detached.`);
  }
  if (isLengthTracking(floats)) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected ${what} to have a fixed length, but it follows the length of its resizable buffer; give the view a length.`,
    );
  }
  return type;
}

/** A user's parameter as it was given: each property read once, by code that the user may have written, and not checked. */
export interface RawParameter {
  readonly given: unknown;
  readonly position: string;
  readonly name: unknown;
  readonly data: unknown;
  readonly grad: unknown;
  readonly shape: unknown;
}

export function takeParameter(given: unknown, position: string): RawParameter {
  const source = (typeof given === "object" && given !== null ? given : {}) as Partial<Parameter>;
  const { name, data, grad, shape } = source;
  return { given, position, name, data, grad, shape: Array.isArray(shape) ? Array.from(shape) : shape };
}

/**
 * Checks a parameter. No user code runs here, so what is found stays so.
 * @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH or ERR_DETACHED.
 */
export function checkParameter({ given, position, name, data, grad, shape }: RawParameter): CheckedParameter {
  if (typeof given !== "object" || given === null) {
    throw new OptimError("ERR_DTYPE", `Expected ${position} to be { name, data, grad }, but it is ${show(given)}.`);
  }
  if (typeof name !== "string") {
    throw new OptimError("ERR_NAME", `Expected ${position} to have a string as its name, but it is ${show(name)}.`);
  }
  const type = checkArray(data, `the data of '${name}'`);
  const length = lengthOf(data as FloatArray);
  if (grad !== null) checkGradient(grad, name, type, length);
  const parameter = { name, data: data as FloatArray, grad: grad as FloatArray | null, type, length };
  return shape === undefined ? parameter : { ...parameter, shape: checkShape(shape, name, length) };
}

function checkGradient(grad: unknown, name: string, type: NumberType, length: number): void {
  const gradType = checkArray(grad, `the gradient of '${name}'`);
  if (gradType !== type) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the gradient of '${name}' to be ${type} like its data, but it is ${gradType}.`,
    );
  }
  const gradLength = lengthOf(grad as FloatArray);
  if (gradLength !== length) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the gradient of '${name}' to have ${length} elements like its data, but it has ${gradLength}.`,
    );
  }
}

/** The number of elements of a shape; NaN where a dimension is not a whole number of 0 or more. */
export function sizeOf(shape: readonly unknown[]): number {
  const dimension = (value: unknown) => (Number.isInteger(value) && Number(value) >= 0 ? Number(value) : Number.NaN);
  return shape.reduce<number>((size, value) => size * dimension(value), 1);
}

/** A shape in words, whatever was given for one. */
export function showShape(shape: unknown): string {
  return Array.isArray(shape) ? `[${shape.map(show).join(", ")}]` : show(shape);
}

function checkShape(shape: unknown, name: string, length: number): readonly number[] {
  if (!Array.isArray(shape) || sizeOf(shape) !== length) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the shape of '${name}' to be dimensions whose product is its ${length} elements, ` +
        `but it is ${showShape(shape)}.`,
    );
  }
  return Object.freeze(shape);
}

/**
 * Refuses two parameters of one name.
 * @throws OptimError ERR_NAME.
 */
export function checkNames(parameters: readonly CheckedParameter[]): void {
  const seen = new Set<string>();
  for (const { name } of parameters) {
    if (seen.has(name)) {
      throw new OptimError(
        "ERR_NAME",
        `Expected each parameter to have a name of its own, but two are named '${name}'.`,
      );
    }
    seen.add(name);
  }
}

interface Interval {
  readonly start: number;
  readonly end: number;
  readonly written: boolean;
  readonly what: string;
}

/**
 * Refuses parameters whose memory a step would both write and otherwise use: data may overlap neither data nor a gradient.
 * Gradients are only read, so they may overlap one another.
 * @throws OptimError ERR_ALIASED.
 */
export function checkOverlap(parameters: readonly CheckedParameter[], backend: Backend): void {
  const intervals: Interval[] = [];
  for (const { name, data, grad, type, length } of parameters) {
    if (length === 0) continue;
    const bytes = length * bytesPerElement[type];
    const add = (array: FloatArray, written: boolean, what: string) => {
      const start = backend.address(array);
      intervals.push({ start, end: start + bytes, written, what: `the ${what} of '${name}'` });
    };
    add(data, true, "data");
    if (grad) add(grad, false, "gradient");
  }
  intervals.sort((a, b) => a.start - b.start);
  // Of all intervals so far, and of the written ones, the one that reaches furthest.
  let any: Interval | undefined;
  let written: Interval | undefined;
  for (const interval of intervals) {
    const before = interval.written ? any : written;
    if (before && interval.start < before.end) {
      throw new OptimError(
        "ERR_ALIASED",
        `Expected arrays that do not overlap in memory, but ${before.what} and ${interval.what} do.`,
      );
    }
    if (!any || interval.end > any.end) any = interval;
    if (interval.written && (!written || interval.end > written.end)) written = interval;
  }
}
