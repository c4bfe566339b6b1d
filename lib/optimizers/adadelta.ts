import type { Definition, Preset } from "../definition.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { Optimizer, type ParameterState, type ParamsInput } from "../optimizer.ts";
import type { CommonOptions } from "../options/common.ts";
import { decay, finite, kept } from "../options/domains.ts";
import { boolean, choice } from "../options/option.ts";
import type { OptimizerOptions } from "../options/stage-options.ts";
import { stageOptions } from "../options/stages.ts";
import { adadeltaRule } from "../rules/adadelta.ts";
import type { FlagsOf } from "../rules/rule.ts";
import { type LearningRate, learningRate } from "../schedules/learning-rate.ts";

/** The options of `Adadelta`: its own, and those that every optimizer has. */
export interface AdadeltaOptions extends CommonOptions<AdadeltaPresetName> {
  /**
   * Learning rate: a finite number of 0 or more, a function of the step, which counts from 1, or a schedule with state.
   * Default 1, with which a step is the paper's.
   * @unit none: steps have the parameter's unit without it
   * @systems PyTorch `lr`; TensorFlow.js `learningRate`
   */
  lr?: LearningRate;
  /**
   * Decay of both moving averages, from 0 to 1. Default 0.9. They remember some `1 / (1 - rho)` steps: at 0 the last one,
   * and at 1 none, so that they stay as they begin.
   * @unit none, for each step
   * @systems PyTorch and TensorFlow.js `rho`
   */
  rho?: number;
  /**
   * Added to both averages before their roots are taken; 0 or more. Default 1e-6. The first step is
   * `sqrt(eps / (squareAvg + eps)) * grad`, so that at 0 no step is ever taken.
   * @unit that of a gradient, squared, in one root, and that of the parameter, squared, in the other
   * @systems PyTorch `eps`; TensorFlow.js `epsilon`
   */
  eps?: number;
}

export interface AdadeltaPreset extends Preset<AdadeltaOptions> {
  /** The rule's flag. */
  readonly arithmetic: FlagsOf<typeof adadeltaRule>["arithmetic"];
}

export type AdadeltaPresetName = "torch" | "tfjs";

export const adadeltaPresets: Readonly<Record<AdadeltaPresetName, AdadeltaPreset>> = {
  torch: { arithmetic: "torch", options: {} },
  tfjs: { arithmetic: "tfjs", options: { lr: 0.001, rho: 0.95, eps: 1e-7 } },
};

/** A parameter's state in Adadelta. */
export interface AdadeltaState extends ParameterState {
  /** The moving average of squared gradients, an element for each of the parameter. */
  readonly squareAvg: FloatArray;
  /** The moving average of squared steps, before the learning rate. */
  readonly accDelta: FloatArray;
}

const noPreset: AdadeltaPreset = { arithmetic: "standard", options: {} };

const presetOf = ({ preset }: Pick<AdadeltaOptions, "preset">): AdadeltaPreset =>
  preset ? adadeltaPresets[preset] : noPreset;

/** Adadelta's options, and what they make of the rule. */
export const adadeltaDefinition: Definition<AdadeltaOptions, typeof adadeltaRule> = {
  name: "Adadelta",
  rule: adadeltaRule,
  options: {
    lr: learningRate(1),
    rho: decay(0.9),
    eps: kept(1e-6),
    weightDecay: finite(0),
    decoupledWeightDecay: boolean(false),
    maximize: boolean(false),
    ...stageOptions,
    preset: choice(Object.keys(adadeltaPresets)),
  },
  presets: adadeltaPresets,

  conflict: () => undefined,

  flags(options) {
    const { weightDecay, decoupledWeightDecay } = options;
    return {
      weightDecay: weightDecay === 0 || decoupledWeightDecay ? "off" : "l2", // decoupled it is a coefficient
      arithmetic: presetOf(options).arithmetic,
    };
  },

  coefficients({ rho, eps, weightDecay, decoupledWeightDecay, maximize }, lr) {
    return {
      gradScale: maximize ? -1 : 1,
      weightDecay,
      rho,
      oneMinusRho: 1 - rho,
      eps,
      lr,
      paramDecay: decoupledWeightDecay ? 1 - lr * weightDecay : 1, // x * 1 is x for every x
    };
  },

  initial: () => 0,
};

/**
 * Adadelta (Zeiler 2012): multiplies each gradient by the root mean square of its recent steps over that of its recent
 * sizes, so that steps have the parameter's unit. For each element, every operation rounded once:
 *
 *     g = grad (negated with `maximize`) + weightDecay * param
 *     squareAvg = rho * squareAvg + (1 - rho) * (g * g)
 *     d = sqrt(accDelta + eps) / sqrt(squareAvg + eps) * g
 *     accDelta = rho * accDelta + (1 - rho) * (d * d)
 *     param = param - lr * d
 *
 * Decoupled weight decay multiplies `param` in the last line by `1 - lr * weightDecay`. A preset may have another order
 * of operations.
 */
export class Adadelta<N extends string = string> extends Optimizer<AdadeltaOptions, AdadeltaState, N> {
  /**
   * Adadelta: divides each gradient by a moving root mean square of its sizes, and multiplies by one of its steps.
   * @param params Parameters, or groups of them that override options. Their arrays are stepped in place.
   * @param options Those of its groups, and those of the optimizer as a whole.
   * @throws OptimError ERR_OPTION, ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_ALIASED, ERR_DETACHED or ERR_MEMORY.
   */
  constructor(params: ParamsInput<AdadeltaOptions, N>, options?: AdadeltaOptions & OptimizerOptions) {
    super(adadeltaDefinition, params, options);
  }
}
