import type { StageOptions } from "./stage-options.ts";

/** The options that every optimizer has. */
export interface CommonOptions<PresetName extends string> extends StageOptions {
  /**
   * Weight decay, 0 or more. Default 0. Added to the gradient (L2), unless `decoupledWeightDecay`.
   * @unit that of a gradient over that of the parameter; decoupled, one over that of `lr`
   * @systems L2: PyTorch and timm `weight_decay`, MXNet `wd`. Decoupled: Keras `weight_decay`
   */
  weightDecay?: number;
  /**
   * Multiplies the parameter by `1 - lr * weightDecay` instead of adding to the gradient. Default false.
   * @unit none
   * @systems timm `decoupled_decay`; on in Keras; optax by a chain with `add_decayed_weights`
   */
  decoupledWeightDecay?: boolean;
  /**
   * Steps up the gradient instead of down. Default false.
   * @unit none
   * @systems PyTorch `maximize`
   */
  maximize?: boolean;
  /**
   * The options and the order of operations of another system, to the last bit; docs/presets.md has the table. Options
   * given beside it override it. Given to a constructor or a group, it cannot be set afterwards. Default null, none.
   * @formula docs/presets.md has those of each system
   * @unit none
   * @systems none: each has its own order of operations
   */
  preset?: PresetName | null;
}
