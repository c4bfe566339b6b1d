import type { Backend } from "./backends/backend.ts";
import { OptimError, show, showList } from "./errors.ts";
import { memoryOf } from "./memory.ts";
import {
  bufferOf,
  byteOffsetOf,
  bytesPerElement,
  canResize,
  type FloatArray,
  hasMemory,
  isLengthTracking,
  lengthOf,
  type NumberType,
  numberTypeOf,
} from "./typed-array.ts";
import { hasMethod, isProxy, isRecord } from "./values.ts";
import { didYouMean, meantKey } from "./words.ts";

/** An array to train, with its gradient. */
export interface Parameter<N extends string = string> {
  /** Unique within an optimizer; state is kept and travels under it. */
  readonly name: N;
  /** The values, stepped in place: heap, external, shared or wasm memory, at any alignment and offset. */
  readonly data: FloatArray;
  /** The gradient, of `data`'s type and length, written by the user's backward pass; null: the step skips this one. */
  readonly grad: FloatArray | null;
  /** The shape, outermost dimension first; its product is the length. Only carried along. */
  readonly shape?: readonly number[];
}

/**
 * A name of a parameter: an editor offers those that are known from the constructor's arguments, and any other is taken too,
 * as `addParamGroup` brings more.
 */
export type ParameterName<N extends string = string> = N | (string & {});

/** A parameter as an optimizer keeps it: read once, checked. */
export interface CheckedParameter extends Parameter {
  readonly type: NumberType;
  readonly length: number;
  /** The buffers of `data` and `grad`. An array never has another one. */
  readonly dataBuffer: ArrayBufferLike;
  readonly gradBuffer: ArrayBufferLike | undefined;
}

/**
 * The buffer of the array that was checked last, where that cannot be resized: then another array of it has its memory too,
 * and a length of its own. It holds as long as no user code runs.
 */
interface Checked {
  buffer: ArrayBufferLike | undefined;
}

export const unchecked = (): Checked => ({ buffer: undefined });

/** @returns The array's number type. No user code runs here. */
function checkArray(array: unknown, kind: string, name: string, checked: Checked): NumberType {
  const type = numberTypeOf(array);
  if (!type) {
    const types = kind === "gradient" ? "a Float32Array, a Float64Array or null" : "a Float32Array or a Float64Array";
    const hint = hasMethod(array, "dataSync") ? ", whose dataSync() gives one." : ".";
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the ${kind} of '${name}' to be ${types}, but it is ${show(array)}${hint}`,
    );
  }
  const floats = array as FloatArray;
  const buffer = bufferOf(floats);
  if (buffer === checked.buffer) return type;
  if (!hasMemory(floats) || memoryOf(buffer)?.disposed) {
    throw new OptimError(
      "ERR_DETACHED",
      `Expected the ${kind} of '${name}' to have its memory, but it was disposed, detached, transferred or shrunk.`,
    );
  }
  if (isLengthTracking(floats)) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the ${kind} of '${name}' to have a fixed length, ` +
        "but it follows the length of its resizable buffer; give the view a length.",
    );
  }
  checked.buffer = canResize(buffer) ? undefined : buffer;
  return type;
}

/**
 * Checks an array that goes with a parameter's data. No user code runs here.
 * @throws OptimError ERR_DTYPE, ERR_LENGTH or ERR_DETACHED.
 */
export function checkArrayOf(
  array: unknown,
  kind: string,
  name: string,
  type: NumberType,
  length: number,
  checked: Checked = unchecked(),
): void {
  const foundType = checkArray(array, kind, name, checked);
  if (foundType !== type) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the ${kind} of '${name}' to be ${type} like its data, but it is ${foundType}.`,
    );
  }
  const foundLength = lengthOf(array as FloatArray);
  if (foundLength !== length) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the ${kind} of '${name}' to have ${length} elements like its data, but it has ${foundLength}.`,
    );
  }
}

/** A user's parameter as it was given: each property read once, by code that the user may have written, and not checked. */
export interface RawParameter {
  readonly given: unknown;
  readonly index: number;
  /** What it is one of, in words that follow its index. */
  readonly list: string;
  /** Its own properties of other names. */
  readonly others: readonly string[];
  readonly name: unknown;
  readonly data: unknown;
  readonly grad: unknown;
  readonly shape: unknown;
}

/** The properties that are read. A parameter may have others besides, which are the user's. */
const keys: readonly string[] = ["name", "data", "grad", "shape"];
const none: readonly string[] = [];

export function takeParameter(given: unknown, index: number, list = ""): RawParameter {
  const source = (typeof given === "object" && given !== null ? given : {}) as Partial<Parameter>;
  const { name, data, grad, shape } = source;
  const others = othersOf(given, shape === undefined ? 3 : 4);
  return { given, index, list, others, name, data, grad, shape: Array.isArray(shape) ? [...shape] : shape };
}

