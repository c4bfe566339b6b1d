import type { Preset } from "../definition.ts";
import type { CommonOptions } from "../options/common.ts";
import { copyRecord } from "../options/domains.ts";
import { finite32, isKept32 } from "../options/number-domains.ts";
import { isRate, type OptionSpec } from "../options/option.ts";
import type { rmspropRule } from "../rules/rmsprop.ts";
import type { FlagsOf } from "../rules/rule.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import { isRecord } from "../values/values.ts";

/** The options of `RMSprop`: its own, and those that every optimizer has. */
export interface RMSpropOptions extends CommonOptions<RMSpropPresetName> {
  /**
   * Learning rate: a finite number of 0 or more, a function of the step, which counts from 1, or a schedule with state.
   * Default 0.01.
   * @unit that of the parameter: gradients of one size make steps of `lr`
   * @systems PyTorch and timm `lr`; Keras, TensorFlow, optax, MXNet and MLX `learning_rate`; TensorFlow.js `learningRate`
   */
  lr?: LearningRate;
  /**
   * Decay of the moving averages, from 0 to 1. Default 0.99. They remember some `1 / (1 - alpha)` steps: at 0 the last one,
   * which with `centered` leaves no variance, and at 1 none, so that they stay as they begin.
   * @unit none, for each step
   * @systems PyTorch, timm and MLX `alpha`; Keras and MXNet `rho`; TensorFlow, TensorFlow.js and optax `decay`
   */
  alpha?: number;
  /**
   * Added to the root mean square, so that it never divides by zero; 0 or more. Default 1e-8.
   * @unit that of a gradient; with `epsInSqrt` of its square
   * @systems PyTorch, timm, optax and MLX `eps`; Keras, TensorFlow, TensorFlow.js and MXNet `epsilon`
   */
  eps?: number;
  /**
   * Adds `eps` to the mean square before its root is taken, as TensorFlow and Keras do. Default false, as in PyTorch.
   * @unit none
   * @systems optax `eps_in_sqrt`; on in TensorFlow, Keras, TensorFlow.js and timm, in MXNet where centered
   */
  epsInSqrt?: boolean;
  /**
   * Decay of the momentum buffer, from 0 to 1. Default 0, which has none. Turned on in the middle of a run, the buffer
   * starts at 0; turned off and on again, it goes on.
   * @unit none, for each step
   * @systems PyTorch, Keras, TensorFlow, TensorFlow.js, optax and timm `momentum`; MXNet where centered
   */
  momentum?: number;
  /**
   * Nesterov's momentum, which needs momentum above 0. Default false. The parameters are those at the end of the coming
   * jump, where the gradient is to be measured; the root mean square divides the correction by that gradient and not the
   * jump, which is the form that Hinton's lecture finds best.
   * @unit none
   * @systems optax `nesterov`
   */
  nesterov?: boolean;
  /**
   * Multiplies by the learning rate before the momentum buffer rather than after it, as TensorFlow and Keras do: a new
   * rate then does not rescale the steps that are in the buffer. Default false, as in PyTorch.
   * @unit none
   * @systems timm `lr_in_momentum`; on in TensorFlow, Keras, TensorFlow.js, optax and MXNet
   */
  lrInMomentum?: boolean;
  /**
   * Divides by the root of an estimate of the gradient's variance rather than of its mean square. Default false. The
   * estimate, `squareAvg - gradAvg * gradAvg`, goes below zero by rounding where gradients hardly vary, and its root is
   * then NaN in other systems and in presets named after them. Without a preset it is taken as 0 there, which makes no
   * NaN as long as the squares do not overflow: for gradients up to 1e18 in float32. The slots keep PyTorch's meaning.
   * @unit none
   * @systems PyTorch, Keras, TensorFlow, TensorFlow.js, optax, timm and MXNet `centered`
   */
  centered?: boolean;
  /**
   * Divides the mean square by `1 - alpha^t` at a parameter's step t, so that the first steps do not have it too small.
   * Needs alpha below 1. Default false. With `centered` the mean is not divided: it begins at 0 and counts as it is
   * learned, so that early steps are nearly those without `centered`. Where it is divided too, as in optax and the preset
   * of that name, the variance at the first step is 0, as it is for gradients that do not vary, and the step is `lr * g`
   * over what `eps` leaves of the root.
   * @unit none
   * @systems optax `bias_correction`
   */
  biasCorrection?: boolean;
  /**
   * A gain for each weight that multiplies its steps, from 1 on: `up` is added where gradient and momentum buffer have
   * the same sign, `down` multiplies where their signs differ, and it is kept from `min` to `max`. Where one of them is
   * zero the gain stays. Without momentum the buffer is kept too, and holds the last step. Default null, none; of an
   * object the lecture's values, { up: 0.05, down: 0.95, min: 0.1, max: 10 }, are the defaults.
   * @formula `gains = gains + up` on agreement, `gains * down` on disagreement, within `min` and `max`; `d = gains * d`
   * @unit none: `up` is added, `down` multiplies
   * @systems none of those with presets; Hinton's lecture 6d. climin's `step_adapt` is another form
   */
  gains?: Partial<Gains> | null;
  /**
   * The mean square before the first step, 0 or more. Default 0; TensorFlow 1 and timm start at 1. After a parameter's
   * first step it cannot be set.
   * @formula `squareAvg = initialSquareAvg` before the first step
   * @unit that of a gradient, squared
   * @systems optax `initial_scale`
   */
  initialSquareAvg?: number;
}

