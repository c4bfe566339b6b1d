// TensorFlow.js's optimizers and ours beside each other.
import { afterEach, beforeAll, beforeEach } from "vitest";
import {
  createAdadelta,
  createAdagrad,
  createAdam,
  createMomentum,
  createRMSProp,
  createSGD,
  type TfOptimizer,
} from "../../../lib/tfjs/index.ts";
import type { NamedTensor } from "../../../lib/tfjs/tensorflow.ts";
import { values } from "../../support/arrays.ts";
import { tf } from "./tensorflow.ts";

export { backendNames as backends, tf } from "./tensorflow.ts";

export interface Pair {
  readonly title: string;
  readonly theirs: () => tf.Optimizer;
  readonly ours: () => TfOptimizer;
  /** The ends of its weights' names. */
  readonly suffixes: readonly string[];
}

/** Each optimizer of TensorFlow.js that ours stands for, with ours. */
export const pairs: readonly Pair[] = [
  {
    title: "RMSProp",
    theirs: () => tf.train.rmsprop(0.01),
    ours: () => createRMSProp(tf, { learningRate: 0.01 }),
    suffixes: ["rms", "momentum"],
  },
  {
    title: "RMSProp with momentum",
    theirs: () => tf.train.rmsprop(0.003, 0.95, 0.9, 1e-6),
    ours: () => createRMSProp(tf, { learningRate: 0.003, decay: 0.95, momentum: 0.9, epsilon: 1e-6 }),
    suffixes: ["rms", "momentum"],
  },
  {
    title: "RMSProp centered",
    theirs: () => tf.train.rmsprop(0.01, 0.9, 0.5, 1e-16, true),
    ours: () =>
      createRMSProp(tf, {
        learningRate: 0.01,
        decay: 0.9,
        momentum: 0.5,
        epsilon: 1e-16,
        centered: true,
        preset: "tfjs",
      }),
    suffixes: ["rms", "momentum", "mg"],
  },
  { title: "SGD", theirs: () => tf.train.sgd(0.01), ours: () => createSGD(tf, { learningRate: 0.01 }), suffixes: [] },
  {
    title: "Momentum",
    theirs: () => tf.train.momentum(0.01, 0.9),
    ours: () => createMomentum(tf, { learningRate: 0.01, momentum: 0.9 }),
    suffixes: ["momentum"],
  },
  {
    title: "Momentum, Nesterov's",
    theirs: () => tf.train.momentum(0.01, 0.9, true),
    ours: () => createMomentum(tf, { learningRate: 0.01, momentum: 0.9, useNesterov: true }),
    suffixes: ["momentum"],
  },
  {
    title: "Adagrad",
    theirs: () => tf.train.adagrad(0.05, 0.2),
    ours: () => createAdagrad(tf, { learningRate: 0.05, initialAccumulatorValue: 0.2 }),
    suffixes: ["accumulator"],
  },
  {
    title: "Adadelta",
    theirs: () => tf.train.adadelta(0.5, 0.9),
    ours: () => createAdadelta(tf, { learningRate: 0.5, rho: 0.9 }),
    suffixes: ["accum_grad", "accum_var"],
  },
  {
    title: "Adam",
    theirs: () => tf.train.adam(0.01),
    ours: () => createAdam(tf, { learningRate: 0.01 }),
    suffixes: ["m", "v"],
  },
];

/** Shapes of the variables that are stepped. */
export const shapes = [[3, 4], [5], []] as const;
export type Shape = readonly number[];

export const lengthOfShape = (shape: Shape) => shape.reduce((product, size) => product * size, 1);

/** Values of a seed in a shape. */
export const tensorOf = (shape: Shape, seed: number) =>
  tf.tensor(values("float32", lengthOfShape(shape), seed) as Float32Array, [...shape]);

/** Variables named `x/0`, `x/1`, …, by the name's beginning. */
export const variablesOf = (prefix: string, given: readonly Shape[] = shapes): tf.Variable[] =>
  given.map((shape, i) => tf.variable(tensorOf(shape, i + 1), true, `${prefix}/${i}`));

/** Steps by gradients that depend on the step and on a variable's place alone. */
export function stepAll(
  optimizer: tf.Optimizer,
  variables: readonly tf.Variable[],
  from: number,
  to: number,
  firstPlace = 0,
): void {
  for (let step = from; step <= to; step++) {
    const gradients = variables.map(({ name, shape }, i) => ({
      name,
      tensor: tensorOf(shape, 100 * step + firstPlace + i),
    }));
    optimizer.applyGradients(gradients);
    tf.dispose(gradients.map(({ tensor }) => tensor));
  }
}

/** The values of tensors, copied. */
export const valuesOf = (tensors: readonly tf.Tensor[]): (Float32Array | Int32Array)[] =>
  tensors.map((tensor) => (tensor.dataSync() as Float32Array | Int32Array).slice());

/** Weights as they are saved: names, shapes and values, without the tensors. */
export const saved = (weights: readonly NamedTensor[]) =>
  weights.map(({ name, tensor }) => ({
    name,
    shape: tensor.shape,
    dtype: tensor.dtype,
    values: (tensor.dataSync() as Float32Array | Int32Array).slice(),
  }));

export type Saved = ReturnType<typeof saved>;

/** Sets weights, and disposes the tensors, as TensorFlow.js's layers do. */
export async function load(optimizer: tf.Optimizer, weights: Saved): Promise<void> {
  const tensors = weights.map(({ name, shape, dtype, values }) => ({
    name,
    tensor: tf.tensor(values, [...shape], dtype as "float32"),
  }));
  await optimizer.setWeights(tensors);
  tf.dispose(tensors.map(({ tensor }) => tensor));
}

export const namesOf = (weights: Saved) => weights.map(({ name }) => name);

/** Weights under the names of variables with another beginning. */
export const renamed = (weights: Saved, from: string, to: string): Saved =>
  weights.map((weight) => ({ ...weight, name: weight.name.replace(`${from}/`, `${to}/`) }));

/** Has the tests of a block run on a backend, each in a scope of its own that takes its tensors and variables with it. */
export function useBackendInScopes(backend: string): void {
  beforeAll(async () => {
    await tf.setBackend(backend);
  });
  beforeEach(() => tf.engine().startScope());
  afterEach(() => {
    tf.disposeVariables();
    tf.engine().endScope();
  });
}
