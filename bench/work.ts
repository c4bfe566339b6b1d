import * as library from "rmsprop";
import { allocate, backend, type FloatArray, type Optimizer, type Parameter } from "rmsprop";
import type { Case } from "./case.ts";

/** Says that something which was to be measured is not there; the report names it. */
export class Missing extends Error {}

/** One parameter with everything that a step of it reads and writes. */
export interface Streams {
  readonly param: FloatArray;
  readonly grad: FloatArray;
  readonly slots: Readonly<Record<string, FloatArray>>;
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

export function makeWork(of: Case): Work {
  const Class = optimizerClass(of.optimizer);
  const model = of.memory === "apart" ? allocateApart(of) : allocateLike(of);
  const parameters: readonly Parameter[] = model.parameters;
  const optimizer = new Class(parameters, of.options);
  const arrays = parameters.map(({ name, data, grad }, i) => {
    const { step, ...slots } = optimizer.state(name);
    fill(data, 2 * i + 1);
    if (of.values !== "subnormal") fill(grad as FloatArray, 2 * i + 2);
    else fillSubnormal(slots["squareAvg"] as FloatArray);
    return { param: data, grad: grad as FloatArray, slots: slots as Record<string, FloatArray> };
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