/** How the gains of weights move (RMSpropOptions, `gains`). */
export interface Gains {
  /** Added on agreement; 0 or more. */
  up: number;
  /** Multiplies on disagreement; from 0 to 1. */
  down: number;
  /** The smallest gain; above 0, at most 1. */
  min: number;
  /** The largest gain; 1 or more. */
  max: number;
}

/** The values of Hinton's lecture 6d. */
export const lectureGains: Readonly<Gains> = Object.freeze({ up: 0.05, down: 0.95, min: 0.1, max: 10 });

export const gainsOption: OptionSpec = {
  default: null,
  domain: "null, {} for the defaults, or { up, down, min, max } with 0 <= up, 0 <= down <= 1 and 0 < min <= 1 <= max",
  accepts(found) {
    if (!isRecord(found)) return found === null;
    const { up, down, min, max } = found as Gains;
    return (
      Object.keys(found).length === 4 &&
      [up, down, min, max].every(isRate) &&
      down <= 1 &&
      min > 0 &&
      min <= 1 &&
      max >= 1
    );
  },
  float32: {
    domain: "null, or numbers that are finite there, and a min above 0,",
    accepts: (found) => found === null || (finite32.accepts(found) && isKept32((found as Gains).min)),
  },
  copy: (found) => copyRecord(found, lectureGains),
};

export interface RMSpropPreset extends Preset<RMSpropOptions> {
  /** The rule's flag. Some differ from another only where centered. */
  readonly arithmetic: FlagsOf<typeof rmspropRule>["arithmetic"];
  /** Whether `1 - alpha` is computed in double and then rounded, or in the number type of the parameters. */
  readonly complementIn: "double" | "number type";
  /** Decoupled weight decay: a factor of the parameter, or subtracted in two products as Keras does. */
  readonly decay: "factor" | "subtracted";
}

export type RMSpropPresetName =
  | "torch"
  | "torch2"
  | "tf1"
  | "keras"
  | "tfjs"
  | "optax"
  | "timm"
  | "mxnet"
  | "mlx"
  | "graves"
  | "dqn"
  | "hinton";

export const rmspropPresets: Readonly<Record<RMSpropPresetName, RMSpropPreset>> = {
  torch: { arithmetic: "torch", complementIn: "double", decay: "factor", options: {} },
  torch2: { arithmetic: "torch2", complementIn: "double", decay: "factor", options: {} },
  tf1: {
    arithmetic: "tensorflow",
    complementIn: "number type",
    decay: "factor",
    options: { alpha: 0.9, eps: 1e-10, epsInSqrt: true, lrInMomentum: true, initialSquareAvg: 1 },
  },
  keras: {
    arithmetic: "keras",
    complementIn: "double",
    decay: "subtracted",
    options: { lr: 0.001, alpha: 0.9, eps: 1e-7, epsInSqrt: true, lrInMomentum: true, decoupledWeightDecay: true },
  },
  tfjs: {
    arithmetic: "tfjs",
    complementIn: "double",
    decay: "factor",
    options: { alpha: 0.9, eps: 1e-7, epsInSqrt: true, lrInMomentum: true },
  },
  optax: {
    arithmetic: "optax",
    complementIn: "double",
    decay: "factor",
    options: { alpha: 0.9, eps: 1e-8, epsInSqrt: true, lrInMomentum: true },
  },
  timm: {
    arithmetic: "tensorflow",
    complementIn: "double",
    decay: "factor",
    options: { lr: 0.01, alpha: 0.9, eps: 1e-10, epsInSqrt: true, lrInMomentum: true, initialSquareAvg: 1 },
  },
  mxnet: {
    arithmetic: "keras",
    complementIn: "number type",
    decay: "factor",
    options: ({ centered = false }) => ({
      lr: 0.001,
      alpha: 0.9,
      eps: 1e-8,
      epsInSqrt: centered,
      momentum: centered ? 0.9 : 0,
      lrInMomentum: true,
    }),
  },
  mlx: { arithmetic: "standard", complementIn: "double", decay: "factor", options: { alpha: 0.99, eps: 1e-8 } },
  graves: {
    arithmetic: "keras",
    complementIn: "double",
    decay: "factor",
    options: {
      lr: 1e-4,
      alpha: 0.95,
      momentum: 0.9,
      eps: 1e-4,
      epsInSqrt: true,
      lrInMomentum: true,
      centered: true,
    },
  },
  dqn: {
    arithmetic: "keras",
    complementIn: "double",
    decay: "factor",
    options: { lr: 0.00025, alpha: 0.95, eps: 0.01, epsInSqrt: true, centered: true },
  },
  hinton: {
    arithmetic: "standard",
    complementIn: "double",
    decay: "factor",
    // The lecture has no epsilon: 0 / 0 where all gradients were zero. This one is larger than every gradient whose
    // square vanishes in float32, so that none of those makes a huge step, and changes no bit of a root above 1e-12.
    options: { lr: 0.001, alpha: 0.9, eps: 1e-20 },
  },
};
