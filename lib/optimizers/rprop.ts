import type { Definition, Preset } from "../definition.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { Optimizer, type ParameterState, type ParamsInput } from "../optimizer.ts";
import type { CommonOptions } from "../options/common.ts";
import { finite, kept, pair } from "../options/domains.ts";
import { isFinite32, kept32 } from "../options/number-domains.ts";
import { boolean, choice, type Float32Domain } from "../options/option.ts";
import type { OptimizerOptions } from "../options/stage-options.ts";
import { stageOptions } from "../options/stages.ts";
import { rpropRule } from "../rules/rprop.ts";
import type { FlagsOf } from "../rules/rule.ts";

/** The options of `Rprop`: its own, and those that every optimizer has. */
export interface RpropOptions extends CommonOptions<RpropPresetName> {
  /**
   * The step size before the first step: a finite number of 0 or more. Default 0.01. After a
   * parameter's first step it is the rate of decoupled weight decay alone, and cannot be set where there is none.
   * @formula `stepSize = lr` before the first step
   * @unit that of the parameter
   * @systems PyTorch `lr`; optax `learning_rate`
   */
  lr?: number;
  /**
   * What the step size is multiplied by where the gradient has changed its sign, and where it has kept it: two numbers,
   * 0 < etas[0] < 1 < etas[1]. Default [0.5, 1.2].
   * @formula `stepSize = stepSize * etas[0]` where the sign has changed, and no step there; `stepSize = stepSize * etas[1]`
   * where it is the same; then `param = param - sign(grad) * stepSize`
   * @unit none
   * @systems PyTorch `etas`; optax `eta_minus`, `eta_plus`
   */
  etas?: readonly [number, number];
  /**
   * The smallest and the largest step size. Default [1e-6, 50].
   * @formula `stepSize = min(max(stepSize, stepSizes[0]), stepSizes[1])`
   * @unit that of the parameter
   * @systems PyTorch `step_sizes`; optax `min_step_size`, `max_step_size`
   */
  stepSizes?: readonly [number, number];
}

export interface RpropPreset extends Preset<RpropOptions> {
  /** The rule's flag. */
  readonly arithmetic: FlagsOf<typeof rpropRule>["arithmetic"];
}

export type RpropPresetName = "torch" | "optax";

export const rpropPresets: Readonly<Record<RpropPresetName, RpropPreset>> = {
  torch: { arithmetic: "torch", options: {} },
  optax: { arithmetic: "optax", options: {} },
};

/** A parameter's state in Rprop. */
export interface RpropState extends ParameterState {
  /** The gradient of the step before; 0 where its sign had changed. */
  readonly prev: FloatArray;
  /** The size of each weight's next step, before its gradient's sign is compared with that in `prev`. */
  readonly stepSize: FloatArray;
}

const noPreset: RpropPreset = { arithmetic: "standard", options: {} };

const presetOf = ({ preset }: Pick<RpropOptions, "preset">): RpropPreset => (preset ? rpropPresets[preset] : noPreset);

const areEtas = (minus: number, plus: number) => 0 < minus && minus < 1 && 1 < plus;

const etas32: Float32Domain = {
  domain: "two numbers that are finite there, and neither 0 nor 1,",
  accepts(value) {
    const [minus, plus] = (value as [number, number]).map(Math.fround) as [number, number];
    return areEtas(minus, plus) && isFinite32(plus);
  },
};

/** Rprop's options, and what they make of the rule. */
export const rpropDefinition: Definition<RpropOptions, typeof rpropRule> = {
  name: "Rprop",
  rule: rpropRule,
  options: {
    lr: kept(0.01),
    etas: pair([0.5, 1.2], "two numbers, [minus, plus] with 0 < minus < 1 < plus", etas32, areEtas),
    stepSizes: pair(
      [1e-6, 50],
      "two finite numbers, [min, max] with 0 <= min <= max",
      { ...kept32, domain: `two numbers that are each ${kept32.domain},` },
      (min, max) => min <= max,
    ),
    weightDecay: finite(0),
    decoupledWeightDecay: boolean(false),
    maximize: boolean(false),
    ...stageOptions,
    preset: choice(Object.keys(rpropPresets)),
  },
  presets: rpropPresets,

  conflict: () => undefined,

  flags(options) {
    const { weightDecay, decoupledWeightDecay, maximize } = options;
    return {
      gradScale: maximize ? "on" : "off",
      weightDecay: weightDecay === 0 ? "off" : decoupledWeightDecay ? "factor" : "l2",
      arithmetic: presetOf(options).arithmetic,
    };
  },

  coefficients({ weightDecay, decoupledWeightDecay, etas, stepSizes, maximize }, lr) {
    return {
      gradScale: maximize ? -1 : 1,
      weightDecay,
      paramDecay: decoupledWeightDecay ? 1 - lr * weightDecay : 1,
      etaMinus: etas[0],
      etaPlus: etas[1],
      minStepSize: stepSizes[0],
      maxStepSize: stepSizes[1],
    };
  },

  initialOptions: ["lr"],
  usesLater: (_, { weightDecay, decoupledWeightDecay }) => decoupledWeightDecay && weightDecay > 0,
  initial: (slot, { lr }) => (slot === "stepSize" ? lr + 0 : 0), // + 0: a step size of -0 is one of 0
};

/**
 * Rprop (Riedmiller and Braun 1993; without weight backtracking, iRprop- of Igel and Hüsken 2000): goes by the signs of
 * gradients alone, with a step size for each element. It is for full batches. For each element:
 *
 *     g = grad (negated with `maximize`) + weightDecay * param
 *     where g and prev have the same sign: stepSize = stepSize * etas[1]
 *     where their signs differ: stepSize = stepSize * etas[0], g = 0
 *     stepSize is kept within stepSizes
 *     prev = g
 *     param = param - sign(g) * stepSize
 *
 * The signs are compared, not multiplied as values, so that the agreement of tiny gradients is not lost where their
 * product underflows; presets keep that of their systems. Decoupled weight decay multiplies `param` in the last line by
 * `1 - lr * weightDecay`.
 */
export class Rprop<N extends string = string> extends Optimizer<RpropOptions, RpropState, N> {
  /**
   * Rprop: goes by the signs of gradients alone, with a step size for each element; for full batches.
   * @param params Parameters, or groups of them that override options. Their arrays are stepped in place.
   * @param options Those of its groups, and those of the optimizer as a whole.
   * @throws OptimError ERR_OPTION, ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_ALIASED, ERR_DETACHED or ERR_MEMORY.
   */
  constructor(params: ParamsInput<RpropOptions, N>, options?: RpropOptions & OptimizerOptions) {
    super(rpropDefinition, params, options);
  }
}
