import type { Definition } from "../definition.ts";
import { OptimError } from "../errors.ts";
import { memoryOf } from "../memory/memory.ts";
import { bufferOf, copyOf, type FloatArray } from "../numbers/typed-array.ts";
import { checkFloat32 } from "../options/number-domains.ts";
import { readOptions } from "../options/option.ts";
import {
  type AnyStageOptions,
  isLossScale,
  isStageSlot,
  stageSlots as stageSlotNames,
  usedStageSlots,
} from "../options/stages.ts";
import { checkConflict, type Group } from "../parameters/group.ts";
import type { CheckedParameter } from "../parameters/parameter.ts";
import { usedSlots, variantOf } from "../rules/rule.ts";
import { isSchedule, type Schedule, type ScheduleState } from "../schedules/schedule.ts";
import { show } from "../values/show.ts";
import type { LossScaleState, LossScaling } from "./loss-scale.ts";
import { readArray, takeLists } from "./state-arrays.ts";

/** A parameter's state. */
export interface LoadedEntry {
  readonly frozen: boolean;
  readonly step: number;
  readonly waiting: number;
  readonly averaged: number;
  readonly arrays: Record<string, FloatArray>;
}

/** A state that fits, read and checked. */
export interface Loaded<O extends object> {
  readonly groups: readonly {
    readonly options: Partial<O>;
    /** The group's schedule, and the state to load into it. */
    readonly schedule: readonly [Schedule, ScheduleState] | undefined;
    readonly slots: readonly string[];
    /** Of each parameter; undefined for one that keeps its state. */
    readonly entries: readonly (LoadedEntry | undefined)[];
  }[];
  readonly lossScale: LossScaleState | undefined;
}

export function refuse(sentence: string): never {
  throw new OptimError("ERR_STATE", sentence);
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse(`Expected ${what} to be an object, but it is ${show(value)}.`);
  }
  return { ...value };
}

function list(value: unknown, what: string): unknown[] {
  return Array.isArray(value)
    ? Array.from(value)
    : refuse(`Expected ${what} to be an array, but it is ${show(value)}.`);
}

/** A state as the user gave it: each property read once, not checked. */
export interface RawState {
  readonly rule: unknown;
  readonly paramGroups: readonly { readonly params: readonly unknown[]; readonly options: Record<string, unknown> }[];
  readonly states: ReadonlyMap<string, Record<string, unknown>>;
  readonly lossScale: Record<string, unknown> | undefined;
  readonly frozen: ReadonlySet<unknown>;
}

/**
 * Reads a state. Afterwards none of the user's code (getters, proxies) is left to run.
 * @throws OptimError ERR_STATE where it is not of a state's form.
 */
export function takeStateDict(given: unknown): RawState {
  const { rule, ...rest } = record(given, "the state");
  const paramGroups = list(rest.paramGroups, "its 'paramGroups'").map((group, i) => {
    const { params, ...options } = record(group, `group ${i} of the state`);
    return { params: list(params, `the 'params' of group ${i} of the state`), options };
  });
  const states = new Map(
    Object.entries(record(rest.state, "its 'state'")).map(([name, state]) => [
      name,
      takeLists(record(state, `the state of '${name}'`)),
    ]),
  );
  const lossScale = rest.lossScale === undefined ? undefined : record(rest.lossScale, "its 'lossScale'");
  const frozen = new Set(rest.frozen === undefined ? [] : list(rest.frozen, "its 'frozen'"));
  return { rule, paramGroups, states, lossScale, frozen };
}

/**
 * Checks all of a state against the groups that it is for. No user code runs here.
 * @throws OptimError ERR_STATE.
 */
export function fitState<O extends object>(
  definition: Definition<O>,
  groups: readonly Group<O>[],
  scaling: LossScaling,
  { rule, paramGroups, states, lossScale, frozen }: RawState,
): Loaded<O> {
  if (rule !== definition.rule.name) {
    refuse(`Expected a state of the rule ${definition.rule.name}, but it is of ${show(rule)}.`);
  }
  if (paramGroups.length !== groups.length) {
    refuse(`Expected a state of ${groups.length} groups, but it has ${paramGroups.length}.`);
  }
  const loaded = groups.map((group, i) => {
    const { params, options } = paramGroups[i] as (typeof paramGroups)[number];
    checkParams(group.view.params, params, i);
    const read = readSavedOptions(definition, group, i, options);
    const entries = group.entries.map(({ parameter }) =>
      readEntry(definition, group, read.options, parameter, states.get(parameter.name), frozen),
    );
    return putTogether(definition, group, read, entries);
  });
  const names = new Set<unknown>(groups.flatMap(({ view }) => view.params));
  for (const name of states.keys()) {
    if (!names.has(name)) {
      refuse(`Expected a state of this optimizer's parameters, but it has one of '${name}'.`);
    }
  }
  for (const name of frozen) {
    if (!names.has(name)) refuse(`Expected 'frozen' of the state to name parameters, but it has ${show(name)}.`);
  }
  return { groups: loaded, lossScale: readLossScale(scaling, lossScale) };
}

export function readLossScale({ lossScale }: LossScaling, given: Record<string, unknown> | undefined) {
  if (given === undefined) return undefined;
  if (!lossScale) refuse("Expected a state without 'lossScale', because the optimizer has none, but it is there.");
  const { scale, goodSteps, ...more } = given;
  const fits =
    isLossScale(scale) &&
    Number.isSafeInteger(goodSteps) &&
    (goodSteps as number) >= 0 &&
    Object.keys(more).length === 0;
  if (!fits) {
    refuse(
      "Expected the 'lossScale' of the state to be { scale, goodSteps }, from 2^-126 to 2^127 and a whole number of 0 or " +
        `more, but they are ${show(scale)} and ${show(goodSteps)}.`,
    );
  }
  return { scale, goodSteps: goodSteps as number };
}

