import type { GradientSource } from "../backends/backend.ts";
import { OptimError } from "../errors.ts";
import { memoryOf } from "../memory/memory.ts";
import type { Storage } from "../numbers/storage.ts";
import {
  bufferOf,
  canResize,
  type FloatArray,
  hasMemory,
  isLengthTracking,
  lengthOf,
  type NumberType,
  numberTypeOf,
} from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";
import { hasMethod } from "../values/values.ts";
import { didYouMean, meantKey } from "../values/words.ts";
import { checkShape } from "./shape.ts";

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
 * A name of a parameter: an editor offers those of the constructor's arguments. Any other is taken too, because
 * `addParamGroup` brings more.
 */
export type ParameterName<N extends string = string> = N | (string & {});

/** A parameter as an optimizer keeps it: read once, checked. */
export interface CheckedParameter extends Parameter {
  /** The number type that its elements are computed in. */
  readonly type: NumberType;
  /** The storage of `data`. */
  readonly storage: Storage;
  readonly length: number;
  /** The buffer of `data`. An array keeps its buffer for life. */
  readonly dataBuffer: ArrayBufferLike;
  /** The source of its gradient; null where it has none. */
  readonly source: GradientSource | null;
}

/**
 * The buffer of the array that was checked last, if it cannot be resized. Then another array over it has its memory
 * too, and a fixed length. That holds as long as no user code runs.
 */
interface Checked {
  buffer: ArrayBufferLike | undefined;
}

export const unchecked = (): Checked => ({ buffer: undefined });

/** @returns The array's number type. No user code runs here. */
export function checkArray(array: unknown, kind: string, name: string, checked: Checked): NumberType {
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

/** A parameter as the user gave it: each property read once, not checked. */
export interface RawParameter {
  readonly given: unknown;
  readonly index: number;
  /** The list that it is in, in words that follow its index in errors. */
  readonly list: string;
  /** The names of its own other properties. */
  readonly others: readonly string[];
  readonly name: unknown;
  readonly data: unknown;
  readonly grad: unknown;
  readonly shape: unknown;
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
 * Checks parameters. No user code runs here, so the findings stay true.
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
  const source = gradient && { array: gradient, storage: type, buffer: bufferOf(gradient) };
  const checked = { name, data: own, grad: gradient, type, storage: type, length, dataBuffer, source };
  return shape === undefined ? checked : { ...checked, shape: checkShape(shape, name, length) };
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
