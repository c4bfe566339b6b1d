import type { Definition } from "../definition.ts";
import { OptimError } from "../errors.ts";
import { checkCoefficients, finite32, isFinite32, notIn32 } from "../options/number-domains.ts";
import { isRate, rateDomain } from "../options/option.ts";
import type { Entry } from "../parameters/group.ts";
import type { CheckedParameter } from "../parameters/parameter.ts";
import { gradScale } from "../rules/rule.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import { isSchedule } from "../schedules/schedule.ts";
import { show } from "../values/show.ts";
import type { Cohort, Plan } from "./plan.ts";

/** The last step that can be counted: beyond it a number plus 1 may be the same number. */
const lastStep = Number.MAX_SAFE_INTEGER;

/** @throws OptimError ERR_STATE where the coming step could not be counted. */
export function checkCount({ clock, entries }: Cohort<object>): void {
  if (clock.step < lastStep) return;
  const { name } = (entries[0] as Entry).parameter;
  throw new OptimError(
    "ERR_STATE",
    `Expected '${name}' to have taken fewer than ${lastStep} steps, because no more can be counted, but it has taken them all.`,
  );
}

/**
 * The learning rate of a step.
 * @throws OptimError ERR_OPTION where a function gives none, or one that a parameter's number type does not hold; also what
 * the function throws.
 */
export function rateAt(lr: LearningRate, step: number, entries: readonly Entry[]): number {
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
 * The coefficients of a step, in the rule's order.
 * @param scale A further factor of the gradients.
 * @throws OptimError ERR_OPTION where options, each in its domain, together make a number that the parameter's number
 * type does not hold.
 */
export function coefficientsOf<O extends object>(
  { rule, coefficients }: Definition<O>,
  options: Required<O>,
  rate: number,
  step: number,
  scale: number,
  parameter: CheckedParameter,
): readonly number[] {
  const named = coefficients(options, rate, step, parameter.type);
  const finished: number[] = [];
  for (let c = 0; c < rule.coefficients.length; c++) finished.push(named[rule.coefficients[c] as string] as number);
  finished[gradScale] = (finished[gradScale] as number) * scale;
  checkCoefficients(rule.coefficients, finished, parameter);
  return finished;
}

/** Whether the steps of a plan differ only in their number, until an option is set. */
export function isConstant<O extends { lr?: LearningRate }>({ staged, cohorts }: Plan<O>): boolean {
  if (staged) return false;
  for (let i = 0; i < cohorts.length; i++) {
    const { group, followsStep, finishedRate } = cohorts[i] as Cohort<O>;
    // An `lr` function gives a rate for each step, and may itself have set the option.
    if (followsStep || group.options.lr !== finishedRate) return false;
  }
  return true;
}

/** Whether the coming step repeats the last one, so that nothing has to be asked, made or computed. */
export function isRepeated<O extends object>({ repeats, cohorts }: Plan<O>): boolean {
  if (!repeats) return false;
  for (let i = 0; i < cohorts.length; i++) {
    const { group, finishedVersion, clock } = cohorts[i] as Cohort<O>;
    if (group.version !== finishedVersion || clock.step === lastStep) return false;
  }
  return true;
}
