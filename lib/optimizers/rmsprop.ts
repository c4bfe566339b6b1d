import { type Arithmetic, limit, sign } from "../arithmetic.ts";
import { complement, power } from "../coefficients.ts";
import type { Definition } from "../definition.ts";
import { Optimizer, type ParameterState, type ParamsInput } from "../optimizer.ts";
import {
  boolean,
  type CommonOptions,
  choice,
  decay,
  finite,
  fraction,
  type Gains,
  gainsOption,
  kept,
  type LearningRate,
  learningRate,
  lectureGains,
  stageOptions,
} from "../options.ts";
import { type RMSpropPreset, type RMSpropPresetName, rmspropPresets } from "../presets.ts";
import type { Flags, Rule } from "../rule.ts";
import type { OptimizerOptions } from "../stage-options.ts";
import type { FloatArray, NumberType } from "../typed-array.ts";

const { fround } = Math;

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

/** A parameter's state in RMSprop. Options decide which slots there are beside the first. */
export interface RMSpropState extends ParameterState {
  /** The moving average of squared gradients, an element for each of the parameter. */
  readonly squareAvg: FloatArray;
  /** The moving average of gradients; there with `centered`. */
  readonly gradAvg?: FloatArray;
  /** The velocity, in which steps add up; there with `momentum`, or with `gains`, where it may hold the last step only. */
  readonly momentumBuffer?: FloatArray;
  /** What each weight's steps are multiplied by; there with the option `gains`. */
  readonly gains?: FloatArray;
}

type Slot = "squareAvg" | "gradAvg" | "momentumBuffer" | "gains";
type Flag = "weightDecay" | "centered" | "momentum" | "biasCorrection" | "gains" | "arithmetic";
type Coefficient =
  | "gradScale"
  | "weightDecay"
  | "alpha"
  | "oneMinusAlpha"
  | "epsIn"
  | "epsOut"
  | "lrIn"
  | "momentum"
  | "lrOut"
  | "paramDecay"
  | "biasCorrection"
  | "gainUp"
  | "gainDown"
  | "gainMin"
  | "gainMax"
  | "decayRate"
  | "leastVariance";

