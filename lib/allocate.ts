import "./disposable.ts";
import type { Backend } from "./backends/backend.ts";
import { currentBackend } from "./backends/current.ts";
import { OptimError, show } from "./errors.ts";
import { isEngineError } from "./host.ts";
import { alignment, allocateMemory, checkIdle, type Place, releaseMemory } from "./memory.ts";
import { boolean, defaultsOf, type OptionTable, readOptions } from "./options.ts";
import { noteMade, type Parameter, showShape, sizeOf } from "./parameter.ts";
import { bytesPerElement, type FloatArray, type NumberType } from "./typed-array.ts";
import { isRecord } from "./values.ts";

/** Zeroed arrays in one run of memory, each aligned to 64 bytes. */
export interface ArrayRun {
  readonly buffer: ArrayBufferLike;
  readonly arrays: readonly FloatArray[];
}

/** How far apart rows begin that steps read side by side, modulo any power of two. */
interface Stagger {
  /** The shortest rows that it is for, in bytes. */
  readonly from: number;
  /** In bytes. */
  readonly distance: number;
  /** The rows after which the next begins where the first did. */
  readonly places: number;
}

/**
 * Where rows begin alike, they fall into the same sets of the caches and banks of the memory: on an EPYC (Zen 4) steps over
 * 2^26 elements took 2.2 times as long with three arrays, 3.5 times with five; of 7 distances the first was the best there.
 * Where one begins a line or two behind another modulo a page, loads wait for stores that they have nothing to do with: up
 * to 3 times as long for five arrays in cache, on avx512. There the distance has to keep rows apart within a page.
 */
const staggers: readonly Stagger[] = [
  { from: 2 ** 22, distance: 17_472, places: 16 },
  { from: 2 ** 14, distance: 704, places: 6 },
];
const unstaggered: Stagger = { from: 0, distance: 0, places: 1 };
let rowsBegun = 0;

/**
 * @param lengths In elements.
 * @param shared Asks for a SharedArrayBuffer.
 * @param rowLength How many arrays follow one another in a row; other rows are read beside it. Default: all.
 * @param inner Whether no program sees the arrays until `exposeMemory`. Default false.
 * @throws OptimError ERR_MEMORY.
 */
export function allocateRun(
  backend: Backend,
  lengths: readonly number[],
  type: NumberType,
  shared = false,
  rowLength = lengths.length,
  inner = false,
): ArrayRun {
  const sizes = lengths.map((length) => Math.ceil((length * bytesPerElement[type]) / alignment) * alignment);
  const rows = sizes.length / rowLength;
  const rowBytes = sizes.reduce((sum, size) => sum + size, 0) / rows;
  const { distance, places } = staggers.find(({ from }) => rowBytes >= from) ?? unstaggered;
  const offsets: number[] = [];
  let bytes = (rowsBegun % places) * distance;
  sizes.forEach((size, i) => {
    if (i > 0 && i % rowLength === 0) bytes += distance;
    offsets.push(bytes);
    bytes += size;
  });
  if (distance > 0) rowsBegun += rows;
  const place =
    bytes === 0
      ? { buffer: shared ? new SharedArrayBuffer(0) : new ArrayBuffer(0), byteOffset: 0 }
      : Number.isSafeInteger(bytes)
        ? allocateMemory(backend, bytes, shared, inner)
        : undefined;
  const views = place && viewsOf(place, type, offsets, lengths);
  if (!views) {
    if (place) releaseMemory(backend, place.buffer);
    throw new OptimError("ERR_MEMORY", `Not enough memory for ${bytes} bytes.`);
  }
  return { buffer: place.buffer, arrays: views };
}

function viewsOf(
  { buffer, byteOffset }: Place,
  type: NumberType,
  offsets: readonly number[],
  lengths: readonly number[],
): FloatArray[] | undefined {
  const ArrayType = type === "float64" ? Float64Array : Float32Array;
  try {
    return offsets.map((offset, i) => new ArrayType(buffer as ArrayBuffer, byteOffset + offset, lengths[i]));
  } catch (error) {
    if (!isEngineError(error, "RangeError")) throw error;
    return undefined; // longer than the runtime lets a typed array be
  }
}

/** Gives the memory of a run back; its arrays have length 0 afterwards. */
export function releaseRun(backend: Backend, run: ArrayRun): void {
  releaseMemory(backend, run.buffer);
}

/** A frozen object of values by name. `Object.fromEntries` takes 20 ms over a thousand names, this takes one. */
function frozenOf<V>(names: readonly string[], values: readonly V[]): Readonly<Record<string, V>> {
  const object: Record<string, V> = {};
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = values[i] as V;
    // What every object has, "__proto__" among it, is not there to be assigned to.
    if (name in object) Object.defineProperty(object, name, { value, enumerable: true });
    else object[name] = value;
  }
  return Object.freeze(object);
}

/**
 * The shape of each parameter by name: a list of its dimensions, outermost first, each a whole number of 0 or more. Elements
 * lie in row order: that of row `i` and column `j` of a shape `[rows, columns]` has the index `i * columns + j`.
 */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** What `allocate` takes beside the shapes. */
export interface AllocateOptions<D extends NumberType = NumberType> {
  /** The number type of the arrays. Default "float32". */
  dtype?: D;
  /**
   * Puts the arrays in SharedArrayBuffers, which several worker threads can have: hand them `{ params, grads }`, not the
   * model, which has functions. Without it a worker gets copies. Default false.
   */
  shared?: boolean;
}

