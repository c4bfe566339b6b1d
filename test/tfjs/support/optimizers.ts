// The optimizers of TensorFlow.js beside ours, by the arguments of its constructors and the same as options of ours.
import {
  createAdadelta,
  createAdagrad,
  createAdam,
  createMomentum,
  createRMSProp,
  createSGD,
  type TfOptimizer,
  type Write,
} from "../../../lib/tfjs/index.ts";
import { tf } from "./tensorflow.ts";

/** Options of ours beside TensorFlow.js's. */
export interface Extra {
  readonly write?: Write;
  readonly preset?: "tfjs";
}

/** An optimizer, TensorFlow.js's own and ours. */
export interface Pair {
  readonly title: string;
  readonly builtin: () => tf.Optimizer;
  readonly ours: (extra?: Extra) => TfOptimizer;
}

export interface RMSPropRow {
  readonly learningRate: number;
  readonly decay?: number;
  readonly momentum?: number;
  readonly epsilon?: number;
  readonly centered?: boolean;
}

export const rmsprop = (title: string, options: RMSPropRow): Pair => ({
  title,
  builtin: () => {
    const { learningRate, decay, momentum, epsilon, centered } = options;
    return tf.train.rmsprop(learningRate, decay, momentum, epsilon, centered);
  },
  ours: (extra) => createRMSProp(tf, { ...options, ...extra }),
});

export const sgd = (title: string, learningRate: number): Pair => ({
  title,
  builtin: () => tf.train.sgd(learningRate),
  ours: (extra) => createSGD(tf, { learningRate, ...extra }),
});

export const momentum = (title: string, learningRate: number, momentum: number, useNesterov = false): Pair => ({
  title,
  builtin: () => tf.train.momentum(learningRate, momentum, useNesterov),
  ours: (extra) => createMomentum(tf, { learningRate, momentum, useNesterov, ...extra }),
});

export const adagrad = (title: string, learningRate: number, initialAccumulatorValue = 0.1): Pair => ({
  title,
  builtin: () => tf.train.adagrad(learningRate, initialAccumulatorValue),
  ours: (extra) => createAdagrad(tf, { learningRate, initialAccumulatorValue, ...extra }),
});

export const adadelta = (title: string, learningRate = 0.001, rho = 0.95, epsilon?: number): Pair => ({
  title,
  builtin: () => tf.train.adadelta(learningRate, rho, epsilon),
  ours: (extra) => createAdadelta(tf, { learningRate, rho, ...(epsilon ? { epsilon } : {}), ...extra }),
});

export const adam = (title: string, learningRate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon?: number): Pair => ({
  title,
  builtin: () => tf.train.adam(learningRate, beta1, beta2, epsilon),
  ours: (extra) => createAdam(tf, { learningRate, beta1, beta2, ...(epsilon ? { epsilon } : {}), ...extra }),
});
