import { OptimError } from "../errors.ts";
import { isRate, rateDomain } from "../options/option.ts";
import { show, showList } from "../values/show.ts";
import { callFirst, checkStep } from "./domains.ts";
import type { ScheduleFunction } from "./functions.ts";
import { isSchedule, loadSchedules, type Rate, type Schedule, type ScheduleState } from "./schedule.ts";

/** The rate of a member at one of its steps. */
function rateOf(member: Rate, step: number): number {
  if (typeof member === "number") return member;
  return typeof member === "function" ? member(step) : member.rate(step);
}

function checkMembers(owner: string, members: unknown): asserts members is readonly Rate[] {
  if (!Array.isArray(members) || members.length === 0) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected ${owner} to be given a list of one schedule or more, but it is ` +
        (Array.isArray(members) ? "empty." : `${show(members)}${callFirst(owner, "[ … ]")}`),
    );
  }
  members.forEach((member, i) => {
    if (isRate(member) || typeof member === "function" || isSchedule(member)) return;
    throw new OptimError(
      "ERR_OPTION",
      `Expected schedule ${i} of ${owner} to be ${rateDomain}, a function of the step or a schedule, ` +
        `but it is ${show(member)}.`,
    );
  });
}

/** Several schedules as one. It has state if one of them has. */
function compose(owner: string, members: readonly Rate[], rate: ScheduleFunction): ScheduleFunction | Schedule {
  const stateful = members.filter(isSchedule);
  if (stateful.length === 0) return rate;
  return {
    rate,
    stateDict: () => ({ schedules: stateful.map((member) => member.stateDict()) }),
    loadStateDict(state) {
      const states: unknown = (state as ScheduleState | null | undefined)?.schedules;
      if (!Array.isArray(states) || states.length !== stateful.length) {
        throw new OptimError(
          "ERR_STATE",
          `Expected 'schedules' in the state of ${owner} to be the states of its ${stateful.length} schedules with ` +
            `state, but it is ${Array.isArray(states) ? `${states.length} states` : show(states)}.`,
        );
      }
      loadSchedules(stateful.map((member, i) => [member, states[i] as ScheduleState] as const));
    },
  };
}

/** Options of `schedules.sequence`. */
export interface SequenceOptions {
  /** The last step of each schedule but the last one, each larger than the one before. */
  milestones: readonly number[];
}

/**
 * One schedule after another, each counting its own steps from 1: PyTorch's SequentialLR. For example a warm-up of 100
 * steps before a cosine: `sequence([linearWarmup(lr, { steps: 100 }), cosine(lr, { steps: 900 })], { milestones: [100] })`.
 * It has state if one of the schedules has.
 * @param schedules Numbers, functions of the step, or schedules: one or more.
 * @param options See below.
 * @throws OptimError ERR_OPTION.
 * @example
 * ```js
 * import { SGD, allocate, schedules } from "rmsprop";
 *
 * const { cosine, linearWarmup, sequence } = schedules;
 * const lr = sequence([linearWarmup(0.1, { steps: 10 }), cosine(0.1, { steps: 90 })], { milestones: [10] });
 * const optimizer = new SGD(allocate({ w: [2] }).parameters, { lr });
 * console.log(lr(5), lr(10), lr(100).toFixed(4)); // 0.05 0.1 0.0000
 * ```
 */
export function sequence(schedules: readonly ((step: number) => number)[], options: SequenceOptions): ScheduleFunction;
export function sequence(schedules: readonly Rate[], options: SequenceOptions): ScheduleFunction | Schedule;
export function sequence(schedules: readonly Rate[], options: SequenceOptions): ScheduleFunction | Schedule {
  checkMembers("sequence", schedules);
  const members = [...schedules];
  const given: unknown = options?.milestones;
  const milestones: unknown[] = Array.isArray(given) ? [...given] : [];
  const increasing = milestones.every(
    (end, i) => Number.isSafeInteger(end) && Number(end) > Number(milestones[i - 1] ?? 0),
  );
  if (!Array.isArray(given) || milestones.length !== members.length - 1 || !increasing) {
    throw new OptimError(
      "ERR_OPTION",
      `Expected 'milestones' to be ${members.length - 1} whole numbers of 1 or more, each larger than the one before, ` +
        `but it is ${Array.isArray(given) ? showList(given) : show(given)}.`,
    );
  }
  const ends = milestones as number[];
  return compose("sequence", members, (step) => {
    checkStep(step);
    const next = ends.findIndex((end) => step <= end);
    const index = next < 0 ? members.length - 1 : next;
    return rateOf(members[index] as Rate, step - (ends[index - 1] ?? 0));
  });
}

/**
 * The product of several schedules, each at the same step, as PyTorch's ChainedScheduler makes it: one gives the rate, the
 * others factors of it. For example `chain([cosine(lr, { steps: 1000 }), linearWarmup(1, { steps: 100 })])`. It has state
 * if one of the schedules has.
 * @param schedules Numbers, functions of the step, or schedules: one or more.
 * @throws OptimError ERR_OPTION.
 */
export function chain(schedules: readonly ((step: number) => number)[]): ScheduleFunction;
export function chain(schedules: readonly Rate[]): ScheduleFunction | Schedule;
export function chain(schedules: readonly Rate[]): ScheduleFunction | Schedule {
  checkMembers("chain", schedules);
  const members = [...schedules];
  return compose("chain", members, (step) => {
    checkStep(step);
    return members.reduce<number>((product, member) => product * rateOf(member, step), 1);
  });
}
