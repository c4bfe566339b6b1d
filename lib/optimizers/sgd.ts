import type { Arithmetic } from "../arithmetic.ts";
import type { Definition } from "../definition.ts";
import { Optimizer, type ParameterState, type ParamsInput } from "../optimizer.ts";
import {
  boolean,
  type CommonOptions,
  choice,
  finite,
  fraction,
  type LearningRate,
  learningRate,
  stageOptions,
} from "../options.ts";
import { type SGDPreset, type SGDPresetName, sgdPresets } from "../presets.ts";
import type { Flags, Rule } from "../rule.ts";
import type { OptimizerOptions } from "../stage-options.ts";
import type { FloatArray } from "../typed-array.ts";

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

/** A parameter's state in SGD: the slot is there with momentum. */
export interface SGDState extends ParameterState {
  /** The velocity, in which gradients add up, an element for each of the parameter; there with `momentum`. */
  readonly momentumBuffer?: FloatArray;
}

type Slot = "momentumBuffer";
type Flag = "gradScale" | "weightDecay" | "momentum" | "arithmetic";
type Coefficient = "gradScale" | "weightDecay" | "paramDecay" | "momentum" | "oneMinusDampening" | "lr";

/**
 * The arithmetic of one element. The twin of native/kernels/rules/sgd.hpp. There is neither root nor division to hide an
 * operation under, so what is not always needed is a flag.
 */
export const sgdRule: Rule<Slot, Flag, Coefficient> = {
  name: "sgd",
  slots: ["momentumBuffer"],
  flags: {
    gradScale: ["off", "on"],
    weightDecay: ["off", "l2", "factor", "subtracted"],
    momentum: ["off", "classical", "dampened", "nesterov"],
    arithmetic: ["standard", "torch", "tensorflow", "keras"],
  },
  coefficients: ["gradScale", "weightDecay", "paramDecay", "momentum", "oneMinusDampening", "lr"],

  exists({ weightDecay, momentum, arithmetic }) {
    const subtracted = weightDecay === "subtracted";
    switch (arithmetic) {
      case "standard":
        return !subtracted || momentum === "off";
      case "torch":
        return !subtracted;
      case "tensorflow":
        return !subtracted && momentum === "nesterov";
      default:
        return weightDecay !== "factor" && (momentum === "classical" || momentum === "nesterov");
    }
  },

  uses: (flags) => flags.momentum !== "off",

  apply<T>(
    { neg, add, sub, mul, multiplyAdd }: Arithmetic<T>,
    flags: Flags<Flag>,
    x: { param: T; readonly grad: T } & Record<Slot, T>,
    c: Readonly<Record<Coefficient, T>>,
  ) {
    const torch = flags.arithmetic === "torch";

    let g = x.grad;
    if (flags.gradScale === "on") g = mul(c.gradScale, g);
    if (flags.weightDecay === "l2") {
      g = torch ? multiplyAdd(x.param, c.weightDecay, g) : add(g, mul(c.weightDecay, x.param));
    }

    let decayed = x.param;
    if (flags.weightDecay === "factor") {
      decayed = mul(c.paramDecay, x.param);
    } else if (flags.weightDecay === "subtracted") {
      decayed = sub(x.param, mul(mul(x.param, c.weightDecay), c.lr));
    }

    if (flags.arithmetic === "keras") {
      const scaled = mul(g, c.lr);
      const b = add(mul(x.momentumBuffer, c.momentum), scaled);
      x.momentumBuffer = b;
      x.param = sub(decayed, flags.momentum === "nesterov" ? add(mul(b, c.momentum), scaled) : b);
      return;
    }

    let d = g;
    if (flags.momentum !== "off") {
      let b = x.momentumBuffer;
      if (flags.momentum === "dampened") {
        b = torch
          ? multiplyAdd(g, c.oneMinusDampening, mul(b, c.momentum))
          : add(mul(c.momentum, b), mul(c.oneMinusDampening, g));
      } else {
        b = add(mul(c.momentum, b), g);
      }
      x.momentumBuffer = b;
      if (flags.momentum === "nesterov") {
        if (flags.arithmetic === "tensorflow") {
          x.param = sub(decayed, add(mul(g, c.lr), mul(mul(b, c.momentum), c.lr)));
          return;
        }
        d = torch ? multiplyAdd(b, c.momentum, g) : add(g, mul(c.momentum, b));
      } else {
        d = b;
      }
    }
    x.param = torch ? multiplyAdd(d, neg(c.lr), decayed) : sub(decayed, mul(c.lr, d));
  },
};

const noPreset: SGDPreset = { arithmetic: "standard", firstGradientCopied: true, options: {} };
const presetOf = ({ preset }: Pick<SGDOptions, "preset">): SGDPreset => (preset ? sgdPresets[preset] : noPreset);

function momentumFlag({ momentum, nesterov, dampening }: Required<SGDOptions>): string {
  if (momentum === 0) return "off";
  if (nesterov) return "nesterov";
  return dampening === 0 ? "classical" : "dampened";
}

/** SGD's options, and what they make of the rule. */
export const sgdDefinition: Definition<SGDOptions> = {
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
    } satisfies Record<Flag, string>;
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
    } satisfies Record<Coefficient, number>;
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
