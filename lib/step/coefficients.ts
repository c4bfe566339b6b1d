import type { Definition } from "../definition.ts";
import { OptimError } from "../errors.ts";
import { checkCoefficients, finite32, isFinite32, notIn32 } from "../options/number-domains.ts";
import { isRate, rateDomain } from "../options/option.ts";
import type { Entry } from "../parameters/group.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import { isSchedule } from "../schedules/schedule.ts";
import { show } from "../values/show.ts";
import type { Cohort, Plan } from "./plan.ts";
import type { StepStages } from "./stages.ts";

/** The coefficient `gradScale` is the first of every rule. */
const gradScale = 0;

/**
 * Asks each cohort's group for the learning rate of the coming step.
 * @throws OptimError ERR_OPTION where a function gives none, or one that a parameter's number type does not hold; ERR_STATE
 * where the step could not be counted; also what the function throws.
 */
export function askRates<O extends { lr?: LearningRate }>({ cohorts }: Plan<O>): void {
  for (let i = 0; i < cohorts.length; i++) {
    const cohort = cohorts[i] as Cohort<O>;
    if (!cohort.applies) continue;
    checkCount(cohort);
    cohort.rate = rateAt(cohort.group.options.lr as LearningRate, cohort.clock.step + 1, cohort.entries);
  }
}

/** The last step that can be counted: beyond it a number and the next are one. */
const lastStep = Number.MAX_SAFE_INTEGER;

function checkCount({ clock, entries }: Cohort<object>): void {
  if (clock.step < lastStep) return;
  const { name } = (entries[0] as Entry).parameter;
  throw new OptimError(
    "ERR_STATE",
    `Expected a step of '${name}' that can be counted, up to ${lastStep}, but that one is taken.`,
  );
}

function rateAt(lr: LearningRate, step: number, entries: readonly Entry[]): number {
  if (typeof lr === "number") return lr;
  const rate: unknown = typeof lr === "function" ? lr(step) : lr.rate(step);
  if (!isRate(rate)) {
    const uncalled = typeof lr === "function" && (typeof rate === "function" || isSchedule(rate));
    const hint = uncalled ? ": call a schedule first, as in 'lr: schedules.constant(0.1)'." : ".";
    throw new OptimError("ERR_OPTION", `Expected lr(${step}) to be ${rateDomain}, but it is ${show(rate)}${hint}`);
  }
  const narrow = isFinite32(rate) ? undefined : entries.find(({ parameter }) => parameter.type === "float32");
  if (narrow) throw notIn32(`lr(${step})`, finite32, narrow.parameter.name, rate);
  return rate;
}

/**
 * Computes the flags and coefficients of the coming step where what they depend on has changed.
 * @param stages Says what the rule has to multiply a group's gradients by. An object, not a callback: a closure per step
 * would be the step's only allocation.
 * @throws OptimError ERR_OPTION where options, each in its domain, together make a number that a parameter's number type
 * does not hold.
 */
export function finishCoefficients<O extends object>(
  definition: Definition<O>,
  { cohorts, backendGroups, flushes }: Plan<O>,
  stages: StepStages,
): void {
  const { rule } = definition;
  for (let i = 0; i < cohorts.length; i++) {
    const cohort = cohorts[i] as Cohort<O>;
    const { group, rate, clock } = cohort;
    if (!cohort.applies) continue;
    const step = clock.step + 1;
    const scale = stages.ruleScaleOf(group.stageOptions, flushes ? clock.waiting : 0);
    const same =
      cohort.finishedVersion === group.version && cohort.finishedRate === rate && cohort.finishedScale === scale;
    if (same && (!cohort.followsStep || cohort.finishedStep === step)) continue;
    for (const run of cohort.runs) {
      const [first] = backendGroups[run.group] as readonly Entry[];
      const { parameter } = first as Entry;
      const coefficients = definition.coefficients(group.options, rate, step, parameter.type);
      const finished: number[] = [];
      for (let c = 0; c < rule.coefficients.length; c++) finished.push(coefficients[rule.coefficients[c]] as number);
      finished[gradScale] = (finished[gradScale] as number) * scale;
      checkCoefficients(rule.coefficients, finished, parameter);
      run.variant = group.variant;
      run.coefficients = finished;
    }
    cohort.finishedVersion = group.version;
    cohort.finishedRate = rate;
    cohort.finishedStep = step;
    cohort.finishedScale = scale;
    cohort.followsStep = definition.dependsOnStep?.(group.options) ?? false;
  }
}

/** Whether a plan's steps differ in their number alone as long as no option is set. */
export function isConstant<O extends { lr?: LearningRate }>({ staged, cohorts }: Plan<O>): boolean {
  if (staged) return false;
  for (let i = 0; i < cohorts.length; i++) {
    const { group, followsStep, finishedRate } = cohorts[i] as Cohort<O>;
    // A function of the rate may have set another rate for the next step.
    if (followsStep || group.options.lr !== finishedRate) return false;
  }
  return true;
}

/** Whether the coming step is the last one again: then nothing is to be asked, made or computed for it. */
export function isRepeated<O extends object>({ repeats, cohorts }: Plan<O>): boolean {
  if (!repeats) return false;
  for (let i = 0; i < cohorts.length; i++) {
    const { group, finishedVersion, clock } = cohorts[i] as Cohort<O>;
    if (group.version !== finishedVersion || clock.step === lastStep) return false;
  }
  return true;
}
