import type { Definition, Preset } from "../definition.ts";
import { leastVariance, power } from "../numbers/power.ts";
import type { FloatArray, NumberType } from "../numbers/typed-array.ts";
import { Optimizer, type ParameterState, type ParamsInput } from "../optimizer.ts";
import type { CommonOptions } from "../options/common.ts";
import { correctedDecay, finite, kept } from "../options/domains.ts";
import { boolean, choice } from "../options/option.ts";
import type { OptimizerOptions } from "../options/stage-options.ts";
import { stageOptions } from "../options/stages.ts";
import { adamRule } from "../rules/adam.ts";
import type { FlagsOf } from "../rules/rule.ts";
import { type LearningRate, learningRate } from "../schedules/learning-rate.ts";

const { fround, sqrt } = Math;

/** The options of `Adam`: its own, and those that every optimizer has. */
export interface AdamOptions<PresetName extends string = AdamPresetName> extends CommonOptions<PresetName> {
  /**
   * Learning rate: a finite number of 0 or more, a function of the step, which counts from 1, or a schedule with state.
   * Default 0.001.
   * @unit that of the parameter: gradients of one size and sign make steps of `lr`
   * @systems PyTorch `lr`; Keras, TensorFlow and optax `learning_rate`; TensorFlow.js `learningRate`
   */
  lr?: LearningRate;
  /**
   * Decay of the moving average of gradients, from 0 to less than 1. Default 0.9. At 0 a step is that of RMSprop with
   * `alpha` the same as `beta2` and `biasCorrection`, which keeps one array less.
   * @unit none, for each step
   * @systems PyTorch `betas[0]`; Keras `beta_1`; TensorFlow.js `beta1`; optax `b1`
   */
  beta1?: number;
  /**
   * Decay of the moving average of squared gradients, from 0 to less than 1. Default 0.999.
   * @unit none, for each step
   * @systems PyTorch `betas[1]`; Keras `beta_2`; TensorFlow.js `beta2`; optax `b2`
   */
  beta2?: number;
  /**
   * Added to the root mean square, so that it never divides by zero; 0 or more. Default 1e-8.
   * @unit that of a gradient
   * @systems PyTorch and optax `eps`; Keras and TensorFlow.js `epsilon`
   */
  eps?: number;
  /**
   * Divides by the root of the largest mean square so far (Reddi, Kale and Kumar 2018, "On the convergence of Adam and
   * beyond"). Default false. The largest is kept before the correction, as PyTorch keeps it. Turned on in the middle of a
   * run, it starts at 0; turned off and on again, it goes on.
   * @unit none
   * @systems PyTorch and Keras `amsgrad`; optax `amsgrad`, an optimizer of its own
   */
  amsgrad?: boolean;
}

export interface AdamPreset extends Preset<AdamOptions> {
  /** The rule's flag. */
  readonly arithmetic: FlagsOf<typeof adamRule>["arithmetic"];
}

export type AdamPresetName = "torch" | "tfjs";

export const adamPresets: Readonly<Record<AdamPresetName, AdamPreset>> = {
  torch: { arithmetic: "torch", options: {} },
  tfjs: { arithmetic: "tfjs", options: { eps: 1e-7 } },
};

/** A parameter's state in Adam and in AdamW. */
export interface AdamState extends ParameterState {
  /** The moving average of gradients, an element for each of the parameter. */
  readonly gradAvg: FloatArray;
  /** The moving average of squared gradients. */
  readonly squareAvg: FloatArray;
  /** The largest that `squareAvg` has been; there with `amsgrad`. */
  readonly maxSquareAvg?: FloatArray;
}

const noPreset: AdamPreset = { arithmetic: "standard", options: {} };

const presetOf = ({ preset }: Pick<AdamOptions, "preset">): AdamPreset => (preset ? adamPresets[preset] : noPreset);

/**
 * `1 - factor^step`, the power by one product for each step, each rounded to the number type: as TensorFlow.js, which
 * keeps it in a variable. Consecutive steps take one product each, a step out of turn all that it needs.
 */
