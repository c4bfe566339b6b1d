import type { Backend } from "../backends/backend.ts";
import { Places } from "./places.ts";
import type { Cohort, Plan } from "./plan.ts";
import type { Findings, StepStages } from "./step-stages.ts";

/** Counts an optimizer's steps, and keeps the findings of the last. */
export class Progress {
  readonly places: Places;
  readonly #stages: StepStages;
  #lastStep = 0;
  #applied = false;
  #findings: Findings | undefined;

  constructor(backend: Backend, stages: StepStages) {
    this.places = new Places(backend);
    this.#stages = stages;
  }

  /** The step that was taken last: the highest of those of its parameters; 0 before the first. */
  get lastStep(): number {
    return this.#lastStep;
  }

  /** Whether the last call took a step of any parameter. */
  get applied(): boolean {
    return this.#applied;
  }

  /** The findings of the last call; undefined where it had no stages. */
  get findings(): Findings | undefined {
    return this.#findings;
  }

  /** Counts a repeated step, which differs from the last only in its number. */
  countAgain<O extends object>({ cohorts }: Plan<O>): void {
    let highest = 0;
    for (let i = 0; i < cohorts.length; i++) {
      const { clock } = cohorts[i] as Cohort<O>;
      clock.step++;
      if (clock.step > highest) highest = clock.step;
    }
    this.#lastStep = highest;
    this.#applied = true;
    this.#findings = undefined;
  }

  /**
   * Counts a step.
   * @param isOwn Whether it was over the parameters' own data.
   */
  count<O extends object>(plan: Plan<O>, isOwn: boolean): void {
    const { cohorts, stages, flushes } = plan;
    const skipped = stages !== undefined && this.#stages.skipped;
    let applies = false;
    let waiting = 0;
    for (let i = 0; i < cohorts.length; i++) {
      const cohort = cohorts[i] as Cohort<O>;
      const { clock } = cohort;
      applies ||= cohort.applies;
      if (!skipped) {
        clock.step += cohort.applies ? 1 : 0;
        clock.waiting = cohort.applies ? 0 : clock.waiting + 1;
        clock.averaged += stages && cohort.averages ? 1 : 0; // without stages, `averages` is of an earlier step
      }
      if (clock.waiting > waiting) waiting = clock.waiting;
      if (clock.step > this.#lastStep || i === 0) this.#lastStep = clock.step;
    }
    this.#applied = applies && !skipped;
    this.#findings = stages && this.#stages.settle({ applies, flushes, waiting, isEmpty: cohorts.length === 0 });
    if (!skipped && !(isOwn && this.places.areAllOwn)) this.places.note(plan);
  }
}
