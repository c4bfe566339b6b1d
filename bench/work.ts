import * as library from "rmsprop";
import { allocate, backend, type FloatArray, type Optimizer, type Parameter } from "rmsprop";
import type { Case } from "./case.ts";

/** Says that something which was to be measured is not there; the report names it. */
export class Missing extends Error {}

/** Factors of a gradient. */
export interface FactorArrays {
  readonly x: FloatArray;
  readonly y: FloatArray;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
}

/** One parameter with everything that a step of it reads and writes. */
export interface Streams {
  readonly param: FloatArray;
  readonly grad: FloatArray;
  readonly slots: Readonly<Record<string, FloatArray>>;
  /** Where the library makes the gradient in the step: what of. `grad` is that gradient, formed. */
  readonly factors?: FactorArrays;
  /** Where the library adds gradients in the step: all of them. `grad` is the first; the others are zeros. */
  readonly replicas?: readonly FloatArray[];
}

/** The arrays of a case. All contenders of a process step the same ones, so that none has the better pages. */
export interface Work {
  readonly case: Case;
  readonly optimizer: Optimizer<object>;
  readonly arrays: readonly Streams[];
  readonly first: Streams;
  readonly threads: number;
  readonly isa: string;
  dispose(): void;
}

type OptimizerClass = new (params: readonly Parameter[], options: object) => Optimizer<object>;

export function optimizerClass(name: string): OptimizerClass {
  const found = (library as Readonly<Record<string, unknown>>)[name];
  if (typeof found !== "function") throw new Missing(`the library has no ${name} yet`);
  return found as OptimizerClass;
}

/** Arrays as `allocate` gives them, for the case's parameters. */
export function allocateLike({ arrays, size, type }: Case) {
  const shapes = Object.fromEntries(Array.from({ length: arrays }, (_, i) => [`p${i}`, [size]]));
  return type === "float64" ? allocate(shapes, { dtype: "float64" }) : allocate(shapes);
}

/**
 * Fills an array with numbers that look random, are the same on every machine, and keep away from zero, so that no mean
 * square becomes subnormal: of either sign, from 0.5 to 1.5 in size.
 */
function fill(array: FloatArray, seed: number): void {
  for (let i = 0; i < array.length; i++) {
    const bits = Math.imul(i + seed, 2654435761) >>> 0;
    const size = 0.5 + bits / 2 ** 32;
    array[i] = bits & 256 ? size : -size;
  }
}

/** Arrays each in a buffer of its own. */
function allocateApart({ arrays, size, type }: Case) {
  const make = () => (type === "float64" ? new Float64Array(size) : new Float32Array(size));
  const parameters = Array.from({ length: arrays }, (_, i) => ({ name: `p${i}`, data: make(), grad: make() }));
  return { parameters, dispose() {} };
}

/** The least positive number of each type, times up to 32: where alpha is 0.99, a mean square stays as it is there. */
function fillSubnormal(array: FloatArray): void {
  const least = array instanceof Float64Array ? 2 ** -1074 : 2 ** -149;
  for (let i = 0; i < array.length; i++) array[i] = least * (1 + (i % 32));
}

/** What a case's gradients are made of, as the library takes it. */
function sourceOf(of: Case, grad: FloatArray): Pick<Streams, "factors" | "replicas"> & { readonly given: unknown } {
  const { source } = of;
  if (!source) return { given: grad };
  const arrays = (sizes: readonly number[]) =>
    Object.values(allocate(Object.fromEntries(sizes.map((size, i) => [`a${i}`, [size]]))).params);
  if ("replicas" in source) {
    const others = arrays(Array(source.replicas - 1).fill(grad.length));
    for (const other of others) other.fill(0);
    const replicas = [grad, ...others];
    return { given: replicas, replicas };
  }
  const { rows, columns, batch } = source;
  const [x, y] = arrays([batch * rows, batch * columns]) as [FloatArray, FloatArray];
  fill(x, 3);
  fill(y, 4);
  for (let at = 0; at < grad.length; at++) {
    let sum = 0;
    for (let b = 0; b < batch; b++) {
      const product = (x[b * rows + Math.floor(at / columns)] as number) * (y[b * columns + (at % columns)] as number);
      sum = Math.fround(sum + Math.fround(product));
    }
    grad[at] = sum;
  }
  return { given: { x, y, batch }, factors: { x, y, batch, rows, columns } };
}

export function makeWork(of: Case): Work {
  const Class = optimizerClass(of.optimizer);
  const model = of.memory === "apart" ? allocateApart(of) : allocateLike(of);
  const shape = of.source && "rows" in of.source ? { shape: [of.source.rows, of.source.columns] } : {};
  const sources = model.parameters.map(({ data, grad }, i) => {
    fill(data, 2 * i + 1);
    if (of.values !== "subnormal") fill(grad as FloatArray, 2 * i + 2);
    return sourceOf(of, grad as FloatArray);
  });
  // As `allocate` gave them where nothing is made: that is what the library knows at once.
  const parameters = of.source
    ? model.parameters.map((parameter, i) => ({ ...parameter, ...shape, grad: sources[i]?.given as FloatArray }))
    : (model.parameters as readonly Parameter[]);
  const optimizer = new Class(parameters, of.options);
  const arrays = model.parameters.map(({ name, data, grad }, i): Streams => {
    const { step, ...slots } = optimizer.state(name);
    if (of.values === "subnormal") fillSubnormal(slots["squareAvg"] as FloatArray);
    const { given, ...source } = sources[i] as ReturnType<typeof sourceOf>;
    return { param: data, grad: grad as FloatArray, slots: slots as Record<string, FloatArray>, ...source };
  });
  return {
    case: of,
    optimizer,
    arrays,
    first: arrays[0] as Streams,
    threads: backend.threads,
    isa: backend.isa,
    dispose() {
      optimizer.dispose();
      model.dispose();
    },
  };
}
