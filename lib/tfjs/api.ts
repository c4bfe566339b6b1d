// The exports of `rmsprop/tfjs`.
import type {
  AdadeltaOptions,
  AdagradOptions,
  AdamOptions,
  AdamWOptions,
  OptimizerOptions,
  RMSpropOptions,
  RpropOptions,
  SGDOptions,
} from "../api.ts";
import { OptimError } from "../errors.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import { show } from "../values/show.ts";
import { isRecord } from "../values/values.ts";
import type { KindName } from "./kinds.ts";
import { classesFor, type TfMomentumOptimizer, type TfOptimizer } from "./optimizer.ts";
import type { Write } from "./options.ts";
import type { TensorFlow } from "./tensorflow.ts";

export type { TfMomentumOptimizer, TfOptimizer } from "./optimizer.ts";
export type { Write } from "./options.ts";
export type { TensorFlow } from "./tensorflow.ts";

/** The options that an optimizer of `rmsprop` has and TensorFlow.js's has not, but for those that it has by another name. */
type Beside<O, Renamed extends keyof O> = Omit<O & OptimizerOptions, Renamed | "lr" | "zeroGrads" | "lossScale">;

/** Options of every optimizer for TensorFlow.js. */
export interface CommonTfOptions {
  /** Learning rate: a number of 0 or more, a function of the step, which counts from 1, or a schedule. */
  learningRate: LearningRate;
  /**
   * How variables get their values: "replace" puts them into new tensors, as TensorFlow.js's own optimizers do; "inPlace"
   * writes them where they lie, unless something else has that memory too. Default "auto": in place on the wasm backend,
   * new tensors on others. In place on the cpu backend, arrays that `dataSync()` gave and those that tensors were made from
   * change with the variables.
   */
  write?: Write;
}

/** Options of `createRMSProp`: TensorFlow.js's, and beside them those of `RMSprop`. */
export interface TfRMSPropOptions
  extends CommonTfOptions,
    Beside<RMSpropOptions, "alpha" | "eps" | "momentum" | "centered"> {
  /** Decay of the moving average of squared gradients. Default 0.9. */
  decay?: number;
  /** Decay of the momentum buffer. Default 0. */
  momentum?: number;
  /** Added under the root. Default that of the backend, 1e-7. */
  epsilon?: number;
  /** Divides by the standard deviation of gradients. Default false. Where TensorFlow.js's makes NaN, this makes none. */
  centered?: boolean;
}

/** Options of `createSGD`. */
export interface TfSGDOptions extends CommonTfOptions, Beside<SGDOptions, never> {}

/** Options of `createMomentum`. */
export interface TfMomentumOptions extends CommonTfOptions, Beside<SGDOptions, "momentum" | "nesterov"> {
  /** Decay of the momentum buffer. */
  momentum: number;
  /** Looks ahead by Nesterov's formula. Default false. */
  useNesterov?: boolean;
}

/** Options of `createAdagrad`. */
export interface TfAdagradOptions extends CommonTfOptions, Beside<AdagradOptions, "initialAccumulator" | "eps"> {
  /** The value that accumulators begin with. Default 0.1. */
  initialAccumulatorValue?: number;
  /** Added under the root. Default that of the backend, 1e-7. */
  epsilon?: number;
}

/** Options of `createAdadelta`. */
export interface TfAdadeltaOptions extends Partial<CommonTfOptions>, Beside<AdadeltaOptions, "rho" | "eps"> {
  /** Decay of both moving averages. Default 0.95. */
  rho?: number;
  /** Added under both roots. Default that of the backend, 1e-7. */
  epsilon?: number;
}

/** Options of `createAdam`. The learning rate's default is 0.001. */
export interface TfAdamOptions extends Partial<CommonTfOptions>, Beside<AdamOptions, "beta1" | "beta2" | "eps"> {
  /** Decay of the moving average of gradients. Default 0.9. */
  beta1?: number;
  /** Decay of the moving average of squared gradients. Default 0.999. */
  beta2?: number;
  /** Added to the root. Default that of the backend, 1e-7. */
  epsilon?: number;
}

/** Options of `createAdamW`. The learning rate's default is 0.001. */
export interface TfAdamWOptions extends Partial<CommonTfOptions>, Beside<AdamWOptions, "beta1" | "beta2" | "eps"> {
  /** Decay of the moving average of gradients. Default 0.9. */
  beta1?: number;
  /** Decay of the moving average of squared gradients. Default 0.999. */
  beta2?: number;
  /** Added to the root. Default that of the backend, 1e-7. */
  epsilon?: number;
}

/** Options of `createRprop`. The learning rate's default, the first step size, is 0.01. */
export interface TfRpropOptions extends Partial<CommonTfOptions>, Beside<RpropOptions, never> {}

