// The options of stages, as users have them. Their defaults and domains are in stages.ts.

/** An exponential moving average of the weights. */
export interface Ema {
  /** How much of the average stays at each step that it takes in, from 0 to 1. */
  decay: number;
  /**
   * Keeps the decay low at first, at `min(decay, (1 + t) / (10 + t))`, where t is the number of steps that the average
   * has taken in before (`averaged` in the state). Default false. The formula is TensorFlow's, where `num_updates` is
   * t.
   */
  warmup?: boolean;
  /** The first of a parameter's steps that the average takes in, from 1. Default 1. */
  start?: number;
  /**
   * It takes in steps `start`, `start + every`, `start + 2 * every` and so on; a whole number of 1 or more. Default 1. With
   * `start` the same, these are the multiples, as of a loop that updates where `step % every` is 0.
   */
  every?: number;
}

/** What a group's steps do beside the rule, in this order: gradScale, clipValue, clipNorm, the rule, ema, zeroGrads. */
export interface StageOptions {
  /**
   * Multiplies the gradients before anything else, a finite number above 0. Default 1. For gradients of a loss that was
   * scaled by `s` it is `1 / s`; `lossScale` finds `s` itself.
   * @formula `grad = gradScale * grad`
   * @unit none
   * @systems Keras `loss_scale_factor`, PyTorch `grad_scale` and MXNet `rescale_grad`, of which the first two are its inverse
   */
  gradScale?: number;
  /**
   * Keeps each value of the gradients within `-clipValue` and `clipValue`, a finite number above 0. Default null, no
   * limit. It comes after `gradScale` and before clipping by norm. A NaN passes.
   * @formula `grad = min(max(grad, -clipValue), clipValue)`
   * @unit that of a gradient
   * @systems Keras `clipvalue`; PyTorch `clip_grad_value_`; MXNet `clip_gradient`; optax `clip`
   */
  clipValue?: number | null;
  /**
   * The largest norm of each parameter's gradient, a finite number above 0: a longer one is scaled down to it. Default
   * null, no limit. It comes before `clipGlobalNorm`, and before weight decay. Norms are summed up in double precision,
   * squares and all, so that no float32 gradient overflows; float64 gradients above 1e150 do, and are scaled to 0; those
   * below 1e-160 count as none. An infinite gradient has an infinite norm: it becomes NaN, and the others of its parameter
   * 0; see `skipNonFinite`. Where the factor is a subnormal number it is rounded toward 0, so that no norm exceeds its limit.
   * @formula `grad = grad * min(1, clipNorm / norm(grad))`
   * @unit that of a gradient
   * @systems Keras `clipnorm`; optax `clip_by_block_rms` is like it
   */
  clipNorm?: number | null;
  /**
   * Keeps an exponential moving average of the weights, in the slot `ema`; `swapEma()` puts it in their place, and back.
   * Default null, none. `{ decay, warmup, start, every }`: `warmup` keeps the decay low at first, `start` is the first of a
   * parameter's steps that the average takes in, default 1, and from there on it takes in every `every`-th, default 1. The
   * average begins with the parameters as they are after step `start`. If it is turned on later, or a loaded state has none,
   * it begins with the parameters as they are before the next step that it takes in. Turned off and on again, it goes on.
   * Once it has begun, the state has it, and with it `averaged`, the number of steps that it took in.
   * @formula `ema = decay * ema + (1 - decay) * param`, after the step; with `warmup` the decay is `min(decay, (1 + t) / (10 + t))`, t being `averaged` before the step
   * @unit `decay`: none, for each step that it takes in; `start`, `every`: steps
   * @systems Keras `use_ema` and `ema_momentum`; PyTorch `AveragedModel` with `get_ema_multi_avg_fn`; timm `ModelEmaV2`, and `update_after_step` of its `ModelEmaV3` is `start - 1`; optax `ema`; TensorFlow `ExponentialMovingAverage`, whose `num_updates` is `warmup`
   */
  ema?: Readonly<Ema> | null;
  /**
   * Sets the gradients to zero once a step has used them, in the same pass. Default false. Then no two parameters may
   * share a gradient. A step that is skipped leaves them.
   * @formula `grad = 0`, after the step
   * @unit none
   * @systems other systems take a pass of its own for it: PyTorch `zero_grad`
   */
  zeroGrads?: boolean;
}

