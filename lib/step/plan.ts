import type { BackendGroup, BoundGroups, ParameterArrays, Run, RunStages, Stages } from "../backends/backend.ts";
import { type GradientSource, isMade } from "../backends/source.ts";
import { Liveness } from "../memory/liveness.ts";
import type { StoredArray } from "../numbers/storage.ts";
import { type FloatArray, numberTypes } from "../numbers/typed-array.ts";
import { type Clock, type Entry, type Group, watchSlots } from "../parameters/group.ts";
import { watchSource } from "../parameters/source.ts";
import type { AnyRule } from "../rules/rule.ts";

/** Parameters of one group whose step is equal, and the runs that step them, one for each number type. */
export interface Cohort<O extends object> {
  readonly group: Group<O>;
  readonly entries: readonly Entry[];
  readonly runs: readonly Run[];
  /** Shared by the entries, and by no other entry, once `shareClocks` has run. */
  readonly clock: Clock;
  /** The learning rate of the coming step. */
  readonly rate: number;
  /** What the runs' coefficients were computed from. */
  readonly finishedVersion: number;
  readonly finishedRate: number;
  readonly finishedStep: number;
  /** Whether they depend on the step too. */
  readonly followsStep: boolean;
  /** The factor of gradients in them. */
  readonly finishedScale: number;
  /** Whether the coming call takes a step, and does not only accumulate. */
  readonly applies: boolean;
  /** Whether that step is taken into the averages of the weights. */
  readonly averages: boolean;
  /** What the plan was bound for: a version of the group's options, and whether they set gradients to zero. */
  readonly boundVersion: number;
  readonly zeroes: boolean;
}

/** The arrays that a step uses for one parameter. */
export interface Streams {
  /** Read. */
  readonly data: FloatArray;
  /** Written: `data`, or another array. */
  readonly out: FloatArray;
  /** The source of the gradient. */
  readonly source: GradientSource;
}

/** The work of a step: parameters in cohorts, and, once bound, their arrays in the backend. */
export interface Plan<O extends object> {
  readonly cohorts: readonly Cohort<O>[];
  readonly runs: readonly Run[];
  /** The entries of each of the backend's groups. */
  readonly backendGroups: readonly (readonly Entry[])[];
  readonly streamsOf: (entry: Entry) => Streams;
  /** Whether the step reads accumulated gradients in the gradients' place, and leaves them empty. */
  readonly flushes: boolean;
  readonly bound: BoundGroups | undefined;
  readonly liveness: Liveness;
  /** Whether it is bound for steps with stages beside the rule. */
  readonly staged: boolean;
  /** What the coming step does beside the rule, if anything. */
  readonly stages: Stages | undefined;
  /** Whether the backend's last step was this plan's, and `isConstant`. */
  readonly repeats: boolean;
}

/** A plan or a cohort to be written: only the planner does that (planner.ts, coming-step.ts). */
export type Draft<T> = { -readonly [Key in keyof T]: T[Key] };

/** Sorts those entries of groups that `included` chooses into cohorts, and says which arrays they are stepped over. */
export function planOf<O extends object>(
  groups: readonly Group<O>[],
  coefficientCount: number,
  included: (entry: Entry) => boolean,
  streamsOf: (entry: Entry) => Streams,
  flushes = false,
): Plan<O> {
  const cohorts: Cohort<O>[] = [];
  const backendGroups: (readonly Entry[])[] = [];
  for (const group of groups) {
    const byStep: ByStep = new Map();
    for (const type of numberTypes) {
      const entries = group.entries.filter((entry) => entry.parameter.type === type && included(entry));
      if (entries.length === 0) continue;
      addRuns(byStep, entries, backendGroups.length, coefficientCount);
      backendGroups.push(entries);
    }
    for (const { entries, runs } of byStep.values()) cohorts.push(cohortOf(group, entries, runs));
  }
  const runs = cohorts.flatMap(({ runs }) => runs);
  return {
    cohorts,
    runs,
    backendGroups,
    streamsOf,
    flushes,
    bound: undefined,
    liveness: new Liveness(),
    staged: flushes || cohorts.some(({ group }) => group.staged),
    stages: undefined,
    repeats: false,
  };
}

function cohortOf<O extends object>(group: Group<O>, entries: readonly Entry[], runs: readonly Run[]): Cohort<O> {
  const { clock } = entries[0] as Entry;
  return {
    group,
    entries,
    runs,
    clock,
    rate: 0,
    finishedVersion: -1,
    finishedRate: -1,
    finishedStep: -1,
    followsStep: false,
    finishedScale: 0,
    applies: true,
    averages: false,
    boundVersion: -1,
    zeroes: false,
  };
}

/** Entries and runs by the counts of their clocks. */
type ByStep = Map<number | string, { entries: Entry[]; runs: Run[] }>;