/** @throws OptimError ERR_OPTION where something else stands in TensorFlow.js's place. */
function checkTensorFlow(tf: unknown, call: string): void {
  const { Optimizer, engine } = (tf ?? {}) as Partial<TensorFlow>;
  if (typeof Optimizer === "function" && typeof engine === "function") return;
  throw new OptimError(
    "ERR_OPTION",
    `Expected TensorFlow.js as the program imports it, ${call}, but the first argument is ${show(tf)}.`,
  );
}

function create(tf: TensorFlow, kind: KindName, options: object): TfMomentumOptimizer {
  checkTensorFlow(tf, `create${kind}(tf, { … })`);
  if (options !== undefined && !isRecord(options)) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected options by their names, create${kind}(tf, { learningRate: 0.01 }), but found ${show(options)}.`,
    );
  }
  return new (classesFor(tf)[kind])(options ?? {});
}

/**
 * `tf.train.rmsprop` in one native step: the same bits on the cpu and wasm backends, state by the variables' names, and the
 * options of `RMSprop` beside TensorFlow.js's. It goes wherever a `tf.Optimizer` goes.
 * @param tf TensorFlow.js as the program imports it.
 * @param options Those of TensorFlow.js by its names, and those of this package beside them.
 * @throws OptimError ERR_OPTION; Error without a learning rate.
 */
export function createRMSProp(tf: TensorFlow, options: TfRMSPropOptions): TfOptimizer {
  return create(tf, "RMSProp", options);
}

/**
 * `tf.train.sgd`, as `createRMSProp` is `tf.train.rmsprop`.
 * @param tf TensorFlow.js as the program imports it.
 * @param options Those of TensorFlow.js by its names, and those of this package beside them.
 * @throws OptimError ERR_OPTION; Error without a learning rate.
 */
export function createSGD(tf: TensorFlow, options: TfSGDOptions): TfOptimizer {
  return create(tf, "SGD", options);
}

/**
 * `tf.train.momentum`, as `createRMSProp` is `tf.train.rmsprop`.
 * @param tf TensorFlow.js as the program imports it.
 * @param options Those of TensorFlow.js by its names, and those of this package beside them.
 * @throws OptimError ERR_OPTION; Error without a learning rate.
 */
export function createMomentum(tf: TensorFlow, options: TfMomentumOptions): TfMomentumOptimizer {
  return create(tf, "Momentum", options);
}

/**
 * `tf.train.adagrad`, as `createRMSProp` is `tf.train.rmsprop`.
 * @param tf TensorFlow.js as the program imports it.
 * @param options Those of TensorFlow.js by its names, and those of this package beside them.
 * @throws OptimError ERR_OPTION; Error without a learning rate.
 */
export function createAdagrad(tf: TensorFlow, options: TfAdagradOptions): TfOptimizer {
  return create(tf, "Adagrad", options);
}

/**
 * `tf.train.adadelta`, as `createRMSProp` is `tf.train.rmsprop`.
 * @param tf TensorFlow.js as the program imports it.
 * @param options Those of TensorFlow.js by its names, and those of this package beside them.
 * @throws OptimError ERR_OPTION.
 */
export function createAdadelta(tf: TensorFlow, options: TfAdadeltaOptions = {}): TfOptimizer {
  return create(tf, "Adadelta", options);
}

/**
 * `tf.train.adam`, as `createRMSProp` is `tf.train.rmsprop`.
 * @param tf TensorFlow.js as the program imports it.
 * @param options Those of TensorFlow.js by its names, and those of this package beside them.
 * @throws OptimError ERR_OPTION.
 */
export function createAdam(tf: TensorFlow, options: TfAdamOptions = {}): TfOptimizer {
  return create(tf, "Adam", options);
}

/**
 * Adam with decoupled weight decay, which TensorFlow.js lacks.
 * @param tf TensorFlow.js as the program imports it.
 * @param options Those of TensorFlow.js by its names, and those of this package beside them.
 * @throws OptimError ERR_OPTION.
 */
export function createAdamW(tf: TensorFlow, options: TfAdamWOptions = {}): TfOptimizer {
  return create(tf, "AdamW", options);
}

/**
 * Rprop, which TensorFlow.js lacks: for gradients of the whole data.
 * @param tf TensorFlow.js as the program imports it.
 * @param options Those of TensorFlow.js by its names, and those of this package beside them.
 * @throws OptimError ERR_OPTION.
 */
export function createRprop(tf: TensorFlow, options: TfRpropOptions = {}): TfOptimizer {
  return create(tf, "Rprop", options);
}

/**
 * Has models that are loaded from now on get these optimizers in the place of TensorFlow.js's, which are saved under the same
 * names. `compile({ optimizer: "rmsprop" })` goes on to give TensorFlow.js's.
 * @param tf TensorFlow.js as the program imports it.
 */
export function register(tf: TensorFlow): void {
  checkTensorFlow(tf, "register(tf)");
  for (const Class of Object.values(classesFor(tf))) tf.serialization.registerClass(Class as never);
}
