import type { Definition, Preset } from "../definition.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { Optimizer, type ParameterState, type ParamsInput } from "../optimizer.ts";
import type { CommonOptions } from "../options/common.ts";
import { finite } from "../options/domains.ts";
import { boolean, choice, fraction } from "../options/option.ts";
import type { OptimizerOptions } from "../options/stage-options.ts";
import { stageOptions } from "../options/stages.ts";
import type { FlagsOf } from "../rules/rule.ts";
import { sgdRule } from "../rules/sgd.ts";
import { type LearningRate, learningRate } from "../schedules/learning-rate.ts";

/** The options of `SGD`: its own, and those that every optimizer has. */
export interface SGDOptions extends CommonOptions<SGDPresetName> {
  /**
   * Learning rate: a finite number of 0 or more, a function of the step, which counts from 1, or a schedule with state.
   * Default 0.001.
   * @unit that of the parameter over that of a gradient
   * @systems PyTorch `lr`; Keras, TensorFlow and optax `learning_rate`; TensorFlow.js `learningRate`
   */
  lr?: LearningRate;
  /**
   * Decay of the momentum buffer, from 0 to 1. Default 0, which has none. Turned on in the middle of a run, the buffer
   * starts with the gradient of that step; turned off and on again, it goes on.
   * @unit none, for each step
   * @systems PyTorch, Keras, TensorFlow, TensorFlow.js and optax `momentum`
   */
  momentum?: number;
  /**
   * What is left off a gradient that enters the momentum buffer, from 0 to 1. Default 0. As in PyTorch, a parameter's
   * first gradient enters whole; one with which momentum is turned on later is dampened.
   * @unit none
   * @systems PyTorch `dampening`
   */
  dampening?: number;
  /**
   * Steps along the momentum that the next step would have. Needs momentum and no dampening. Default false.
   * @unit none
   * @systems PyTorch, Keras and optax `nesterov`; TensorFlow `use_nesterov`; TensorFlow.js `useNesterov`
   */
  nesterov?: boolean;
}

export interface SGDPreset extends Preset<SGDOptions> {
  /** The rule's flag. */
  readonly arithmetic: FlagsOf<typeof sgdRule>["arithmetic"];
  /** Whether the momentum buffer begins as a copy of the first gradient, zeros with their signs and undampened. */
  readonly firstGradientCopied: boolean;
}

export type SGDPresetName = "torch" | "tf1" | "keras" | "tfjs" | "optax";

export const sgdPresets: Readonly<Record<SGDPresetName, SGDPreset>> = {
  torch: { arithmetic: "torch", firstGradientCopied: true, options: {} },
  tf1: { arithmetic: "tensorflow", firstGradientCopied: false, options: {} },
  keras: { arithmetic: "keras", firstGradientCopied: false, options: { lr: 0.01, decoupledWeightDecay: true } },
  tfjs: { arithmetic: "standard", firstGradientCopied: false, options: {} },
  optax: { arithmetic: "standard", firstGradientCopied: false, options: {} },
};

/** A parameter's state in SGD: the slot is there with momentum. */
export interface SGDState extends ParameterState {
  /** The velocity, in which gradients add up, an element for each of the parameter; there with `momentum`. */
  readonly momentumBuffer?: FloatArray;
}

const noPreset: SGDPreset = { arithmetic: "standard", firstGradientCopied: true, options: {} };

const presetOf = ({ preset }: Pick<SGDOptions, "preset">): SGDPreset => (preset ? sgdPresets[preset] : noPreset);

function momentumFlag({ momentum, nesterov, dampening }: Required<SGDOptions>): FlagsOf<typeof sgdRule>["momentum"] {
  if (momentum === 0) return "off";
  if (nesterov) return "nesterov";
  return dampening === 0 ? "classical" : "dampened";
}

/** SGD's options, and what they make of the rule. */
export const sgdDefinition: Definition<SGDOptions, typeof sgdRule> = {
  name: "SGD",
  rule: sgdRule,
  options: {
    lr: learningRate(0.001),
    momentum: fraction(0),
    dampening: fraction(0),
    nesterov: boolean(false),
    weightDecay: finite(0),
    decoupledWeightDecay: boolean(false),
    maximize: boolean(false),
    ...stageOptions,
    preset: choice(Object.keys(sgdPresets)),
  },
  presets: sgdPresets,

  conflict({ preset, momentum, nesterov, dampening }) {
    if (nesterov && momentum === 0) return "Expected 'momentum' to be above 0 with 'nesterov', but it is 0.";
    if (nesterov && dampening !== 0) return `Expected 'dampening' to be 0 with 'nesterov', but it is ${dampening}.`;
    if (dampening !== 0 && preset === "keras") {
      return `Expected 'dampening' to be 0 with the preset "keras", whose system has none, but it is ${dampening}.`;
    }
    return undefined;
  },

  flags(options) {
    const { weightDecay, decoupledWeightDecay, maximize } = options;
    const { arithmetic } = presetOf(options);
    const momentum = momentumFlag(options);
    const differs =
      arithmetic === "torch" || (arithmetic === "tensorflow" ? momentum === "nesterov" : momentum !== "off");
    const decoupled = arithmetic === "keras" ? "subtracted" : "factor";
    return {
      gradScale: maximize ? "on" : "off",
      weightDecay: weightDecay === 0 ? "off" : decoupledWeightDecay ? decoupled : "l2",
      momentum,
      arithmetic: differs ? arithmetic : "standard",
    };
  },

  dependsOnStep: ({ dampening }) => dampening !== 0,

  coefficients(options, lr, step) {
    const { momentum, dampening, weightDecay, decoupledWeightDecay, maximize } = options;
    const { arithmetic, firstGradientCopied } = presetOf(options);
    const whole = step === 1 && firstGradientCopied;
    return {
      gradScale: maximize ? -1 : 1,
      weightDecay,
      paramDecay: decoupledWeightDecay && arithmetic !== "keras" ? 1 - lr * weightDecay : 1,
      momentum,
      oneMinusDampening: whole ? 1 : 1 - dampening,
      lr,
    };
  },

  // momentum * (-0) + g is g, zeros with their signs: the buffer begins as a copy of the first gradient.
  initial: (_, options) => (presetOf(options).firstGradientCopied ? -0 : 0),
};

/**
 * Stochastic gradient descent with momentum (Polyak 1964; Sutskever and others 2013). For each element, every operation
 * rounded once:
 *
 *     g = grad (negated with `maximize`) + weightDecay * param
 *     with `momentum`: momentumBuffer = momentum * momentumBuffer + (1 - dampening) * g, at the first step g alone
 *         d = momentumBuffer, or with `nesterov` g + momentum * momentumBuffer; without momentum d = g
 *     param = param - lr * d
 *
 * Decoupled weight decay multiplies `param` in the last line by `1 - lr * weightDecay`. A preset may have another order
 * of operations.
 */
export class SGD<N extends string = string> extends Optimizer<SGDOptions, SGDState, N> {
  /**
   * Stochastic gradient descent, with or without momentum.
   * @param params Parameters, or groups of them that override options. Their arrays are stepped in place.
   * @param options Those of its groups, and those of the optimizer as a whole.
   * @throws OptimError ERR_OPTION, ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_ALIASED, ERR_DETACHED or ERR_MEMORY.
   */
  constructor(params: ParamsInput<SGDOptions, N>, options?: SGDOptions & OptimizerOptions) {
    super(sgdDefinition, params, options);
  }
}