/** Sorts one backend group's entries by their step; those of equal step have one run. */
function addRuns(byStep: ByStep, entries: readonly Entry[], group: number, coefficientCount: number): void {
  const indices = new Map<number | string, number[]>();
  entries.forEach((entry, i) => {
    const { step: taken, waiting, averaged } = entry.clock;
    const step = waiting === 0 && averaged === 0 ? taken : `${taken} ${waiting} ${averaged}`;
    let cohort = byStep.get(step);
    if (!cohort) {
      cohort = { entries: [], runs: [] };
      byStep.set(step, cohort);
    }
    cohort.entries.push(entry);
    const list = indices.get(step);
    if (list) list.push(i);
    else indices.set(step, [i]);
  });
  for (const [step, list] of indices) {
    const selection = list.length === entries.length ? null : list;
    const coefficients = new Array<number>(coefficientCount).fill(0);
    byStep.get(step)?.runs.push({ group, variant: 0, coefficients, selection, stages: {} as RunStages });
  }
}

/** Whether the steps of a plan do something beside the rule: have stages, or make a gradient. */
export function isStaged<O extends object>({ cohorts, backendGroups, streamsOf, flushes }: Plan<O>): boolean {
  if (flushes || cohorts.some(({ group }) => group.staged)) return true;
  for (const entries of backendGroups) {
    for (let i = 0; i < entries.length; i++) if (isMade(streamsOf(entries[i] as Entry).source)) return true;
  }
  return false;
}

/** Whether a group has several cohorts; they follow one another. */
export function isParted<O extends object>({ cohorts }: Plan<O>): boolean {
  for (let i = 1; i < cohorts.length; i++) {
    if ((cohorts[i] as Cohort<O>).group === (cohorts[i - 1] as Cohort<O>).group) return true;
  }
  return false;
}

/** Whether the entries of a cohort have its clock, and no other entry has it. */
export function hasClock<O extends object>({ clock, entries }: Cohort<O>): boolean {
  if (clock.members !== entries.length) return false;
  for (let e = 0; e < entries.length; e++) if ((entries[e] as Entry).clock !== clock) return false;
  return true;
}

/** Whether a plan is bound for the options as they are now. */
export function isBound<O extends object>({ bound, cohorts }: Plan<O>): boolean {
  if (!bound) return false;
  for (let i = 0; i < cohorts.length; i++) {
    const { group, boundVersion } = cohorts[i] as Cohort<O>;
    if (group.version !== boundVersion) return false;
  }
  return true;
}

/** A plan's arrays as a backend takes them; each is watched by `liveness`. */
export function describePlan<O extends object>(
  rule: AnyRule,
  { backendGroups, streamsOf, flushes }: Plan<O>,
  liveness: Liveness,
): BackendGroup[] {
  return backendGroups.map((entries) => {
    const { type } = (entries[0] as Entry).parameter;
    const parameters: ParameterArrays[] = [];
    // The slots of all entries lie in the same blocks of memory, so one entry's tell of all.
    const first = entries.find(({ parameter }) => parameter.length > 0);
    if (first) watchSlots(liveness, first.parameter, first.slots);
    // A loop, not a callback: for a thousand parameters a new process would compile the callback, which takes longer
    // than they do.
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      const streams = streamsOf(entry);
      watchStreams(liveness, entry, streams);
      const kept = entry.slots;
      const slots: (StoredArray | null)[] = [];
      for (let s = 0; s < rule.slots.length; s++) slots.push(kept[rule.slots[s] as string] ?? null);
      const { data, out, source } = streams;
      const accumulated = flushes ? null : (kept.gradAccumulator ?? null);
      const { storage } = entry.parameter;
      parameters.push({ data, out, storage, source, slots, average: kept.ema ?? null, accumulated });
    }
    return { rule, type, parameters };
  });
}

function watchStreams(liveness: Liveness, { parameter }: Entry, { data, out, source }: Streams): void {
  const { name, length, storage, dataBuffer } = parameter;
  liveness.watch(data, length, storage, "data", name, data === parameter.data ? dataBuffer : undefined);
  if (out !== data) liveness.watch(out, length, storage, "out", name);
  watchSource(liveness, source, storage, length, name);
}

/** The arrays of a parameter itself, which has its own. */
export const ownStreams = ({ parameter }: Entry): Streams => {
  const data = parameter.data as FloatArray;
  return { data, out: data, source: parameter.source as GradientSource };
};

/** The accumulated gradient of a parameter in the gradient's place. */
export const accumulatedStreams = ({ parameter, slots }: Entry): Streams => {
  const data = parameter.data as FloatArray;
  return { data, out: data, source: slots.gradAccumulator as StoredArray };
};
