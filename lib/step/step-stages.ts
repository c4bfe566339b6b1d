// Stages, what an optimizer's steps do beside the rule: from options to a backend's orders, and from its report to
// `lastStep`.

import type { Report, RunStages, Stages } from "../backends/backend.ts";
import { checkCoefficients } from "../options/number-domains.ts";
import type { Diagnostic, Ema, LossScale } from "../options/stage-options.ts";
import { type AnyStageOptions, leastLossScale, mostLossScale, type WholeOptions } from "../options/stages.ts";
import type { Clock } from "../parameters/group.ts";
import type { CheckedParameter } from "../parameters/parameter.ts";
import type { LossScaleState, LossScaling } from "../state/loss-scale.ts";

/** The findings of a step: those that `diagnostics` asks for, and those that are known anyway. */
export interface Findings {
  /** Whether it changed nothing, because a gradient was not finite. */
  readonly skipped: boolean;
  /** Where gradients are accumulated: the number of calls that wait for a step; 0 after one. */
  readonly accumulated?: number;
  /**
   * The norm of all gradients of the step, scaled, clipped by value, and before they are clipped by norm. `clipGlobalNorm`
   * says in which order it is added up.
   */
  readonly gradNorm?: number;
  /** The norm of the change that the rule made to the parameters, weight decay included. */
  readonly updateNorm?: number;
  /** The largest of these changes, by magnitude; NaN where one of them is. */
  readonly largestUpdate?: number;
  /** The number of gradient values that were clipped by value. */
  readonly clipped?: number;
  /** The number of gradient values that were not finite. */
  readonly nonFinite?: number;
}

/**
 * The decay of an average that takes in the coming step. At step `start` it is 0, so that the average begins as that
 * step leaves the weights.
 */
function decayOf({ decay, warmup = false, start = 1 }: Readonly<Ema>, { step, averaged }: Clock): number {
  if (averaged === 0 && step + 1 === start) return 0;
  const warm = (1 + averaged) / (10 + averaged);
  return warmup && warm < decay ? warm : decay;
}

/** What stages need to know of a step that is done. */
export interface Taken {
  /** Whether it was to take a step of any parameter, and not only to accumulate. */
  readonly applies: boolean;
  readonly flushes: boolean;
  /** The most calls that wait for the step of a parameter. */
  readonly waiting: number;
  /** Whether it was of no parameter. */
  readonly isEmpty: boolean;
}

/** The stages of one optimizer. They know no plan. */
export class StepStages implements LossScaling {
  readonly options: WholeOptions;
  readonly lossScale: LossScaleState | undefined;
  readonly #stages: Stages;
  readonly #measures: ReadonlySet<Diagnostic>;