/** The arithmetic of one element. The twin of native/kernels/rules/rmsprop.hpp. */
export const rmspropRule: Rule<Slot, Flag, Coefficient> = {
  name: "rmsprop",
  slots: ["squareAvg", "gradAvg", "momentumBuffer", "gains"],
  flags: {
    weightDecay: ["off", "l2", "subtracted"],
    centered: ["off", "on"],
    momentum: ["off", "classical", "nesterov"],
    biasCorrection: ["off", "on"],
    gains: ["off", "on"],
    // Which system's order of operations: no single order serves all of them to the last bit.
    arithmetic: ["standard", "torch", "torch2", "tensorflow", "keras", "tfjs", "optax"],
  },
  coefficients: [
    "gradScale",
    "weightDecay",
    "alpha",
    "oneMinusAlpha",
    "epsIn",
    "epsOut",
    "lrIn",
    "momentum",
    "lrOut",
    "paramDecay",
    "biasCorrection",
    "gainUp",
    "gainDown",
    "gainMin",
    "gainMax",
    "decayRate",
    "leastVariance",
  ],

  exists({ weightDecay, centered, momentum, biasCorrection, gains, arithmetic }) {
    const further = momentum === "nesterov" || biasCorrection === "on" || gains === "on";
    if (gains === "on" && momentum === "off") return false;
    if (weightDecay === "subtracted") {
      // Keras's, which differs from the standard where centered.
      return !further && arithmetic === (centered === "on" ? "keras" : "standard");
    }
    switch (arithmetic) {
      case "standard":
        return true;
      case "optax":
        return gains === "off";
      case "torch":
      case "tensorflow":
        return !further;
      default:
        return !further && centered === "on"; // elsewhere torch, and the standard
    }
  },

  uses(flags, slot) {
    switch (slot) {
      case "squareAvg":
        return true;
      case "gradAvg":
        return flags.centered === "on";
      case "momentumBuffer":
        return flags.momentum !== "off";
      case "gains":
        return flags.gains === "on";
    }
  },

  apply<T>(
    a: Arithmetic<T>,
    flags: Flags<Flag>,
    x: { param: T; readonly grad: T } & Record<Slot, T>,
    c: Readonly<Record<Coefficient, T>>,
  ) {
    const { constant, neg, add, sub, mul, div, sqrt, selectLess, multiplyAdd } = a;
    const torch = flags.arithmetic === "torch" || flags.arithmetic === "torch2";
    const tensorflow = flags.arithmetic === "tensorflow";

    let g = mul(c.gradScale, x.grad);
    if (flags.weightDecay === "l2") {
      g = torch ? multiplyAdd(x.param, c.weightDecay, g) : add(g, mul(c.weightDecay, x.param));
    }

    let v = x.squareAvg;
    if (torch) {
      v = multiplyAdd(mul(c.oneMinusAlpha, g), g, mul(v, c.alpha));
    } else if (tensorflow) {
      v = add(v, mul(sub(mul(g, g), v), c.oneMinusAlpha));
    } else {
      v = add(mul(c.alpha, v), mul(c.oneMinusAlpha, mul(g, g)));
    }
    x.squareAvg = v;
    const square = flags.biasCorrection === "on" ? div(v, c.biasCorrection) : v;

    let variance = square;
    if (flags.centered === "on") {
      let m = x.gradAvg;
      if (flags.arithmetic === "torch2") {
        const half = constant(0.5);
        const weight = selectLess(c.oneMinusAlpha, half, c.oneMinusAlpha, sub(c.oneMinusAlpha, constant(1)));
        m = multiplyAdd(weight, sub(g, m), selectLess(c.oneMinusAlpha, half, m, g));
      } else if (torch) {
        m = multiplyAdd(g, c.oneMinusAlpha, mul(m, c.alpha));
      } else if (tensorflow) {
        m = add(m, mul(sub(g, m), c.oneMinusAlpha));
      } else {
        m = add(mul(c.alpha, m), mul(c.oneMinusAlpha, g));
      }
      x.gradAvg = m;
      // Of one gradient, mean and mean square divided both leave no variance: the standard divides the latter alone.
      const corrected = flags.biasCorrection === "on" && flags.arithmetic === "optax";
      const mean = corrected ? div(m, c.biasCorrection) : m;

      if (torch) {
        variance = multiplyAdd(neg(mean), mean, square);
      } else if (flags.arithmetic === "tfjs") {
        variance = sub(square, add(mul(mean, mean), c.epsIn));
      } else {
        variance = sub(square, mul(mean, mean));
      }
    }
    // What centering leaves below zero by rounding counts as zero, and with the usual eps a subnormal number as the least
    // normal one.
    if (flags.arithmetic === "standard") {
      variance = selectLess(variance, c.leastVariance, c.leastVariance, variance);
    }
    if (flags.arithmetic !== "tfjs") variance = add(variance, c.epsIn);

    const root = add(sqrt(variance), c.epsOut);
    let d = flags.arithmetic === "optax" ? mul(c.lrIn, mul(div(constant(1), root), g)) : div(mul(c.lrIn, g), root);
    if (flags.gains === "on") {
      const gain = x.gains;
      const agreement = mul(sign(a, g), x.momentumBuffer); // does not underflow
      const lowered = selectLess(agreement, constant(0), mul(gain, c.gainDown), gain);
      const moved = selectLess(constant(0), agreement, add(gain, c.gainUp), lowered);
      x.gains = limit(a, moved, c.gainMin, c.gainMax);
      d = mul(x.gains, d);
    }
    if (flags.momentum !== "off") {
      const b = add(mul(c.momentum, x.momentumBuffer), d);
      x.momentumBuffer = b;
      d = flags.momentum === "nesterov" ? add(d, mul(c.momentum, b)) : b;
    }

    if (torch) {
      x.param = multiplyAdd(neg(c.lrOut), d, mul(c.paramDecay, x.param));
    } else if (flags.weightDecay === "subtracted") {
      x.param = sub(sub(x.param, mul(mul(x.param, c.weightDecay), c.decayRate)), mul(c.lrOut, d));
    } else {
      x.param = sub(mul(c.paramDecay, x.param), mul(c.lrOut, d));
    }
  },
};

