import { begunSlots } from "./averages.ts";
import type { Definition } from "./definition.ts";
import { OptimError, show } from "./errors.ts";
import { type Clock, checkConflict, type Entry, type Group } from "./group.ts";
import { memoryOf } from "./memory.ts";
import { checkFloat32 } from "./number-domains.ts";
import { isLossScale, readOptions } from "./options.ts";
import type { CheckedParameter } from "./parameter.ts";
import { usedSlots, variantOf } from "./rule.ts";
import { isSchedule, type Schedule, type ScheduleState } from "./schedules/schedule.ts";
import { beginSlot } from "./slots.ts";
import {
  type AnyStageOptions,
  isStageSlot,
  type LossScaleState,
  type LossScaling,
  stageSlots as stageSlotNames,
  usedStageSlots,
} from "./stages.ts";
import { readArray, takeLists } from "./state-arrays.ts";
import { bufferOf, copyInto, copyOf, type FloatArray, lengthOf, type NumberType } from "./typed-array.ts";

/** An optimizer's state and options as plain data, by parameter name. */
export interface StateDict {
  /** The rule's name. */
  rule: string;
  /**
   * The options of each group, and the names of its parameters. An `lr` that is a function or a schedule is left out; a
   * schedule's state is there as `schedule`.
   */
  paramGroups: ({ params: string[] } & Record<string, unknown>)[];
  /**
   * For each parameter the steps it took, and its slots; with a slot `gradAccumulator` also `accumulated`, how many calls'
   * gradients it holds, and with a slot `ema` also `averaged`, how many steps it has taken in. A state without `averaged`,
   * of version 0.1, has an average that took in every step.
   */
  state: Record<string, { step: number } & Record<string, FloatArray | number>>;
  /** The scale of the loss, where the optimizer finds it. */
  lossScale?: LossScaleState;
  /** The names of the parameters that are frozen. Left out where none is; a state without it has none. */
  frozen?: string[];
}

/** What a load left undone, as paths in the state: `state.w`, `paramGroups[0]`, `lossScale`. */
export interface Unmatched {
  /** What the optimizer has and the state did not replace. */
  readonly missing: readonly string[];
  /** What the state has and the optimizer did not take. */
  readonly unexpected: readonly string[];
}

/** A parameter's state. */
export interface LoadedEntry {
  readonly frozen: boolean;
  readonly step: number;
  readonly waiting: number;
  readonly averaged: number;
  readonly arrays: Record<string, FloatArray>;
}

/** What `loadStateDict` takes: a `StateDict` whose arrays are typed arrays, or lists of numbers, as JSON has them. */
export interface StateInput extends Omit<StateDict, "state"> {
  /** For each parameter the steps it took, and its slots. */
  state: Record<string, { step: number } & Record<string, FloatArray | readonly number[] | number>>;
}

/** A state that fits, read and checked. */
export interface Loaded<O extends object> {
  readonly groups: readonly {
    readonly options: Partial<O>;
    /** The group's schedule, with the state to load into it. */
    readonly schedule: readonly [Schedule, ScheduleState] | undefined;
    readonly slots: readonly string[];
    /** Of each parameter; undefined for one that keeps its state. */
    readonly entries: readonly (LoadedEntry | undefined)[];
  }[];
  readonly lossScale: LossScaleState | undefined;
}

/** What there is to count of a parameter. */
export function countsOf({ step, waiting, averaged }: Clock, slots: object): { step: number } & Record<string, number> {
  return {
    step,
    ...("gradAccumulator" in slots ? { accumulated: waiting } : {}),
    ...("ema" in slots ? { averaged } : {}),
  };
}

/** The options of groups. Schedules' own code runs here. */
export function writeParamGroups<O extends object>(
  definition: Definition<O>,
  groups: readonly Group<O>[],
): StateDict["paramGroups"] {
  return groups.map(({ options, view }) => {
    const plain = Object.fromEntries(
      Object.keys(definition.options).map((name) => [name, (options as Record<string, unknown>)[name]]),
    );
    const { lr } = plain;
    if (typeof lr !== "number") delete plain.lr;
    return { ...plain, ...(isSchedule(lr) ? { schedule: lr.stateDict() } : {}), params: [...view.params] };
  });
}

/**
 * Copies of what groups' parameters have for state. A slot of the rule that options have come to need since the last step,
 * and that the next one makes, is there with its initial values: without it, the state would not load.
 */
export function writeStates(groups: readonly Group<object>[]): StateDict["state"] {
  return Object.fromEntries(
    groups.flatMap(({ definition, options, variant, entries }) => {
      const used = usedSlots(definition.rule, variant);
      return entries.map((entry) => {
        const { parameter, clock } = entry;
        const slots = begunSlots(entry);
        const copies = Object.entries(slots).map(([slot, array]) => [slot, copyOf(array)] as const);
        const coming = used
          .filter((slot) => !(slot in slots))
          .map((slot) => [slot, filled(parameter.type, parameter.length, definition.initial(slot, options))] as const);
        const arrays = Object.fromEntries([...copies, ...coming]);
        return [parameter.name, { ...countsOf(clock, slots), ...arrays }] as const;
      });
    }),
  );
}