  constructor(options: WholeOptions) {
    this.options = options;
    const { skipNonFinite, lossScale, diagnostics } = options;
    if (lossScale) this.lossScale = { scale: lossScale.initial, goodSteps: 0 };
    const measures = new Set(diagnostics || []);
    this.#measures = measures;
    this.#stages = {
      skipNonFinite: skipNonFinite || lossScale !== null,
      clipGlobalNorm: Number.POSITIVE_INFINITY,
      measures: {
        gradNorm: measures.has("gradNorm"),
        nonFinite: measures.has("nonFinite"),
        clipped: measures.has("clipped"),
        update: measures.has("updateNorm") || measures.has("largestUpdate"),
      },
      report: {} as Report,
    };
  }

  /**
   * The factor by which the rule multiplies a group's gradients; 1 where a stage multiplies them.
   * @param flushed The number of calls whose gradients are flushed; 0 where none are.
   */
  ruleScaleOf(options: AnyStageOptions, flushed: number): number {
    if (options.clipValue !== null) return 1;
    if (flushed === 0 && this.options.gradientAccumulationSteps > 1) return 1;
    return this.#scaleOf(options, flushed);
  }

  /**
   * The factor of a group's gradients in the coming step. A flushed sum was scaled for a whole window; the factor makes
   * it the mean of the calls that came.
   * @param flushed As for `ruleScaleOf`.
   */
  #scaleOf({ gradScale }: AnyStageOptions, flushed: number): number {
    const { gradientAccumulationSteps } = this.options;
    if (flushed > 0) return gradientAccumulationSteps / flushed;
    return gradScale / ((this.lossScale?.scale ?? 1) * gradientAccumulationSteps);
  }

  /** Whether a parameter's coming call takes a step, and does not only accumulate. */
  takesStep({ waiting }: Clock): boolean {
    return waiting + 1 >= this.options.gradientAccumulationSteps;
  }

  /** Whether the average of the weights takes in a parameter's coming step. */
  takesAverage({ ema }: AnyStageOptions, { step }: Clock): boolean {
    if (!ema) return false;
    const { start = 1, every = 1 } = ema;
    const coming = step + 1;
    return coming >= start && (coming - start) % every === 0;
  }

  /**
   * Writes the stages of a run in the coming step.
   * @param averages As `takesAverage` says of a call that takes a step.
   * @param flushed As for `ruleScaleOf`.
   * @param parameter One of the run's.
   * @throws OptimError ERR_OPTION where its number type does not hold the factor of the gradients.
   */
  describeRun(
    run: RunStages,
    options: AnyStageOptions,
    clock: Clock,
    applies: boolean,
    averages: boolean,
    flushed: number,
    parameter: CheckedParameter,
  ): void {
    const scale = this.#scaleOf(options, flushed);
    if (run.scale !== scale) checkCoefficients(["gradScale"], [scale], parameter);
    const decay = averages ? decayOf(options.ema as Ema, clock) : 0;
    run.accumulates = flushed === 0 && this.options.gradientAccumulationSteps > 1;
    run.applies = applies;
    run.scale = scale;
    run.clipValue = options.clipValue ?? Number.POSITIVE_INFINITY;
    run.clipNorm = (applies ? options.clipNorm : null) ?? Number.POSITIVE_INFINITY;
    run.averages = averages;
    run.decay = decay;
    run.oneMinusDecay = 1 - decay;
    // A flush reads the accumulator in the gradient's place, and leaves it empty.
    run.zeroes = flushed > 0 || options.zeroGrads;
  }

  /** @param applies Whether the coming call takes a step of any parameter. */
  describeStep(applies: boolean): Stages {
    this.#stages.clipGlobalNorm = (applies ? this.options.clipGlobalNorm : null) ?? Number.POSITIVE_INFINITY;
    return this.#stages;
  }

  /** Whether the step that is done changed nothing. */
  get skipped(): boolean {
    return this.#stages.report.skipped;
  }

  /** Moves the scale of the loss, and returns the findings of the step that is done. */
  settle({ applies, flushes, waiting, isEmpty }: Taken): Findings {
    const { skipNonFinite, measures, report } = this.#stages;
    const { skipped } = report;
    // A flush has no gradients of its own, so it tells nothing of the loss's scale.
    if (!isEmpty && !flushes) this.#moveLossScale(skipped);
    const found: { -readonly [Name in keyof Findings]: Findings[Name] } = { skipped };
    if (this.options.gradientAccumulationSteps > 1) found.accumulated = waiting;
    if (applies && (measures.gradNorm || this.options.clipGlobalNorm !== null)) found.gradNorm = report.gradNorm;
    if (applies && !skipped && this.#measures.has("updateNorm")) found.updateNorm = report.updateNorm;
    if (applies && !skipped && this.#measures.has("largestUpdate")) found.largestUpdate = report.largestUpdate;
    if (applies && measures.clipped) found.clipped = report.clipped;
    if (skipNonFinite || measures.nonFinite) found.nonFinite = report.nonFinite;
    return found;
  }

  #moveLossScale(skipped: boolean): void {
    const state = this.lossScale;
    if (!state) return;
    const { growthFactor, backoffFactor, growthInterval } = this.options.lossScale as LossScale;
    state.goodSteps = skipped ? 0 : state.goodSteps + 1;
    const grows = state.goodSteps >= growthInterval;
    if (grows) state.goodSteps = 0;
    const factor = skipped ? backoffFactor : grows ? growthFactor : 1;
    state.scale = Math.min(Math.max(state.scale * factor, leastLossScale), mostLossScale);
  }
}
