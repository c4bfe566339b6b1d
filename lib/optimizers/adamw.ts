import type { Definition } from "../definition.ts";
import { Optimizer, type ParamsInput } from "../optimizer.ts";
import { finite } from "../options/domains.ts";
import { boolean, choice } from "../options/option.ts";
import type { OptimizerOptions } from "../options/stage-options.ts";
import type { adamRule } from "../rules/adam.ts";
import { type AdamOptions, type AdamState, adamDefinition, adamPresets } from "./adam.ts";

/** The options of `AdamW`: those of `Adam`, with other defaults of weight decay. */
export interface AdamWOptions extends AdamOptions<AdamWPresetName> {
  /**
   * Weight decay, 0 or more. Default 0.01. Decoupled, unless `decoupledWeightDecay` is false, which adds it to the
   * gradient (L2).
   * @unit one over that of `lr`; as L2 that of a gradient over that of the parameter
   * @systems PyTorch, Keras and optax `weight_decay`
   */
  weightDecay?: number;
  /**
   * Multiplies the parameter by `1 - lr * weightDecay` instead of adding to the gradient. Default true.
   * @formula `param = (1 - lr * weightDecay) * param - …`, the step of Adam behind it
   * @unit none
   * @systems PyTorch 2 `decoupled_weight_decay` of Adam; on in every AdamW
   */
  decoupledWeightDecay?: boolean;
}

export type AdamWPresetName = "torch";

const presets = { torch: { ...adamPresets.torch, options: {} } };

/** A parameter's state in AdamW: that of Adam. */
export type AdamWState = AdamState;

/** AdamW's options: it is Adam's rule with other defaults. */
export const adamwDefinition: Definition<AdamWOptions, typeof adamRule> = {
  ...adamDefinition,
  name: "AdamW",
  options: {
    ...adamDefinition.options,
    weightDecay: finite(0.01),
    decoupledWeightDecay: boolean(true),
    preset: choice(Object.keys(presets)),
  },
  presets,
};

/**
 * AdamW (Loshchilov and Hutter 2019, "Decoupled weight decay regularization"): Adam with a weight decay that multiplies
 * the parameter by `1 - lr * weightDecay` and does not enter the averages. It is `Adam` with other defaults,
 * `weightDecay: 0.01` and `decoupledWeightDecay: true`, and their states can be exchanged.
 */
export class AdamW<N extends string = string> extends Optimizer<AdamWOptions, AdamWState, N> {
  /**
   * AdamW: Adam with decoupled weight decay.
   * @param params Parameters, or groups of them that override options. Their arrays are stepped in place.
   * @param options Those of its groups, and those of the optimizer as a whole.
   * @throws OptimError ERR_OPTION, ERR_NAME, ERR_DTYPE, ERR_LENGTH, ERR_ALIASED, ERR_DETACHED or ERR_MEMORY.
   */
  constructor(params: ParamsInput<AdamWOptions, N>, options?: AdamWOptions & OptimizerOptions) {
    super(adamwDefinition, params, options);
  }
}
