// The planner's writing into its plans: for the coming step, and what they are bound to. It alone calls these.
import type { RunStages, Stages } from "../backends/backend.ts";
import type { Definition } from "../definition.ts";
import { Liveness } from "../memory/liveness.ts";
import type { Clock, Entry } from "../parameters/group.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import type { Binding, Spare } from "./binding.ts";
import { checkCount, coefficientsOf, rateAt } from "./coefficients.ts";
import { type Cohort, type Draft, hasClock, type Plan } from "./plan.ts";
import type { StepStages } from "./step-stages.ts";

/** Chooses which cohorts take the coming step, and which only accumulate. */
export function choose<O extends object>({ cohorts }: Plan<O>, stages: StepStages): void {
  for (let i = 0; i < cohorts.length; i++) {
    const cohort = cohorts[i] as Draft<Cohort<O>>;
    cohort.applies = stages.takesStep(cohort.clock);
  }
}

/**
 * Asks each cohort's group for the learning rate of the coming step.
 * @throws OptimError ERR_OPTION, ERR_STATE, as `rateAt` and `checkCount` do; also what a function of the rate throws.
 */
export function askRates<O extends { lr?: LearningRate }>({ cohorts }: Plan<O>): void {
  for (let i = 0; i < cohorts.length; i++) {
    const cohort = cohorts[i] as Draft<Cohort<O>>;
    if (!cohort.applies) continue;
    checkCount(cohort);
    const { group } = cohort;
    cohort.rate = group.rate = rateAt(group.options.lr as LearningRate, cohort.clock.step + 1, cohort.entries);
  }
}

/** The number of calls whose gradients a step flushes of a cohort; 0 where it flushes none. */
const flushedOf = <O extends object>({ flushes }: Plan<O>, { waiting }: Clock) => (flushes ? waiting : 0);

const firstOf = <O extends object>({ backendGroups }: Plan<O>, group: number) =>
  ((backendGroups[group] as readonly Entry[])[0] as Entry).parameter;

/**
 * Computes the flags and coefficients of the coming step where their inputs have changed. A refused step may leave some
 * of them changed; the next step computes those again.
 * @throws OptimError ERR_OPTION as `coefficientsOf` does.
 */
export function finishCoefficients<O extends object>(
  definition: Definition<O>,
  plan: Plan<O>,
  stages: StepStages,
): void {
  const { cohorts } = plan;
  for (let i = 0; i < cohorts.length; i++) {
    const cohort = cohorts[i] as Draft<Cohort<O>>;
    const { group, rate, clock } = cohort;
    if (!cohort.applies) continue;
    const step = clock.step + 1;
    const scale = stages.ruleScaleOf(group.stageOptions, flushedOf(plan, clock));
    const same =
      cohort.finishedVersion === group.version && cohort.finishedRate === rate && cohort.finishedScale === scale;
    if (same && (!cohort.followsStep || cohort.finishedStep === step)) continue;
    for (const run of cohort.runs) {
      const parameter = firstOf(plan, run.group);
      const coefficients = coefficientsOf(definition, group.options, rate, step, scale, parameter);
      run.variant = group.variant;
      run.coefficients = coefficients;
    }
    cohort.finishedVersion = group.version;
    cohort.finishedRate = rate;
    cohort.finishedStep = step;
    cohort.finishedScale = scale;
    cohort.followsStep = definition.dependsOnStep?.(group.options) ?? false;
  }
}

/**
 * Writes the stages of the coming step.
 * @throws OptimError ERR_OPTION as `StepStages.describeRun` does.
 */
export function describeStages<O extends object>(plan: Plan<O>, stages: StepStages): Stages {
  const { cohorts } = plan;
  let applies = false;
  for (let i = 0; i < cohorts.length; i++) {
    const cohort = cohorts[i] as Draft<Cohort<O>>;
    const { clock, runs } = cohort;
    const { stageOptions } = cohort.group;
    const averages = cohort.applies && stages.takesAverage(stageOptions, clock);
    const flushed = flushedOf(plan, clock);
    applies ||= cohort.applies;
    cohort.averages = averages;
    for (const run of runs) {
      const parameter = firstOf(plan, run.group);
      stages.describeRun(run.stages as RunStages, stageOptions, clock, cohort.applies, averages, flushed, parameter);
    }
  }
  return stages.describeStep(applies);
}

/** Puts a binding into its plan, with the options that it was made for. */
export function keepBinding<O extends object>(plan: Plan<O>, { bound, liveness, staged }: Binding): void {
  const draft = plan as Draft<Plan<O>>;
  draft.bound = bound;
  draft.liveness = liveness;
  draft.staged = staged;
  for (let i = 0; i < plan.cohorts.length; i++) {
    const cohort = plan.cohorts[i] as Draft<Cohort<O>>;
    cohort.boundVersion = cohort.group.preparedVersion;
    cohort.zeroes = cohort.group.stageOptions.zeroGrads;
  }
}

/**
 * Takes a plan's binding away, with the memory that it watches, and returns it for another to take its place. The backend can
 * repeat no step of the plan then.
 */
export function unbind<O extends object>(plan: Plan<O>): Spare | undefined {
  const draft = plan as Draft<Plan<O>>;
  const { bound, staged } = draft;
  draft.repeats = false;
  draft.bound = undefined;
  draft.liveness = unbound;
  return bound && { bound, staged };
}

/** Watches nothing. */
const unbound = new Liveness();

/**
 * Gives each cohort a clock that its entries share and no other entry has, so that a step advances them all by one count.
 * @returns whether any entry's clock changed: then other plans over it no longer hold.
 */
export function shareClocks<O extends object>({ cohorts }: Plan<O>): boolean {
  let changed = false;
  for (let i = 0; i < cohorts.length; i++) {
    const cohort = cohorts[i] as Draft<Cohort<O>>;
    if (hasClock(cohort)) continue;
    const { entries, clock } = cohort;
    changed = true;
    cohort.clock = { ...clock, members: entries.length };
    for (let e = 0; e < entries.length; e++) {
      const entry = entries[e] as Entry;
      entry.clock.members--;
      entry.clock = cohort.clock;
    }
  }
  return changed;
}
