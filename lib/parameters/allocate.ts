import "../disposable.ts";
import { currentBackend } from "../backends/current.ts";
import { maxParts } from "../backends/limits.ts";
import { OptimError } from "../errors.ts";
import { type ArrayBlock, allocateBlock, releaseBlock } from "../memory/block.ts";
import { checkIdle } from "../memory/memory.ts";
import { type FloatArray, type NumberType, numberTypes } from "../numbers/typed-array.ts";
import { boolean, defaultsOf, type OptionTable, readOptions } from "../options/option.ts";
import { show } from "../values/show.ts";
import { isRecord } from "../values/values.ts";
import { noteMade } from "./made.ts";
import type { MadeGradientParameter, Parameter } from "./parameter.ts";
import { checkNoTeam, noteReplicated } from "./replicated.ts";
import { showShape, sizeOf } from "./shape.ts";

/** A frozen object of values by name. `Object.fromEntries` takes 20 ms over a thousand names, this takes one. */
function frozenOf<V>(names: readonly string[], values: readonly V[]): Readonly<Record<string, V>> {
  const object: Record<string, V> = {};
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = values[i] as V;
    // Assigning to a name that every object has, such as "__proto__", would make no property.
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

/** Options of `allocate`. */
export interface AllocateOptions<D extends NumberType = NumberType> {
  /** The number type of the arrays. Default "float32". */
  dtype?: D;
  /**
   * Puts the arrays in SharedArrayBuffers, which several worker threads can have: hand them `{ params, grads }`, not the
   * model, which has functions. Without it a worker gets copies. Default false.
   */
  shared?: boolean;
}

/** Options of `allocate` for gradients that several workers compute. */
export interface ReplicatedOptions<D extends NumberType = NumberType> extends AllocateOptions<D> {
  /**
   * The number of arrays of each gradient, from 1 to 64: one for each worker. A step takes their sum, added in a balanced
   * tree, the largest power of two below their number on the left: (0 + 1) + 2, (0 + 1) + (2 + 3).
   */
  replicas: number;
}

const optionTable: OptionTable = {
  dtype: {
    default: "float32",
    domain: '"float32" or "float64"',
    words: numberTypes,
    accepts: (value) => numberTypes.includes(value as NumberType),
  },
  shared: boolean(false),
  replicas: {
    default: 0,
    domain: `a whole number from 1 to ${maxParts}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maxParts,
  },
};

/** All options, with 0 for `replicas` where it is not given. */
type ReadOptions = Required<ReplicatedOptions>;

/** Parameters and gradients of a model, each in one block of memory. */
export interface Model<N extends string = string, A extends FloatArray = FloatArray> {
  /** The values by name, flat and in row order: views of one block of memory. They begin as zeros. */
  readonly params: { readonly [name in N]: A };
  /** The gradients by name, of the same lengths, for your backward pass to write. They begin as zeros. */
  readonly grads: { readonly [name in N]: A };
  /** The same, as an optimizer takes them, in the order of the shapes. */
  readonly parameters: readonly (Parameter<N> & { readonly shape: readonly number[] })[];
  /**
   * Gives the memory back at once. The views are detached, unless they are shared; a later step over them gets
   * ERR_DETACHED.
   * @throws OptimError ERR_STEP_IN_FLIGHT while a `stepAsync` or a team works on them.
   */
  dispose(): void;
  /** The same as `dispose()`, for `using`. */
  [Symbol.dispose](): void;
}

/** The gradients of a model that one worker computes; no other worker, and no step but by `zeroGrads`, writes them. */
export interface Replica<N extends string = string, A extends FloatArray = FloatArray> {
  /** By name, as the model's own. */
  readonly grads: { readonly [name in N]: A };
}

/**
 * A model with several arrays of each gradient, one for each worker. A step takes their sum, or their mean while a team of
 * `rmsprop/workers` is open over it. `zeroGrad()` and the option `zeroGrads` set all of them to zero.
 * @example
 * ```js
 * import { SGD, allocate } from "rmsprop";
 *
 * const model = allocate({ w: [2] }, { shared: true, replicas: 2 });
 * const optimizer = new SGD(model.parameters, { lr: 1, zeroGrads: true });
 * model.replicas[0].grads.w.set([1, 2]); // each worker writes its own
 * model.replicas[1].grads.w.set([10, 20]);
 * optimizer.step();
 * console.log(model.params.w, model.replicas[1].grads.w); // Float32Array(2) [ -11, -22 ] Float32Array(2) [ 0, 0 ]
 * ```
 */
export interface ReplicatedModel<N extends string = string, A extends FloatArray = FloatArray>
  extends Omit<Model<N, A>, "parameters"> {
  /** The parameters, as an optimizer takes them: the gradient of each is the list of its arrays. */
  readonly parameters: readonly (MadeGradientParameter<N> & { readonly shape: readonly number[] })[];
  /** One for each worker; the first one's gradients are the model's own. */
  readonly replicas: readonly Replica<N, A>[];
}

/**
 * Makes zeroed arrays that steps run fastest on: 64-byte aligned, outside the JavaScript heap, counted towards its
 * external memory, given back when the last view is collected or at `dispose()`. Arrays that a worker thread has not
 * given back when it ends stay until the process ends, because another thread may have got them meanwhile. Where the
 * runtime forbids such memory, arrays are in SharedArrayBuffers.
 *
 * @param shapes For example `{ w1: [784, 128], b1: [128] }`. The shape `[]` is one element.
 * @param options The number type of the arrays, and whether worker threads can share them.
 * @throws OptimError ERR_LENGTH for a dimension that is no whole number of 0 or more, ERR_OPTION, ERR_MEMORY.
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
  options: ReplicatedOptions<"float32">,
): ReplicatedModel<keyof S & string, Float32Array>;

export function allocate<const S extends Shapes>(
  shapes: S,
  options: ReplicatedOptions<"float64">,
): ReplicatedModel<keyof S & string, Float64Array>;

export function allocate<const S extends Shapes>(
  shapes: S,
  options: ReplicatedOptions,
): ReplicatedModel<keyof S & string, FloatArray>;

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

export function allocate(shapes: Shapes, options?: AllocateOptions | ReplicatedOptions): Model | ReplicatedModel {
  const { dtype, shared, replicas } = readOptions(
    optionTable,
    defaultsOf<ReadOptions>(optionTable),
    options,
    "allocate",
  );
  if (shared && !("SharedArrayBuffer" in globalThis)) {
    throw new OptimError(
      "ERR_OPTION",
      "Expected a page with shared memory for shared: true, but this page is not isolated from others, so it has none. It takes the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.",
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
  // No pairs of name and shape, and no destructuring: a new process would spend its time collecting such objects.
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
  const params = allocateBlock(backend, lengths, dtype, shared);
  const blocks: ArrayBlock[] = [params];
  try {
    for (let i = 0; i < Math.max(replicas, 1); i++) blocks.push(allocateBlock(backend, lengths, dtype, shared));
  } catch (error) {
    for (const block of blocks) releaseBlock(backend, block);
    throw error;
  }
  const [, ...all] = blocks;
  const [grads] = all as [ArrayBlock];

  const parameters = names.map((name, i) =>
    Object.freeze({
      name,
      data: params.arrays[i] as FloatArray,
      grad: replicas === 0 ? grads.arrays[i] : Object.freeze(all.map(({ arrays }) => arrays[i])),
      shape: copies[i] as readonly number[],
    }),
  );
  Object.freeze(parameters);
  if (replicas === 0) {
    const known = { type: dtype, lengths, dataBuffer: params.buffer, gradBuffer: grads.buffer };
    noteMade({ parameters: parameters as readonly Parameter[], ...known });
  }
  const dispose = () => {
    checkNoTeam(model);
    for (const { buffer } of blocks) checkIdle(buffer);
    for (const block of blocks) releaseBlock(backend, block);
  };
  const named = all.map(({ arrays }) => frozenOf(names, arrays));
  const model = Object.freeze({
    params: frozenOf(names, params.arrays),
    grads: named[0],
    ...(replicas > 0 && { replicas: Object.freeze(named.map((each) => Object.freeze({ grads: each }))) }),
    parameters,
    dispose,
    [Symbol.dispose]: dispose,
  }) as Model | ReplicatedModel;
  if (replicas > 0) noteReplicated(model);
  return model;
}