function filled(type: NumberType, length: number, value: number): FloatArray {
  return (type === "float32" ? new Float32Array(length) : new Float64Array(length)).fill(value);
}

function refuse(sentence: string): never {
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

/** A state as it was given: each property read once, by code that the user may have written, and not checked. */
export interface RawState {
  readonly rule: unknown;
  readonly paramGroups: readonly { readonly params: readonly unknown[]; readonly options: Record<string, unknown> }[];
  readonly states: ReadonlyMap<string, Record<string, unknown>>;
  readonly lossScale: Record<string, unknown> | undefined;
  readonly frozen: ReadonlySet<unknown>;
}

/**
 * Reads a state. All user code that it may hold, in getters or proxies, has run afterwards.
 * @throws OptimError ERR_STATE where it has not the form of one.
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
    const read = readGroupOptions(definition, group, i, options);
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

/** A group's options as a state has them. */
export interface LoadedOptions<O extends object> {
  readonly options: Required<O>;
  readonly schedule: readonly [Schedule, ScheduleState] | undefined;
}

export function readGroupOptions<O extends object>(
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
    refuse(`Expected group ${index} to have a schedule, whose state it has in the state, but its lr is ${show(lr)}.`);
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

/** What a group is to load. */
export function putTogether<O extends object>(
  definition: Definition<O>,
  { whole }: Group<O>,
  { options, schedule }: LoadedOptions<O>,
  entries: readonly (LoadedEntry | undefined)[],
): Loaded<O>["groups"][number] {
  const coming = entries.flatMap((entry) => entry ?? []);
  for (const { arrays } of coming) {
    // A live view, which `state` gave, may be overwritten before it is read.
    for (const [slot, array] of Object.entries(arrays)) if (memoryOf(bufferOf(array))) arrays[slot] = copyOf(array);
  }
  const stageSlots = usedStageSlots(options as unknown as AnyStageOptions, whole);
  const known = [...definition.rule.slots, ...stageSlotNames];
  const slots = known.filter((slot) => stageSlots.includes(slot) || coming.some(({ arrays }) => slot in arrays));
  return { options, schedule, slots, entries };
}

/**
 * Checks the arrays of a state once more, after schedules' own code, which may have taken their memory away.
 * @throws OptimError ERR_STATE.
 */
export function checkArrays<O extends object>(groups: readonly Group<O>[], loaded: Loaded<O>): void {
  loaded.groups.forEach(({ entries }, i) => {
    entries.forEach((coming, e) => {
      const { name, length } = ((groups[i] as Group<O>).entries[e] as Entry).parameter;
      for (const [slot, array] of Object.entries(coming?.arrays ?? {})) {
        const found = lengthOf(array);
        if (found !== length) {
          refuse(
            `Expected the ${slot} of '${name}' in the state to have ${length} elements as before, but it has ${found}: ` +
              "it was detached, transferred or shrunk meanwhile.",
          );
        }
      }
    });
  });
}

/**
 * Puts a state that fits, whose slots are there, in the place of what groups have.
 * @param made For each group the slots that were made for it.
 */
export function loadInto<O extends object>(
  definition: Definition<O>,
  groups: readonly Group<O>[],
  scaling: LossScaling,
  loaded: Loaded<O>,
  made: readonly (readonly string[])[],
): void {
  loaded.groups.forEach(({ options, entries }, i) => {
    const group = groups[i] as Group<O>;
    Object.assign(group.options, options);
    entries.forEach((coming, e) => {
      const entry = group.entries[e] as Entry;
      if (!coming) {
        // By the options that have come, as initial values go by those at the first step.
        for (const slot of entry.clock.step === 0 ? definition.rule.slots : (made[i] as readonly string[])) {
          if (slot in entry.slots) beginSlot(definition, group, entry, slot);
        }
        return;
      }
      const { frozen, step, waiting, averaged, arrays } = coming;
      entry.frozen = frozen;
      entry.clock.members--;
      entry.clock = { step, waiting, averaged, members: 1 };
      for (const [slot, own] of Object.entries(entry.slots)) {
        const from = arrays[slot];
        beginSlot(definition, group, entry, slot);
        // An average that has taken in nothing is yet to begin.
        if (from && (slot !== "ema" || averaged > 0)) copyInto(own, from);
      }
    });
    group.version++;
  });
  if (loaded.lossScale) Object.assign(scaling.lossScale as LossScaleState, loaded.lossScale);
}