const noPreset: RMSpropPreset = { arithmetic: "standard", complementIn: "double", decay: "factor", options: {} };
const presetOf = ({ preset }: Pick<RMSpropOptions, "preset">): RMSpropPreset =>
  preset ? rmspropPresets[preset] : noPreset;

/** The root of the least normal number. */
const leastRoot: Readonly<Record<NumberType, number>> = { float32: 1 / power(2, 63), float64: 1 / power(2, 511) };

/**
 * What a variance is kept from going below: zero, or where it changes no bit the least normal number. Of smaller ones, which
 * a mean square decays to, a processor takes the root in twice the time and more; beside an `eps` of some size the roots of
 * all of them vanish.
 */
function leastVariance(eps: number, type: NumberType): number {
  const root = leastRoot[type];
  const sum = type === "float32" ? fround(root + fround(eps)) : root + eps;
  return sum === (type === "float32" ? fround(eps) : eps) ? root * root : 0;
}

/** RMSprop's options, and what they make of the rule. */
export const rmspropDefinition: Definition<RMSpropOptions> = {
  name: "RMSprop",
  rule: rmspropRule,
  options: {
    lr: learningRate(0.01),
    alpha: decay(0.99),
    eps: kept(1e-8),
    epsInSqrt: boolean(false),
    momentum: fraction(0),
    nesterov: boolean(false),
    lrInMomentum: boolean(false),
    centered: boolean(false),
    biasCorrection: boolean(false),
    gains: gainsOption,
    weightDecay: finite(0),
    decoupledWeightDecay: boolean(false),
    initialSquareAvg: kept(0),
    maximize: boolean(false),
    ...stageOptions,
    preset: choice(Object.keys(rmspropPresets)),
  },
  presets: rmspropPresets,

  conflict(options) {
    const { preset, alpha, momentum, nesterov, biasCorrection, gains } = options;
    if (nesterov && momentum === 0) return "Expected 'momentum' to be above 0 with 'nesterov', but it is 0.";
    if (biasCorrection && alpha === 1) return "Expected 'alpha' to be below 1 with 'biasCorrection', but it is 1.";
    const { arithmetic, decay } = presetOf(options);
    // What a system named by a preset does not have, its arithmetic has not.
    const ours = arithmetic === "standard" && decay === "factor";
    const lacking = Object.entries({
      nesterov: nesterov && !ours && arithmetic !== "optax",
      biasCorrection: biasCorrection && !ours && arithmetic !== "optax",
      gains: gains !== null && !ours,
    }).find(([, lacks]) => lacks);
    return (
      lacking && `Expected no '${lacking[0]}' with the preset "${preset}", whose system has none, but it is given.`
    );
  },

  flags(options) {
    const { weightDecay, decoupledWeightDecay, centered, momentum, nesterov, biasCorrection, gains } = options;
    const { arithmetic, decay } = presetOf(options);
    const onlyCentered = { torch2: "torch", keras: "standard", tfjs: "standard" } as Readonly<Record<string, string>>;
    const decoupled = decay === "subtracted" ? "subtracted" : "off"; // as a factor it is a coefficient
    return {
      weightDecay: weightDecay === 0 ? "off" : decoupledWeightDecay ? decoupled : "l2",
      centered: centered ? "on" : "off",
      momentum: momentum === 0 && gains === null ? "off" : nesterov ? "nesterov" : "classical",
      biasCorrection: biasCorrection ? "on" : "off",
      gains: gains === null ? "off" : "on",
      arithmetic: (!centered && onlyCentered[arithmetic]) || arithmetic,
    } satisfies Record<Flag, string>;
  },

  dependsOnStep: ({ biasCorrection }) => biasCorrection,

  coefficients(options, lr, step, type) {
    const { alpha, eps, epsInSqrt, momentum, lrInMomentum, weightDecay, decoupledWeightDecay, maximize } = options;
    const { complementIn, decay } = presetOf(options);
    // Gains go by the sign of the step in the buffer, which must not vanish with the rate.
    const lrFirst = lrInMomentum || (momentum === 0 && options.gains === null);
    const gains = (options.gains ?? lectureGains) as Readonly<Gains>; // what is given was read over the lecture's
    // x * 1 and x + (-0) are x for every x, so that these two switch an operation off without a flag.
    return {
      gradScale: maximize ? -1 : 1,
      weightDecay,
      alpha,
      oneMinusAlpha: complement(alpha, complementIn === "double" ? "float64" : type),
      epsIn: epsInSqrt ? eps : -0,
      epsOut: epsInSqrt ? -0 : eps,
      lrIn: lrFirst ? lr : 1,
      momentum,
      lrOut: lrFirst ? 1 : lr,
      paramDecay: decoupledWeightDecay && decay === "factor" ? 1 - lr * weightDecay : 1,
      biasCorrection: options.biasCorrection ? 1 - power(alpha, step) : 1,
      gainUp: gains.up,
      gainDown: gains.down,
      gainMin: gains.min,
      gainMax: gains.max,
      decayRate: lr,
      leastVariance: leastVariance(epsInSqrt ? 0 : eps, type),
    } satisfies Record<Coefficient, number>;
  },

  initialOptions: ["initialSquareAvg"],
  initial(slot, { initialSquareAvg }) {
    if (slot === "gains") return 1;
    return slot === "squareAvg" ? initialSquareAvg + 0 : 0; // + 0: a mean square of -0 is one of 0
  },
};