/** An object's own properties beside those that are read, of which there are at most `count`. No trap of a proxy runs. */
function othersOf(given: unknown, count: number): readonly string[] {
  if (typeof given !== "object" || given === null || isProxy(given)) return none;
  const own = Object.keys(given);
  if (own.length <= count && own.every((key) => keys.includes(key))) return none;
  return isRecord(given) ? own.filter((key) => !keys.includes(key)) : none;
}

/**
 * Refuses an option beside a parameter's own properties, where nothing reads it. Other properties are the user's.
 * @throws OptimError ERR_OPTION.
 */
export function checkNoOptions(raw: readonly RawParameter[], options: object): void {
  for (let i = 0; i < raw.length; i++) {
    const { index, list, others } = raw[i] as RawParameter;
    const option = others.length === 0 ? undefined : others.find((key) => Object.hasOwn(options, key));
    if (option === undefined) continue;
    throw new OptimError(
      "ERR_OPTION",
      `Expected '${option}' to be given to a group, { params: [ … ], ${option} }, or to the constructor, ` +
        `but parameter ${index}${list} has it, where nothing reads it.`,
    );
  }
}

/** Refuses what is no parameter at all, or lacks something that it has under another name. */
function checkForm({ given, index, list, others, name, data, grad }: RawParameter): void {
  const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
  const isWhole = name !== undefined && data !== undefined && grad !== undefined;
  if (isObject && isWhole) return;
  const isTensor = hasMethod(given, "dataSync");
  const what = `Expected parameter ${index}${list} to be { name, data, grad }`;
  const lacking = Object.entries({ name, data, grad }).flatMap(([key, value]) => (value === undefined ? [key] : []));
  if (!isObject || isTensor || (lacking.length === 3 && others.length === 0)) {
    throw new OptimError("ERR_DTYPE", `${what}, but it is ${show(given)}.`);
  }
  for (const other of others) {
    const meant = meantKey(other, lacking);
    if (meant) throw new OptimError("ERR_DTYPE", `${what}, but it has ${show(other)}${didYouMean(meant)}`);
  }
  if (lacking.length === 3) throw new OptimError("ERR_DTYPE", `${what}, but it has ${others.map(show).join(", ")}.`);
}

/**
 * Checks parameters. No user code runs here, so what is found stays so.
 * @throws OptimError ERR_NAME, ERR_DTYPE, ERR_LENGTH or ERR_DETACHED.
 */
export function checkParameters(raw: readonly RawParameter[]): CheckedParameter[] {
  const [data, grad] = [unchecked(), unchecked()];
  return raw.map((each) => checkParameter(each, data, grad));
}

function checkParameter(raw: RawParameter, checkedData: Checked, checkedGrad: Checked): CheckedParameter {
  checkForm(raw);
  const { index, list, name, data, grad, shape } = raw;
  if (typeof name !== "string") {
    throw new OptimError(
      "ERR_NAME",
      `Expected parameter ${index}${list} to have a string as its name, but it is ${show(name)}.`,
    );
  }
  const type = checkArray(data, "data", name, checkedData);
  const length = lengthOf(data as FloatArray);
  if (grad !== null) checkArrayOf(grad, "gradient", name, type, length, checkedGrad);
  const own = data as FloatArray;
  const gradient = grad as FloatArray | null;
  const dataBuffer = bufferOf(own);
  const gradBuffer = gradient ? bufferOf(gradient) : undefined;
  return shape === undefined
    ? { name, data: own, grad: gradient, type, length, dataBuffer, gradBuffer }
    : { name, data: own, grad: gradient, type, length, dataBuffer, gradBuffer, shape: checkShape(shape, name, length) };
}

/** Parameters that `allocate` made: what checks would find of them, beside that their memory is there. */
export interface MadeParameters {
  readonly parameters: readonly Parameter[];
  readonly type: NumberType;
  readonly lengths: readonly number[];
  readonly dataBuffer: ArrayBufferLike;
  readonly gradBuffer: ArrayBufferLike;
}

/** By the list that a program has. */
const made = new WeakMap<object, MadeParameters>();

export function noteMade(of: MadeParameters): void {
  made.set(of.parameters, of);
}

/** What is known of the parameters of a list, if it is one that `allocate` made, which nobody can change. */
export const madeParameters = (list: unknown): MadeParameters | undefined => made.get(list as object);

/**
 * What `checkParameters` makes of such a list. Its names differ, and its arrays do not overlap.
 * @throws OptimError ERR_DETACHED.
 */
export function checkMade({ parameters, lengths, ...rest }: MadeParameters): CheckedParameter[] {
  const { type, dataBuffer, gradBuffer } = rest;
  const [first] = parameters;
  if (first) checkArray(first.data, "data", first.name, unchecked());
  if (first) checkArray(first.grad, "gradient", first.name, unchecked());
  return parameters.map(({ name, data, grad, shape = [] }, i) => {
    return { name, data, grad, type, length: lengths[i] as number, dataBuffer, gradBuffer, shape };
  });
}

/** The number of elements of a shape; NaN where a dimension is not a whole number of 0 or more. */
export function sizeOf(shape: readonly unknown[]): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) {
    const value = shape[i];
    size *= Number.isInteger(value) && Number(value) >= 0 ? Number(value) : Number.NaN;
  }
  return size;
}

