// What TensorFlow.js's optimizers are compared in: theirs, and the options of ours with the preset `tfjs`.
import type * as tf from "@tensorflow/tfjs-core";

export type Draw = (uniform: () => number) => number;

/** Of both signs, none of them zero. */
export const nonZero: Draw = (uniform) => (uniform() < 0.5 ? -1 : 1) * (0.05 + uniform());
/** Zeros of both signs among them, and sizes of all kinds. */
const any: Draw = (uniform) => {
  const kind = uniform();
  return (2 * uniform() - 1) * (kind < 0.1 ? 0 : kind < 0.15 ? 2 ** -75 : kind < 0.2 ? 1000 : 1);
};

/** Our slots by the last parts of the names of theirs. */
export const slots: Readonly<Record<string, string>> = {
  rms: "squareAvg",
  mg: "gradAvg",
  momentum: "momentumBuffer",
  accumulator: "sum",
  accum_grad: "squareAvg",
  accum_var: "accDelta",
  m: "gradAvg",
  v: "squareAvg",
};

export interface TfjsCase {
  readonly title: string;
  readonly draw: Draw;
  readonly theirs: (train: typeof tf.train) => tf.Optimizer;
  /** The name of ours. */
  readonly optimizer: string;
  readonly options: object;
}

export const cases: readonly TfjsCase[] = [
  { title: "RMSprop", draw: any, theirs: (train) => train.rmsprop(0.01), optimizer: "RMSprop", options: { lr: 0.01 } },
  {
    title: "RMSprop with momentum",
    draw: any,
    theirs: (train) => train.rmsprop(0.003, 0.95, 0.9, 1e-6),
    optimizer: "RMSprop",
    options: { lr: 0.003, alpha: 0.95, momentum: 0.9, eps: 1e-6 },
  },
  {
    title: "RMSprop centered",
    draw: nonZero,
    theirs: (train) => train.rmsprop(0.01, 0.9, 0, undefined, true),
    optimizer: "RMSprop",
    options: { lr: 0.01, centered: true },
  },
  {
    title: "RMSprop centered with momentum",
    draw: nonZero,
    theirs: (train) => train.rmsprop(0.01, 0.9, 0.5, undefined, true),
    optimizer: "RMSprop",
    options: { lr: 0.01, momentum: 0.5, centered: true },
  },
  { title: "SGD", draw: any, theirs: (train) => train.sgd(0.01), optimizer: "SGD", options: { lr: 0.01 } },
  {
    title: "momentum",
    draw: any,
    theirs: (train) => train.momentum(0.01, 0.9),
    optimizer: "SGD",
    options: { lr: 0.01, momentum: 0.9 },
  },
  {
    title: "Nesterov's momentum",
    draw: any,
    theirs: (train) => train.momentum(0.01, 0.9, true),
    optimizer: "SGD",
    options: { lr: 0.01, momentum: 0.9, nesterov: true },
  },
  { title: "Adagrad", draw: any, theirs: (train) => train.adagrad(0.01), optimizer: "Adagrad", options: { lr: 0.01 } },
  {
    title: "Adagrad from 1",
    draw: any,
    theirs: (train) => train.adagrad(0.3, 1),
    optimizer: "Adagrad",
    options: { lr: 0.3, initialAccumulator: 1 },
  },
  { title: "Adadelta", draw: any, theirs: (train) => train.adadelta(), optimizer: "Adadelta", options: {} },
  {
    title: "Adadelta with its own lr, rho and eps",
    draw: any,
    theirs: (train) => train.adadelta(0.3, 0.9, 1e-5),
    optimizer: "Adadelta",
    options: { lr: 0.3, rho: 0.9, eps: 1e-5 },
  },
  { title: "Adam", draw: any, theirs: (train) => train.adam(), optimizer: "Adam", options: {} },
  {
    title: "Adam with its own lr, betas and eps",
    draw: any,
    theirs: (train) => train.adam(0.01, 0.5, 0.9, 1e-5),
    optimizer: "Adam",
    options: { lr: 0.01, beta1: 0.5, beta2: 0.9, eps: 1e-5 },
  },
];
