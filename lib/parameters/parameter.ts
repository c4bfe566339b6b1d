import type { GradientSource } from "../backends/source.ts";
import { OptimError } from "../errors.ts";
import type { Storage } from "../numbers/storage.ts";
import { bufferOf, type FloatArray, lengthOf, type NumberType, numberTypes } from "../numbers/typed-array.ts";
import { show } from "../values/show.ts";
import { hasMethod } from "../values/values.ts";
import { didYouMean, meantKey } from "../values/words.ts";
import { type Checked, checkArray, checkArrayOf, unchecked } from "./array.ts";
import { checkGradient, type MadeGradient, RawGradient } from "./gradient.ts";
import { checkedSize, checkShape } from "./shape.ts";

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
 * A parameter without arrays of its own. They come with each call, `step({ w: { data, grad } })`, and may be others each
 * time. A call that does not name it leaves it out. Its state is kept under its name.
 * @example
 * ```js
 * import { SGD } from "rmsprop";
 *
 * const optimizer = new SGD([{ name: "w", data: null, shape: [2] }], { lr: 0.5, momentum: 0.9 });
 * const [data, grad] = [Float32Array.of(1, 2), Float32Array.of(1, 1)];
 * optimizer.step({ w: { data, grad } });
 * console.log(data, optimizer.state("w").momentumBuffer); // Float32Array(2) [ 0.5, 1.5 ] Float32Array(2) [ 1, 1 ]
 * ```
 */
export interface PlaceholderParameter<N extends string = string> {
  /** Unique within an optimizer; state is kept and travels under it. */
  readonly name: N;
  /** Null: each call brings the values. */
  readonly data: null;
  /** Null or left out: each call brings the gradient. */
  readonly grad?: null;
  /** The shape, outermost dimension first; its product is the length of the arrays. */
  readonly shape: readonly number[];
  /** The number type of the arrays. Default "float32". */
  readonly dtype?: NumberType;
}

/** A parameter whose gradient is made by each step, of factors or as the sum of a list. */
export interface MadeGradientParameter<N extends string = string> extends Omit<Parameter<N>, "grad"> {
  /** Factors, or a list of arrays and factors. */
  readonly grad: MadeGradient;
}

/** A parameter with arrays of its own, or without. */
export type AnyParameter<N extends string = string> = Parameter<N> | MadeGradientParameter<N> | PlaceholderParameter<N>;

/**
 * A name of a parameter: an editor offers those of the constructor's arguments. Any other is taken too, because
 * `addParamGroup` brings more.
 */
export type ParameterName<N extends string = string> = N | (string & {});

/** A parameter as an optimizer keeps it: read once, checked. */
export interface CheckedParameter extends Omit<Parameter, "data" | "grad"> {
  /** Null: its arrays come with each call. */
  readonly data: FloatArray | null;
  /** As it was given: an array, the object of factors, a list; or null. */
  readonly grad: object | null;
  /** The number type that its elements are computed in. */
  readonly type: NumberType;
  /** The storage of `data`. */
  readonly storage: Storage;
  readonly length: number;
  /** The buffer of `data`, where it is there. An array keeps its buffer for life. */
  readonly dataBuffer: ArrayBufferLike | undefined;
  /** The source of its gradient; null where it has none. */
  readonly source: GradientSource | null;
}

/** A checked parameter with arrays of its own. */
export type PlacedParameter = CheckedParameter & { readonly data: FloatArray };

export const isPlaced = (parameter: CheckedParameter): parameter is PlacedParameter => parameter.data !== null;

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
  /** Read where `data` is null. */
  readonly dtype: unknown;
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
  const isWhole = name !== undefined && (data === null || (data !== undefined && grad !== undefined));
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
  if (data === null) return checkPlaceholder(raw, name);
  const type = checkArray(data, "data", name, checkedData);
  const length = lengthOf(data as FloatArray);
  const own = data as FloatArray;
  const dataBuffer = bufferOf(own);
  const described = shape === undefined ? {} : { shape: checkShape(shape, name, length) };
  const checked = { name, data: own, type, storage: type, length, dataBuffer, ...described };
  if (grad instanceof RawGradient) {
    const source = checkGradient(grad, { name, type, length, shape: described.shape }, checkedGrad);
    return { ...checked, grad: grad.given, source };
  }
  if (grad !== null) checkArrayOf(grad, "gradient", name, type, length, checkedGrad);
  const gradient = grad as FloatArray | null;
  const source = gradient && { array: gradient, storage: type, buffer: bufferOf(gradient) };
  return { ...checked, grad: gradient, source };
}

function checkPlaceholder({ grad = null, shape, dtype = "float32" }: RawParameter, name: string): CheckedParameter {
  if (shape === undefined) {
    const hint = grad === null ? "; null needs a shape beside it, for arrays that come with each call." : ".";
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the data of '${name}' to be a Float32Array or a Float64Array, but it is null${hint}`,
    );
  }
  const type = numberTypes.find((each) => each === dtype);
  if (!type) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the dtype of '${name}' to be "float32" or "float64", but it is ${show(dtype)}.`,
    );
  }
  if (grad !== null) {
    throw new OptimError(
      "ERR_DTYPE",
      `Expected '${name}', whose data is null, to have no gradient of its own, because both come with each call, ` +
        `but its grad is ${show(grad)}.`,
    );
  }
  const length = checkedSize(shape, name);
  const own = Object.freeze(shape) as readonly number[];
  return { name, data: null, grad, type, storage: type, length, dataBuffer: undefined, source: null, shape: own };
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