/** A shape in words, whatever was given for one. */
export function showShape(shape: unknown): string {
  return Array.isArray(shape) ? showList(shape) : show(shape);
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
  parameters.forEach(({ name }) => {
    if (seen.has(name)) {
      throw new OptimError(
        "ERR_NAME",
        `Expected each parameter to have a name of its own, but two are named '${name}'.`,
      );
    }
    seen.add(name);
  });
}

/** What an array occupies of memory, in bytes. */
export interface Interval {
  readonly start: number;
  readonly length: number;
  readonly written: boolean;
  readonly kind: string;
  readonly name: string;
}

const endOf = ({ start, length }: Interval) => start + length;

export function intervalOf(
  backend: Backend,
  array: FloatArray,
  length: number,
  type: NumberType,
  written: boolean,
  kind: string,
  name: string,
): Interval {
  const start = backend.address(array);
  return { start, length: length * bytesPerElement[type], written, kind, name };
}

/**
 * Refuses memory that a step would both write and otherwise use: what is written may overlap nothing. What is only read may
 * overlap what is read.
 * @throws OptimError ERR_ALIASED.
 */
export function checkIntervals(intervals: Interval[]): void {
  intervals.sort((a, b) => a.start - b.start);
  // Of all intervals so far, and of the written ones, the one that reaches furthest.
  let any: Interval | undefined;
  let written: Interval | undefined;
  for (const interval of intervals) {
    const before = interval.written ? any : written;
    if (before && interval.start < endOf(before)) {
      const what = ({ kind, name }: Interval) => `the ${kind} of '${name}'`;
      throw new OptimError(
        "ERR_ALIASED",
        `Expected arrays that do not overlap in memory, but ${what(before)} and ${what(interval)} do.`,
      );
    }
    if (!any || endOf(interval) > endOf(any)) any = interval;
    if (interval.written && (!written || endOf(interval) > endOf(written))) written = interval;
  }
}

/** A state array of a parameter, with the name of its slot. */
export type StateArray = readonly [CheckedParameter, string, FloatArray];

/** Arrays that follow one another in one buffer and do not overlap, as those of `allocate` do: from the first to the last. */
interface Stretch {
  /** In memory. */
  readonly start: number;
  readonly buffer: ArrayBufferLike;
  /** In the buffer. */
  readonly from: number;
  to: number;
}

/** Puts an array at the end of the last stretch, or begins another with it. */
function stretch(
  stretches: Stretch[],
  backend: Backend,
  array: FloatArray,
  { type, length }: { readonly type: NumberType; readonly length: number },
  buffer: ArrayBufferLike = bufferOf(array),
): void {
  if (length === 0) return;
  const byteLength = length * bytesPerElement[type];
  const last = stretches[stretches.length - 1];
  const from = byteOffsetOf(array);
  if (last && last.buffer === buffer && last.to <= from) last.to = from + byteLength;
  else stretches.push({ start: backend.address(array), buffer, from, to: from + byteLength });
}

/**
 * Whether stretches show that nothing overlaps, as they mostly do. They need no number as large as an address for each array,
 * which a new process makes slowly.
 */
function areApart(parameters: readonly CheckedParameter[], state: readonly StateArray[], backend: Backend): boolean {
  const stretches: Stretch[] = [];
  parameters.forEach((parameter) => {
    stretch(stretches, backend, parameter.data, parameter, parameter.dataBuffer);
  });
  parameters.forEach((parameter) => {
    if (parameter.grad) stretch(stretches, backend, parameter.grad, parameter, parameter.gradBuffer);
  });
  for (const [parameter, , array] of state) stretch(stretches, backend, array, parameter);
  stretches.sort((a, b) => a.start - b.start);
  for (let i = 1; i < stretches.length; i++) {
    const { start, from, to } = stretches[i - 1] as Stretch;
    if ((stretches[i] as Stretch).start < start + (to - from)) return false;
  }
  return true;
}

/**
 * Refuses parameters that overlap: data may overlap neither data nor a gradient, and no state.
 * @param state The state arrays of parameters.
 * @throws OptimError ERR_ALIASED.
 */
export function checkOverlap(
  parameters: readonly CheckedParameter[],
  state: readonly StateArray[],
  backend: Backend,
): void {
  if (areApart(parameters, state, backend)) return;
  // All of a kind one after the other, as they mostly lie in memory: runs that are in order already are sorted at once.
  const intervals: Interval[] = [];
  for (const { name, data, type, length } of parameters) {
    if (length > 0) intervals.push(intervalOf(backend, data, length, type, true, "data", name));
  }
  for (const { name, grad, type, length } of parameters) {
    if (grad && length > 0) intervals.push(intervalOf(backend, grad, length, type, false, "gradient", name));
  }
  for (const [{ name, type, length }, slot, array] of state) {
    if (length > 0) intervals.push(intervalOf(backend, array, length, type, true, slot, name));
  }
  checkIntervals(intervals);
}