const optionTable: OptionTable = {
  dtype: {
    default: "float32",
    domain: '"float32" or "float64"',
    words: ["float32", "float64"],
    accepts: (value) => value === "float32" || value === "float64",
  },
  shared: boolean(false),
};

/** Parameters and gradients of a model, each in one run of memory. */
export interface Model<N extends string = string, A extends FloatArray = FloatArray> {
  /** The values by name, flat and in row order: views of one run of memory. They begin as zeros. */
  readonly params: { readonly [name in N]: A };
  /** The gradients by name, of the same lengths, for your backward pass to write. They begin as zeros. */
  readonly grads: { readonly [name in N]: A };
  /** The same, as an optimizer takes them, in the order of the shapes. */
  readonly parameters: readonly (Parameter<N> & { readonly shape: readonly number[] })[];
  /**
   * Gives the memory back at once. The views are detached, unless they are shared; a later step over them gets
   * ERR_DETACHED.
   * @throws OptimError ERR_STEP_IN_FLIGHT while a `stepAsync` works on them.
   */
  dispose(): void;
  /** The same as `dispose()`, for `using`. */
  [Symbol.dispose](): void;
}

/**
 * Makes zeroed arrays that steps run fastest on: 64-byte aligned, outside the JavaScript heap, counted towards its external
 * memory, given back when the last view is collected or at `dispose()`. What a worker thread has not given back when it
 * ends is kept until the process ends, because another thread may have got it meanwhile. Where the runtime forbids such
 * memory, they are in SharedArrayBuffers.
 *
 * @param shapes For example `{ w1: [784, 128], b1: [128] }`. The shape `[]` is one element.
 * @param options The number type of the arrays, and whether worker threads can share them.
 * @throws OptimError ERR_LENGTH for a shape that is none, ERR_OPTION, ERR_MEMORY.
 * @example
 * ```js
 * import { allocate } from "rmsprop";
 *
 * const model = allocate({ weights: [2, 3], bias: [3] });
 * model.params.weights.set([1, 2, 3, 4, 5, 6]); // rows 1 2 3 and 4 5 6
 * console.log(model.params.weights.length, model.grads.bias.length); // 6 3
 * console.log(model.parameters[0].name, model.parameters[0].shape); // weights [ 2, 3 ]
 * model.dispose();
 * ```
 */
export function allocate<const S extends Shapes>(
  shapes: S,
  options?: AllocateOptions<"float32">,
): Model<keyof S & string, Float32Array>;
export function allocate<const S extends Shapes>(
  shapes: S,
  options: AllocateOptions<"float64">,
): Model<keyof S & string, Float64Array>;
export function allocate<const S extends Shapes>(
  shapes: S,
  options?: AllocateOptions,
): Model<keyof S & string, FloatArray>;
export function allocate(shapes: Shapes, options?: AllocateOptions): Model {
  const { dtype, shared } = readOptions(
    optionTable,
    defaultsOf<Required<AllocateOptions>>(optionTable),
    options,
    "allocate",
  );
  if (shared && !("SharedArrayBuffer" in globalThis)) {
    throw new OptimError(
      "ERR_OPTION",
      "Expected shared memory to be there for shared: true, but this page is not isolated from others, so it has none.",
    );
  }
  if (!isRecord(shapes)) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected the shapes to be an object from name to shape, but it is ${show(shapes)}.`,
    );
  }
  const names = Object.keys(shapes);
  const copies: (readonly number[])[] = [];
  // No pairs of name and shape, and nothing destructured: a new process would spend its time on collecting such objects.
  const lengths = names.map((name) => {
    const shape: unknown = shapes[name];
    const copy: unknown = Array.isArray(shape) ? Object.freeze([...shape]) : shape;
    const length = Array.isArray(copy) ? sizeOf(copy) : Number.NaN;
    if (Number.isNaN(length)) {
      throw new OptimError(
        "ERR_LENGTH",
        `Expected the shape of '${name}' to be an array of whole numbers of 0 or more, but it is ${showShape(copy)}.`,
      );
    }
    copies.push(copy as readonly number[]);
    return length;
  });

  const backend = currentBackend();
  const params = allocateRun(backend, lengths, dtype, shared);
  let grads: ArrayRun;
  try {
    grads = allocateRun(backend, lengths, dtype, shared);
  } catch (error) {
    releaseRun(backend, params);
    throw error;
  }

  const parameters = names.map((name, i) =>
    Object.freeze({
      name,
      data: params.arrays[i] as FloatArray,
      grad: grads.arrays[i] as FloatArray,
      shape: copies[i] as readonly number[],
    }),
  );
  Object.freeze(parameters);
  noteMade({ parameters, type: dtype, lengths, dataBuffer: params.buffer, gradBuffer: grads.buffer });
  const dispose = () => {
    checkIdle(params.buffer);
    checkIdle(grads.buffer);
    releaseRun(backend, params);
    releaseRun(backend, grads);
  };
  return Object.freeze({
    params: frozenOf(names, params.arrays),
    grads: frozenOf(names, grads.arrays),
    parameters,
    dispose,
    [Symbol.dispose]: dispose,
  });
}
