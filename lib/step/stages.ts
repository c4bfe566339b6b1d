// What an optimizer's steps do beside the rule: from options to what a backend is told, and from what it found to
// `lastStep`.

import type { Report, Run, RunStages, Stages } from "../backends/backend.ts";
import { checkCoefficients } from "../options/number-domains.ts";
import type { Diagnostic, Ema, LossScale } from "../options/stage-options.ts";
import { type AnyStageOptions, leastLossScale, mostLossScale, type WholeOptions } from "../options/stages.ts";
import type { Clock, Entry } from "../parameters/group.ts";
import type { LossScaleState, LossScaling } from "../state/loss-scale.ts";
import type { Cohort, Plan } from "./plan.ts";

/** What a step found. What is neither asked for by `diagnostics` nor known anyway is left out. */
export interface Findings {
  /** Whether it changed nothing, because a gradient was not finite. */
  readonly skipped: boolean;
  /** Where gradients are accumulated: how many calls wait for a step; 0 after one. */
  readonly accumulated?: number;
  /**
   * The norm of all gradients of the step, scaled, clipped by value, and before they are clipped by norm. `clipGlobalNorm`
   * says in which order it is added up.
   */
  readonly gradNorm?: number;
  /** The norm of all that the rule changed of the parameters, weight decay among it. */
  readonly updateNorm?: number;
  /** The largest of these changes, by magnitude; NaN where one of them is. */
  readonly largestUpdate?: number;
  /** How many values of the gradients were clipped by value. */
  readonly clipped?: number;
  /** How many values of the gradients were not finite. */
  readonly nonFinite?: number;
}

/** Whether an average takes in a parameter's step. */
function takesIn(ema: Readonly<Ema> | null, step: number): boolean {
  if (!ema) return false;
  const { start = 1, every = 1 } = ema;
  return step >= start && (step - start) % every === 0;
}

/** The decay of an average in the coming step, which it takes in: it begins as what step `start` leaves. */
function decayOf({ decay, warmup = false, start = 1 }: Readonly<Ema>, { step, averaged }: Clock): number {
  if (averaged === 0 && step + 1 === start) return 0;
  const warm = (1 + averaged) / (10 + averaged);
  return warmup && warm < decay ? warm : decay;
}

/** The stages of one optimizer. */
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
   * What the rule has to multiply a group's gradients by: where a stage does, nothing.
   * @param flushed How many calls' gradients are flushed; 0 where none are.
   */
  ruleScaleOf(options: AnyStageOptions, flushed: number): number {
    if (options.clipValue !== null) return 1;
    if (flushed === 0 && this.options.gradientAccumulationSteps > 1) return 1;
    return this.#scaleOf(options, flushed);
  }

  /**
   * What a group's gradients are multiplied by in the coming step. A sum that is flushed is scaled for a whole window
   * already: that becomes the mean of the calls that there were.
   * @param flushed As for `ruleScaleOf`.
   */
  #scaleOf({ gradScale }: AnyStageOptions, flushed: number): number {
    const { gradientAccumulationSteps } = this.options;
    if (flushed > 0) return gradientAccumulationSteps / flushed;
    return gradScale / ((this.lossScale?.scale ?? 1) * gradientAccumulationSteps);
  }

  /** Chooses which cohorts take the coming step, and which only accumulate. */
  choose<O extends object>({ cohorts }: Plan<O>): void {
    const { gradientAccumulationSteps } = this.options;
    for (let i = 0; i < cohorts.length; i++) {
      const cohort = cohorts[i] as Cohort<O>;
      cohort.applies = cohort.clock.waiting + 1 >= gradientAccumulationSteps;
    }
  }

  /**
   * Writes what the coming step is to do into a plan's runs.
   * @throws OptimError ERR_OPTION where a number type does not hold what its gradients are to be multiplied by.
   */
  prepare<O extends object>({ cohorts, backendGroups, flushes }: Plan<O>): Stages {
    const accumulates = !flushes && this.options.gradientAccumulationSteps > 1;
    let applies = false;
    for (let i = 0; i < cohorts.length; i++) {
      const cohort = cohorts[i] as Cohort<O>;
      const { clock } = cohort;
      const options = cohort.group.options as unknown as AnyStageOptions;
      applies ||= cohort.applies;
      cohort.averages = cohort.applies && takesIn(options.ema, clock.step + 1);
      const decay = cohort.averages ? decayOf(options.ema as Ema, clock) : 0;
      for (let r = 0; r < cohort.runs.length; r++) {
        const { stages: run, group } = cohort.runs[r] as Run & { stages: RunStages };
        const scale = this.#scaleOf(options, flushes ? clock.waiting : 0);
        if (run.scale !== scale) {
          const [first] = backendGroups[group] as readonly Entry[];
          checkCoefficients(["gradScale"], [scale], (first as Entry).parameter);
        }
        run.accumulates = accumulates;
        run.applies = cohort.applies;
        run.scale = scale;
        run.clipValue = options.clipValue ?? Number.POSITIVE_INFINITY;
        run.clipNorm = (cohort.applies ? options.clipNorm : null) ?? Number.POSITIVE_INFINITY;
        run.averages = cohort.averages;
        run.decay = decay;
        run.oneMinusDecay = 1 - decay;
        // What is flushed is an accumulator, which a step leaves empty.
        run.zeroes = flushes || options.zeroGrads;
      }
    }
    this.#stages.clipGlobalNorm = (applies ? this.options.clipGlobalNorm : null) ?? Number.POSITIVE_INFINITY;
    return this.#stages;
  }

  /** Moves the scale of the loss, and says what a step found that these cohorts took. */
  settle<O extends object>({ cohorts, flushes }: Plan<O>): Findings {
    const { skipNonFinite, measures, report } = this.#stages;
    const { skipped } = report;
    // A flush has no gradients of its own, whose loss a scale would have multiplied.
    if (cohorts.length > 0 && !flushes) this.#moveLossScale(skipped);
    let applied = false;
    let waiting = 0;
    for (let i = 0; i < cohorts.length; i++) {
      const { clock, applies } = cohorts[i] as Cohort<O>;
      applied ||= applies;
      waiting = Math.max(waiting, skipped ? clock.waiting : applies ? 0 : clock.waiting + 1);
    }
    const found: { -readonly [Name in keyof Findings]: Findings[Name] } = { skipped };
    if (this.options.gradientAccumulationSteps > 1) found.accumulated = waiting;
    if (applied && (measures.gradNorm || this.options.clipGlobalNorm !== null)) found.gradNorm = report.gradNorm;
    if (applied && !skipped && this.#measures.has("updateNorm")) found.updateNorm = report.updateNorm;
    if (applied && !skipped && this.#measures.has("largestUpdate")) found.largestUpdate = report.largestUpdate;
    if (applied && measures.clipped) found.clipped = report.clipped;
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
