import type { Definition } from "../definition.ts";
import { complement, leastVariance, power } from "../numbers/power.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { Optimizer, type ParameterState, type ParamsInput } from "../optimizer.ts";
import { decay, finite, kept } from "../options/domains.ts";
import { boolean, choice, fraction } from "../options/option.ts";
import type { OptimizerOptions } from "../options/stage-options.ts";
import { stageOptions } from "../options/stages.ts";
import { rmspropRule } from "../rules/rmsprop.ts";
import { learningRate } from "../schedules/learning-rate.ts";
import {
  type Gains,
  gainsOption,
  lectureGains,
  type RMSpropOptions,
  type RMSpropPreset,
  rmspropPresets,
} from "./rmsprop-options.ts";

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

const noPreset: RMSpropPreset = { arithmetic: "standard", complementIn: "double", decay: "factor", options: {} };

const presetOf = ({ preset }: Pick<RMSpropOptions, "preset">): RMSpropPreset =>
  preset ? rmspropPresets[preset] : noPreset;

type Arithmetic = RMSpropPreset["arithmetic"];

/** The arithmetic that another one is where nothing is centered. */
const withoutCentering: { readonly [arithmetic in Arithmetic]?: Arithmetic } = {
  torch2: "torch",
  keras: "standard",
  tfjs: "standard",
};

/** RMSprop's options, and what they make of the rule. */
export const rmspropDefinition: Definition<RMSpropOptions, typeof rmspropRule> = {
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
    const decoupled = decay === "subtracted" ? "subtracted" : "off"; // as a factor it is a coefficient
    return {
      weightDecay: weightDecay === 0 ? "off" : decoupledWeightDecay ? decoupled : "l2",
      centered: centered ? "on" : "off",
      momentum: momentum === 0 && gains === null ? "off" : nesterov ? "nesterov" : "classical",
      biasCorrection: biasCorrection ? "on" : "off",
      gains: gains === null ? "off" : "on",
      arithmetic: (!centered && withoutCentering[arithmetic]) || arithmetic,
    };
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
    };
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