function repeatedProduct(): (factor: number, step: number, type: NumberType) => number {
  const start = { factor: Number.NaN, step: 0, product: 1 };
  const lasts = { float32: { ...start }, float64: { ...start } };
  return (factor, step, type) => {
    const round = type === "float32" ? fround : (value: number) => value;
    const last = lasts[type];
    if (factor !== last.factor || step < last.step) Object.assign(last, start, { factor });
    for (; last.step < step; last.step++) {
      const product = round(last.product * round(factor));
      if (product === last.product) break; // and so is every later one: 0, or a number so small that it rounds to itself
      last.product = product;
    }
    last.step = step;
    return 1 - last.product;
  };
}

const repeated1 = repeatedProduct();
const repeated2 = repeatedProduct();

/** Adam's options, and what they make of the rule. */
export const adamDefinition: Definition<AdamOptions, typeof adamRule> = {
  name: "Adam",
  rule: adamRule,
  options: {
    lr: learningRate(0.001),
    beta1: correctedDecay(0.9),
    beta2: correctedDecay(0.999),
    eps: kept(1e-8),
    amsgrad: boolean(false),
    weightDecay: finite(0),
    decoupledWeightDecay: boolean(false),
    maximize: boolean(false),
    ...stageOptions,
    preset: choice(Object.keys(adamPresets)),
  },
  presets: adamPresets,

  conflict: ({ preset, amsgrad }) =>
    amsgrad && preset === "tfjs"
      ? `Expected no 'amsgrad' with the preset "tfjs", whose system has none, but it is given.`
      : undefined,

  flags(options) {
    const { weightDecay, decoupledWeightDecay, amsgrad } = options;
    return {
      weightDecay: weightDecay === 0 || decoupledWeightDecay ? "off" : "l2", // decoupled it is a coefficient
      amsgrad: amsgrad ? "on" : "off",
      arithmetic: presetOf(options).arithmetic,
    };
  },

  dependsOnStep: () => true,

  coefficients(options, lr, step, type) {
    const { beta1, beta2, eps, weightDecay, decoupledWeightDecay, maximize } = options;
    const repeated = presetOf(options).arithmetic === "tfjs";
    const biasCorrection1 = repeated ? repeated1(beta1, step, type) : 1 - power(beta1, step);
    const biasCorrection2 = repeated ? repeated2(beta2, step, type) : 1 - power(beta2, step);
    return {
      gradScale: maximize ? -1 : 1,
      weightDecay,
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      biasCorrection1,
      biasCorrection2,
      rootCorrection: sqrt(biasCorrection2),
      eps,
      lr,
      stepSize: lr / biasCorrection1,
      paramDecay: decoupledWeightDecay ? 1 - lr * weightDecay : 1, // x * 1 is x for every x
      leastVariance: leastVariance(eps, type),
    };
  },

  initial: () => 0,
};

/**
 * Adam (Kingma and Ba 2015): RMSprop of a moving average of gradients, both averages corrected for their start at 0. For
 * each element at step t, every operation rounded once:
 *
 *     g = grad (negated with `maximize`) + weightDecay * param
 *     gradAvg = beta1 * gradAvg + (1 - beta1) * g
 *     squareAvg = beta2 * squareAvg + (1 - beta2) * (g * g)
 *     variance = squareAvg / (1 - beta2^t), or with `amsgrad`:
 *         maxSquareAvg = max(maxSquareAvg, squareAvg)
 *         variance = maxSquareAvg / (1 - beta2^t)
 *     param = param - (lr / (1 - beta1^t) * gradAvg) / (sqrt(variance) + eps)
 *
 * `lr / (1 - beta1^t)` is one number for all elements. Decoupled weight decay, that of AdamW, multiplies `param` in the
 * last line by `1 - lr * weightDecay`. A preset may have another order of operations.
 */
export class Adam<N extends string = string> extends Optimizer<AdamOptions, AdamState, N> {
  /**
   * Adam: divides a moving average of gradients by a moving root mean square of their sizes.
   * @param params Parameters, or groups of them that override options. Their arrays are stepped in place.
   * @param options Those of its groups, and those of the optimizer as a whole.
   * @throws OptimError ERR_OPTION, ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_ALIASED, ERR_DETACHED or ERR_MEMORY.
   */
  constructor(params: ParamsInput<AdamOptions, N>, options?: AdamOptions & OptimizerOptions) {
    super(adamDefinition, params, options);
  }
}
