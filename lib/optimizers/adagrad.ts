import type { Definition, Preset } from "../definition.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { Optimizer, type ParameterState, type ParamsInput } from "../optimizer.ts";
import type { CommonOptions } from "../options/common.ts";
import { finite, kept } from "../options/domains.ts";
import { boolean, choice, nonNegative } from "../options/option.ts";
import type { OptimizerOptions } from "../options/stage-options.ts";
import { stageOptions } from "../options/stages.ts";
import { adagradRule } from "../rules/adagrad.ts";
import type { FlagsOf } from "../rules/rule.ts";
import { type LearningRate, learningRate } from "../schedules/learning-rate.ts";

/** The options of `Adagrad`: its own, and those that every optimizer has. */
export interface AdagradOptions extends CommonOptions<AdagradPresetName> {
  /**
   * Learning rate: a finite number of 0 or more, a function of the step, which counts from 1, or a schedule with state.
   * Default 0.01.
   * @unit that of the parameter
   * @systems PyTorch `lr`; Keras, TensorFlow and optax `learning_rate`; TensorFlow.js `learningRate`
   */
  lr?: LearningRate;
  /**
   * Divides the learning rate by `1 + (t - 1) * lrDecay` at a parameter's step t; 0 or more. Default 0.
   * @formula `lr_t = lr / (1 + (t - 1) * lrDecay)`
   * @unit none, for each step
   * @systems PyTorch `lr_decay`
   */
  lrDecay?: number;
  /**
   * The sum of squares before the first step, 0 or more. Default 0; Keras, TensorFlow.js and optax start at 0.1. After a
   * parameter's first step it cannot be set.
   * @formula `sum = initialAccumulator` before the first step
   * @unit that of a gradient, squared
   * @systems PyTorch, Keras and optax `initial_accumulator_value`; TensorFlow.js `initialAccumulatorValue`
   */
  initialAccumulator?: number;
  /**
   * Added to the root of the sum, so that it never divides by zero; 0 or more. Default 1e-10.
   * @unit that of a gradient; with `epsInSqrt` of its square
   * @systems PyTorch and optax `eps`; Keras `epsilon`; fixed at 1e-7 in TensorFlow.js
   */
  eps?: number;
  /**
   * Adds `eps` to the sum before its root is taken, as Keras and TensorFlow.js do. Default false, as in PyTorch.
   * @unit none
   * @systems on in Keras, TensorFlow.js and optax
   */
  epsInSqrt?: boolean;
}

export interface AdagradPreset extends Preset<AdagradOptions> {
  /** The rule's flag. */
  readonly arithmetic: FlagsOf<typeof adagradRule>["arithmetic"];
  /** Whether the learning rate multiplies the gradient before the division, or the quotient. */
  readonly lrFirst: boolean;
  /** Decoupled weight decay: a factor of the parameter, or subtracted in two products as Keras does. */
  readonly decay: "factor" | "subtracted";
}

export type AdagradPresetName = "torch" | "keras" | "tfjs" | "optax";

export const adagradPresets: Readonly<Record<AdagradPresetName, AdagradPreset>> = {
  torch: { arithmetic: "torch", lrFirst: true, decay: "factor", options: {} },
  keras: {
    arithmetic: "standard",
    lrFirst: true,
    decay: "subtracted",
    options: { lr: 0.001, initialAccumulator: 0.1, eps: 1e-7, epsInSqrt: true, decoupledWeightDecay: true },
  },
  tfjs: {
    arithmetic: "standard",
    lrFirst: false,
    decay: "factor",
    options: { initialAccumulator: 0.1, eps: 1e-7, epsInSqrt: true },
  },
  optax: {
    arithmetic: "optax",
    lrFirst: false,
    decay: "factor",
    options: { initialAccumulator: 0.1, eps: 1e-7, epsInSqrt: true },
  },
};

/** A parameter's state in Adagrad. */
export interface AdagradState extends ParameterState {
  /** The sum of squared gradients, an element for each of the parameter. */
  readonly sum: FloatArray;
}

const noPreset: AdagradPreset = { arithmetic: "standard", lrFirst: true, decay: "factor", options: {} };

const presetOf = ({ preset }: Pick<AdagradOptions, "preset">): AdagradPreset =>
  preset ? adagradPresets[preset] : noPreset;

/** Adagrad's options, and what they make of the rule. */
export const adagradDefinition: Definition<AdagradOptions, typeof adagradRule> = {
  name: "Adagrad",
  rule: adagradRule,
  options: {
    lr: learningRate(0.01),
    lrDecay: nonNegative(0),
    weightDecay: finite(0),
    decoupledWeightDecay: boolean(false),
    initialAccumulator: kept(0),
    eps: kept(1e-10),
    epsInSqrt: boolean(false),
    maximize: boolean(false),
    ...stageOptions,
    preset: choice(Object.keys(adagradPresets)),
  },
  presets: adagradPresets,

  conflict: () => undefined,

  flags(options) {
    const { weightDecay, decoupledWeightDecay } = options;
    const { arithmetic, decay } = presetOf(options);
    const decoupled = decay === "subtracted" ? "subtracted" : "off"; // as a factor it is a coefficient
    return {
      weightDecay: weightDecay === 0 ? "off" : decoupledWeightDecay ? decoupled : "l2",
      arithmetic,
    };
  },

  dependsOnStep: ({ lrDecay }) => lrDecay !== 0,

  coefficients(options, rate, step) {
    const { lrDecay, weightDecay, decoupledWeightDecay, eps, epsInSqrt, maximize } = options;
    const { lrFirst, decay } = presetOf(options);
    const lr = rate / (1 + (step - 1) * lrDecay);
    // x * 1 and x + (-0) are x for every x, so that these two switch an operation off without a flag.
    return {
      gradScale: maximize ? -1 : 1,
      weightDecay,
      epsIn: epsInSqrt ? eps : -0,
      epsOut: epsInSqrt ? -0 : eps,
      lrIn: lrFirst ? lr : 1,
      lrOut: lrFirst ? 1 : lr,
      paramDecay: decoupledWeightDecay && decay === "factor" ? 1 - lr * weightDecay : 1,
      decayRate: lr,
    };
  },

  initialOptions: ["initialAccumulator"],
  initial: (_, { initialAccumulator }) => initialAccumulator + 0, // + 0: a sum of -0 is one of 0
};

/**
 * Adagrad (Duchi, Hazan and Singer 2011): divides each gradient by the root of the sum of all its squares. For each
 * element, every operation rounded once:
 *
 *     g = grad (negated with `maximize`) + weightDecay * param
 *     sum = sum + g * g
 *     lr_t = lr / (1 + (t - 1) * lrDecay)
 *     param = param - (lr_t * g) / (sqrt(sum) + eps), or with `epsInSqrt` (lr_t * g) / sqrt(sum + eps)
 *
 * Decoupled weight decay multiplies `param` in the last line by `1 - lr_t * weightDecay`. A preset may have another order
 * of operations.
 */
export class Adagrad<N extends string = string> extends Optimizer<AdagradOptions, AdagradState, N> {
  /**
   * Adagrad: divides each gradient by the root of the sum of all its squares.
   * @param params Parameters, or groups of them that override options. Their arrays are stepped in place.
   * @param options Those of its groups, and those of the optimizer as a whole.
   * @throws OptimError ERR_OPTION, ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_ALIASED, ERR_DETACHED or ERR_MEMORY.
   */
  constructor(params: ParamsInput<AdagradOptions, N>, options?: AdagradOptions & OptimizerOptions) {
    super(adagradDefinition, params, options);
  }
}