function checkParams(expected: readonly string[], found: readonly unknown[], group: number): void {
  const rest = new Set<unknown>(expected);
  const extra = found.findIndex((name) => !rest.delete(name));
  const [missing] = rest;
  if (missing !== undefined) refuse(`Expected group ${group} of the state to have '${missing}', but it has not.`);
  if (extra >= 0) {
    refuse(
      `Expected group ${group} of the state to have ${expected.length} parameters, but it also has ${show(found[extra])}.`,
    );
  }
}

/** A group's options from a state. */
export interface LoadedOptions<O extends object> {
  readonly options: Required<O>;
  readonly schedule: readonly [Schedule, ScheduleState] | undefined;
}

export function readSavedOptions<O extends object>(
  definition: Definition<O>,
  group: Group<O>,
  index: number,
  { schedule, ...given }: Record<string, unknown>,
): LoadedOptions<O> {
  const { params: _, ...current } = group.options as Record<string, unknown>;
  let options: Required<O>;
  try {
    options = readOptions(definition.options, current, given, definition.name) as Required<O>;
    checkConflict(definition, options);
    const parameters = group.entries.map(({ parameter }) => parameter);
    checkFloat32(definition.options, options, parameters);
  } catch (error) {
    return refuse(`The options of group ${index} of the state do not fit. ${(error as Error).message}`);
  }
  const { lr } = options as { lr?: unknown };
  if (schedule !== undefined && !isSchedule(lr)) {
    refuse(
      `Expected group ${index} to have a schedule, because the state has a schedule's state for it, but its lr is ${show(lr)}.`,
    );
  }
  return { options, schedule: schedule === undefined ? undefined : [lr as Schedule, schedule as ScheduleState] };
}

export function readEntry<O extends object>(
  definition: Definition<O>,
  group: Group<O>,
  options: Required<O>,
  { name, type, length }: CheckedParameter,
  state: Readonly<Record<string, unknown>> | undefined,
  frozen: ReadonlySet<unknown>,
): LoadedEntry {
  if (!state) return refuse(`Expected the state to have an entry for '${name}', but it has none.`);
  const { step, accumulated = 0, averaged = "ema" in state ? state.step : 0, ...arrays } = state;
  const most = group.whole.gradientAccumulationSteps - 1;
  if (!Number.isSafeInteger(accumulated) || (accumulated as number) < 0 || (accumulated as number) > most) {
    refuse(
      `Expected 'accumulated' of '${name}' to be a whole number from 0 to ${most}, but it is ${show(accumulated)}.`,
    );
  }
  if (accumulated !== 0 && !("gradAccumulator" in arrays)) {
    refuse(`Expected the state of '${name}' to have 'gradAccumulator' with 'accumulated', but it has not.`);
  }
  if (!Number.isSafeInteger(step) || (step as number) < 0) {
    refuse(`Expected the step of '${name}' to be a whole number from 0 to 2^53 - 1, but it is ${show(step)}.`);
  }
  if (!Number.isSafeInteger(averaged) || (averaged as number) < 0 || (averaged as number) > (step as number)) {
    refuse(
      `Expected 'averaged' of '${name}' to be a whole number from 0 to its step, ${step}, but it is ${show(averaged)}.`,
    );
  }
  if (averaged !== 0 && !("ema" in arrays)) {
    refuse(`Expected the state of '${name}' to have 'ema' with 'averaged', but it has not.`);
  }
  const needed = usedSlots(definition.rule, variantOf(definition.rule, definition.flags(options)));
  for (const slot of needed) {
    if (!(slot in arrays)) refuse(`Expected the state of '${name}' to have '${slot}', but it has not.`);
  }
  const read: Record<string, FloatArray> = {};
  for (const [slot, array] of Object.entries(arrays)) {
    if (!definition.rule.slots.includes(slot) && !isStageSlot(slot)) {
      refuse(`Expected the state of '${name}' to have only slots of ${definition.rule.name}, but it has '${slot}'.`);
    }
    read[slot] = readArray(array, `the ${slot} of '${name}' in the state`, type, length);
  }
  return {
    frozen: frozen.has(name),
    step: step as number,
    waiting: accumulated as number,
    averaged: averaged as number,
    arrays: read,
  };
}

/** Puts together what a group loads. */
export function putTogether<O extends object>(
  definition: Definition<O>,
  { whole }: Group<O>,
  { options, schedule }: LoadedOptions<O>,
  entries: readonly (LoadedEntry | undefined)[],
): Loaded<O>["groups"][number] {
  const coming = entries.flatMap((entry) => entry ?? []);
  for (const { arrays } of coming) {
    // A live view that `state()` gave may be overwritten before it is read.
    for (const [slot, array] of Object.entries(arrays)) if (memoryOf(bufferOf(array))) arrays[slot] = copyOf(array);
  }
  const stageSlots = usedStageSlots(options as unknown as AnyStageOptions, whole);
  const known = [...definition.rule.slots, ...stageSlotNames];
  const slots = known.filter((slot) => stageSlots.includes(slot) || coming.some(({ arrays }) => slot in arrays));
  return { options, schedule, slots, entries };
}