/** How the scale of a loss moves. */
export interface LossScale {
  /** The first scale, from 2^-126 to 2^127. */
  initial: number;
  /** The factor of the scale after `growthInterval` calls in a row whose gradients were finite; 1 or more. */
  growthFactor: number;
  /** The factor of the scale after a call that was skipped; between 0 and 1. */
  backoffFactor: number;
  /** The calls in a row with finite gradients after which the scale grows; a whole number, 1 or more. */
  growthInterval: number;
}

/** The measures that `lastStep` can have: see StepInfo. */
export type Diagnostic = "gradNorm" | "updateNorm" | "largestUpdate" | "clipped" | "nonFinite";

/** Options of an optimizer as a whole, over all groups: for constructors only. */
export interface OptimizerOptions {
  /**
   * The largest norm of all gradients together, a finite number above 0: longer ones are scaled down to it. Default
   * null, no limit. It is measured after `clipValue` and `clipNorm`, over the parameters of this step. Where a gradient
   * has a NaN, all values of all gradients become NaN, as in PyTorch. Where one has an infinity, the norm is infinite
   * too: the infinity becomes NaN, and all finite values of every parameter 0. See `skipNonFinite`, and for the sizes
   * of gradients `clipNorm`. The squares of the parameters' norms are added group by group; in a group parameters of
   * equal counts (`step`, `averaged`, `accumulated`) follow one another, float32 before float64, else in the order in
   * which they were given. So the last bit of a norm may depend on which of them were stepped alone before, and on
   * nothing else: a training that is resumed from its state has the same bits.
   * @formula `grad = grad * min(1, clipGlobalNorm / norm(all grads))`
   * @unit that of a gradient
   * @systems Keras `global_clipnorm`; PyTorch `clip_grad_norm_`, which adds 1e-6 to the norm; optax
   * `clip_by_global_norm`
   */
  clipGlobalNorm?: number | null;
  /**
   * Skips a step where a gradient has a value that is not finite: it changes nothing at all, and `lastStep.skipped`
   * says so. Default false. Gradients are looked at before any clipping; accumulated ones as their sum.
   * @formula none
   * @unit none
   * @systems PyTorch `GradScaler` and Keras `LossScaleOptimizer` skip so; optax `apply_if_finite`
   */
  skipNonFinite?: boolean;
  /**
   * Finds a scale for the loss, so that gradients of low precision neither vanish nor overflow: multiply the loss by
   * `optimizer.lossScale` before the backward pass; the step divides the gradients by it. A step whose gradients have a
   * value that is not finite is skipped, and the scale then falls. Default null, none. The defaults of an object are
   * PyTorch's: { initial: 65536, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000 }. It stays within 2^-126
   * and 2^127.
   * @formula `grad = grad / lossScale`
   * @unit none
   * @systems PyTorch `GradScaler`; Keras `LossScaleOptimizer`
   */
  lossScale?: Partial<LossScale> | null;
  /**
   * Takes a step at every n-th call, with the mean of the gradients of these n calls; a whole number of 1 or more. Default
   * 1. Each call adds its gradients to the slot `gradAccumulator`, already scaled: divided by n, and multiplied by
   * `gradScale` and divided by `lossScale` as they are at that call. Only the call that takes the step counts one, asks for
   * the learning rate and clips. Calls are counted for each parameter.
   * @formula `gradAccumulator = gradAccumulator + (gradScale / (lossScale * n)) * grad`; at the n-th call
   * `grad = gradAccumulator`
   * @unit calls
   * @systems Keras `gradient_accumulation_steps`; optax `MultiSteps`
   */
  gradientAccumulationSteps?: number;
  /**
   * The measures that `lastStep` has beside the step: a list of "gradNorm", "updateNorm", "largestUpdate", "clipped"
   * and "nonFinite", or true for all of them. Default false, none. They are taken in the pass of the step; a measure
   * that is not asked for costs nothing.
   * @formula none
   * @unit none
   * @systems none
   */
  diagnostics?: boolean | readonly Diagnostic[];
}