/**
 * RMSprop (Hinton 2012, "Neural networks for machine learning", lecture 6e): divides each gradient by a moving root mean
 * square of its recent sizes. For each element, every operation rounded once:
 *
 *     g = grad (negated with `maximize`) + weightDecay * param
 *     squareAvg = alpha * squareAvg + (1 - alpha) * (g * g)
 *     variance = squareAvg, or with `centered`:
 *         gradAvg = alpha * gradAvg + (1 - alpha) * g
 *         variance = max(squareAvg - gradAvg * gradAvg, 0)
 *     with `biasCorrection` squareAvg is divided by 1 - alpha^t there, gradAvg is not
 *     d = g / (sqrt(variance) + eps), or with `epsInSqrt` g / sqrt(variance + eps)
 *     with `gains`: gains = limit(gains + up, gains * down or gains), d = gains * d
 *     with `momentum`: momentumBuffer = momentum * momentumBuffer + d
 *         d = momentumBuffer, or with `nesterov` d + momentum * momentumBuffer
 *     param = param - lr * d
 *
 * The learning rate multiplies `g` where there is no momentum, or with `lrInMomentum`. Decoupled weight decay multiplies
 * `param` in the last line by `1 - lr * weightDecay`. A preset may have another order of operations.
 * @example
 * ```js
 * import { RMSprop } from "rmsprop";
 *
 * // The minimum of (x - 3)^2 + (y + 1)^2.
 * const p = { name: "p", data: new Float32Array(2), grad: new Float32Array(2) };
 * const optimizer = new RMSprop([p], { lr: (step) => 0.1 / Math.sqrt(step), alpha: 0.9 });
 * for (let step = 0; step < 1000; step++) {
 *   p.grad.set([2 * (p.data[0] - 3), 2 * (p.data[1] + 1)]);
 *   optimizer.step();
 * }
 * console.log(p.data[0].toFixed(2), p.data[1].toFixed(2)); // 3.00 -1.00
 * ```
 */
export class RMSprop<N extends string = string> extends Optimizer<RMSpropOptions, RMSpropState, N> {
  /**
   * RMSprop: divides each gradient by a moving root mean square of its recent sizes.
   * @param params Parameters, or groups of them that override options. Their arrays are stepped in place.
   * @param options Those of its groups, and those of the optimizer as a whole.
   * @throws OptimError ERR_OPTION, ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_ALIASED, ERR_DETACHED or ERR_MEMORY.
   */
  constructor(params: ParamsInput<RMSpropOptions, N>, options?: RMSpropOptions & OptimizerOptions) {
    super(rmspropDefinition, params, options);
  }
}
