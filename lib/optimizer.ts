import { type ArrayRun, allocateRun, releaseRun } from "./allocate.ts";
import type { Backend, BackendGroup, BoundGroups, Run } from "./backends/backend.ts";
import { currentBackend } from "./backends/select.ts";
import { type Definition, readWithPreset } from "./definition.ts";
import { OptimError, show } from "./errors.ts";
import { type Clock, type Entry, Group, type ParamGroup, type ParamGroupInput, readGroupOptions } from "./group.ts";
import { Liveness } from "./liveness.ts";
import { defaultsOf, isRate, type LearningRate, rateDomain } from "./options.ts";
import {
  checkNames,
  checkOverlap,
  checkParameter,
  type Parameter,
  type RawParameter,
  takeParameter,
} from "./parameter.ts";
import { type AnyRule, usedSlots } from "./rule.ts";
import { type Loaded, readStateDict, type StateDict, writeStateDict } from "./state-dict.ts";
import type { FloatArray, NumberType } from "./typed-array.ts";

/** What every optimizer has. */
interface CommonOptions {
  lr?: LearningRate;
}

/** Parameters, or groups of them that override options; not both in one list. */
export type Parameters<O> = Iterable<Parameter> | Iterable<ParamGroupInput<O>>;

/** What the last step did. */
export interface StepInfo {
  /** The step that it was, from 1: the highest of those of the parameters it stepped. */
  readonly step: number;
  /** Whether it changed nothing. */
  readonly skipped: boolean;
}

/** The state of one parameter: how many steps it took, and its slots, live. */
export type ParameterState = { readonly step: number } & { readonly [slot: string]: FloatArray | number };

/** Parameters of one group whose step is equal, and the runs that step them, one for each number type. */
interface Cohort<O extends object> {
  readonly group: Group<O>;
  readonly clock: Clock;
  readonly runs: readonly Run[];
  /** The number type of each run. */
  readonly types: readonly NumberType[];
  /** The learning rate of the coming step. */
  rate: number;
  /** What the runs' coefficients were computed from. */
  finishedVersion: number;
  finishedRate: number;
  finishedStep: number;
}

interface RawGroup {
  readonly options: Record<string, unknown>;
  readonly params: readonly RawParameter[];
}

function* iterate(given: unknown, what: string): Generator<unknown> {
  if (typeof given !== "object" || given === null || !(Symbol.iterator in given)) {
    throw new OptimError("ERR_DTYPE", `Expected ${what} to be an iterable of parameters, but it is ${show(given)}.`);
  }
  yield* given as Iterable<unknown>;
}

/** Reads a group's description, each property once. All user code that a description may hold has run afterwards. */
function takeGroup(given: object, position: string): RawGroup {
  const options = { ...(given as Record<string, unknown>) };
  const params = [...iterate(options.params, `the 'params' of ${position}`)];
  return { options, params: params.map((parameter, i) => takeParameter(parameter, `parameter ${i} of ${position}`)) };
}

/** Reads what a constructor was given for parameters: a list of parameters is one group. */
function takeGroups(given: unknown): RawGroup[] {
  const items = [...iterate(given, "the parameters")];
  const isGroup = (item: unknown): item is object => typeof item === "object" && item !== null && "params" in item;
  if (items.length > 0 && items.every(isGroup)) return items.map((item, i) => takeGroup(item, `group ${i}`));
  return [{ options: {}, params: items.map((item, i) => takeParameter(item, `parameter ${i}`)) }];
}

/** The machinery that all optimizers share: groups, steps, state. Each optimizer adds its definition. */
export abstract class Optimizer<O extends CommonOptions> {
  readonly #definition: Definition<O>;
  readonly #backend: Backend;
  readonly #defaults: Required<O>;
  #groups: readonly Group<O>[] = [];
  #cohorts: readonly Cohort<O>[] = [];
  #runs: readonly Run[] = [];
  #bound: BoundGroups | undefined;
  #liveness = new Liveness();
  #stepping = false;
  #disposed = false;
  #lastStep = 0;

  protected constructor(definition: Definition<O>, params: Parameters<O>, options: O | undefined) {
    this.#definition = definition;
    this.#backend = currentBackend();
    const raw = takeGroups(params);
    this.#defaults = readWithPreset(definition, defaultsOf(definition.options), options);
    this.#adopt(raw);
  }

  /** The groups' options: `optimizer.paramGroups[0].lr = 1e-4` takes effect at the next step. */
  get paramGroups(): readonly ParamGroup<O>[] {
    return this.#groups.map(({ view }) => view);
  }

  /** What the last step did; undefined before the first. */
  get lastStep(): StepInfo | undefined {
    return this.#lastStep === 0 ? undefined : { step: this.#lastStep, skipped: false };
  }

  /**
   * Takes one step: updates every parameter that has a gradient, in place, in one pass.
   * @throws OptimError ERR_DETACHED where an array lost its memory, ERR_OPTION where an `lr` function gives no rate,
   * ERR_STEP_IN_FLIGHT from within such a function; nothing is changed then. What the function throws comes through.
   */
  step(arrays?: undefined): void {
    if (arrays !== undefined) {
      throw new OptimError("ERR_OPTION", "Expected step() to be given nothing; arrays for one call are not built yet.");
    }
    this.#enter();
    try {
      // User code first; from the check of the memory on there is none.
      for (const cohort of this.#cohorts)
        cohort.rate = rateAt(cohort.group.options.lr as LearningRate, cohort.clock.step + 1);
      this.#prepare();
      this.#liveness.check();
      (this.#bound as BoundGroups).step(this.#runs);
      for (const { clock, runs } of this.#cohorts) {
        if (runs.length === 0) continue;
        clock.step++;
        this.#lastStep = Math.max(this.#lastStep, clock.step);
      }
    } finally {
      this.#stepping = false;
    }
  }

  /** Sets every gradient to zero. */
  zeroGrad(): void {
    this.#idle();
    this.#liveness.check();
    for (const { entries } of this.#groups) {
      for (const { parameter } of entries) parameter.grad?.fill(0);
    }
  }

  /**
   * Adds parameters, with options that override the constructor's.
   * @throws OptimError as the constructor does.
   */
  addParamGroup(group: ParamGroupInput<O>): void {
    this.#idle();
    if (typeof group !== "object" || group === null) {
      throw new OptimError("ERR_DTYPE", `Expected a group, { params, ...options }, but it is ${show(group)}.`);
    }
    const raw = takeGroup(group, "the group");
    this.#idle(); // the description's own code may have begun a step or disposed this optimizer
    this.#adopt([raw]);
  }

  /**
   * The state of a parameter: live views, which the next step changes.
   * @throws OptimError ERR_NAME where there is no such parameter.
   */
  state(name: string): ParameterState {
    this.#alive();
    for (const { entries } of this.#groups) {
      const entry = entries.find(({ parameter }) => parameter.name === name);
      if (entry) return Object.freeze({ step: entry.clock.step, ...entry.slots });
    }
    throw new OptimError("ERR_NAME", `Expected the name of a parameter, but none is named ${show(name)}.`);
  }

  /**
   * A copy of the state and the options, by parameter name, to be kept and given to `loadStateDict` later. An `lr` that is
   * a function is left out.
   */
  stateDict(): StateDict {
    this.#idle();
    this.#liveness.check();
    return writeStateDict(this.#definition, this.#groups);
  }

  /**
   * Puts state and options in the place of this optimizer's own. A group whose state has no `lr` keeps its own.
   * @throws OptimError ERR_STATE where the state does not fit: another rule, other parameters, arrays that are missing,
   * unknown, or of another type or length, options outside their domain. Nothing is changed then.
   */
  loadStateDict(state: StateDict): void {
    this.#idle();
    const loaded = readStateDict(this.#definition, this.#groups, state);
    this.#idle(); // the state's own code may have begun a step or disposed this optimizer
    this.#liveness.check();
    this.#load(loaded);
  }

  /** Gives the state's memory back at once. The optimizer cannot be used afterwards; the parameters are left as they are. */
  dispose(): void {
    if (this.#disposed) return;
    this.#idle();
    this.#disposed = true;
    for (const { memory } of this.#groups) for (const run of memory) releaseRun(this.#backend, run);
    this.#groups = [];
    this.#cohorts = [];
    this.#bound = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #alive(): void {
    if (this.#disposed)
      throw new OptimError("ERR_DETACHED", "Expected an optimizer with its state, but it was disposed.");
  }

  #idle(): void {
    this.#alive();
    if (this.#stepping) {
      throw new OptimError(
        "ERR_STEP_IN_FLIGHT",
        "Expected no step to be under way, but one is: wait until it is done.",
      );
    }
  }

  #enter(): void {
    this.#idle();
    this.#stepping = true;
  }

  /** Checks descriptions and takes them in, all or none. */
  #adopt(raw: readonly RawGroup[]): void {
    const definition = this.#definition;
    const checked = raw.map(({ params }) => params.map(checkParameter));
    const present = this.#groups.flatMap(({ entries }) => entries.map(({ parameter }) => parameter));
    const all = [...present, ...checked.flat()];
    checkNames(all);
    checkOverlap(all, this.#backend);
    const added = raw.map(
      ({ options }, i) =>
        new Group(definition, readGroupOptions(definition, this.#defaults, options), checked[i] ?? []),
    );
    const before = this.#groups;
    try {
      for (const group of added) this.#allocateSlots(group, usedSlots(definition.rule, group.variant));
      this.#groups = [...before, ...added];
      this.#sort();
      this.#bind();
    } catch (error) {
      for (const { memory } of added) for (const run of memory) releaseRun(this.#backend, run);
      this.#groups = before;
      this.#sort();
      throw error;
    }
  }

  /** Makes the slots that a group lacks, at their initial values. Returns whether there were any. */
  #allocateSlots(group: Group<O>, slots: readonly string[]): boolean {
    const lacking = slots.filter((slot) => !group.allocatedSlots.includes(slot));
    if (lacking.length === 0 || group.entries.length === 0) return false;
    const made: ArrayRun[] = [];
    const arrays: [Entry, string, FloatArray][] = [];
    try {
      for (const entries of byNumberType(group.entries)) {
        const { type } = (entries[0] as Entry).parameter;
        const lengths = lacking.flatMap(() => entries.map(({ parameter }) => parameter.length));
        const run = allocateRun(this.#backend, lengths, type);
        made.push(run);
        run.arrays.forEach((array, i) => {
          const slot = lacking[Math.floor(i / entries.length)] as string;
          arrays.push([entries[i % entries.length] as Entry, slot, array]);
        });
      }
    } catch (error) {
      for (const run of made) releaseRun(this.#backend, run);
      throw error;
    }
    for (const [entry, slot, array] of arrays) {
      const initial = this.#definition.initial(slot, group.options);
      if (!Object.is(initial, 0)) array.fill(initial);
      entry.slots[slot] = array;
    }
    group.memory.push(...made);
    return true;
  }

  /** Makes the runs' flags and coefficients for the coming step, and slots that options have come to need since. */
  #prepare(): void {
    let stale = false;
    for (const { group } of this.#cohorts) {
      if (group.version !== group.preparedVersion) {
        stale = this.#allocateSlots(group, usedSlots(this.#definition.rule, group.variant)) || stale;
        group.preparedVersion = group.version;
      }
    }
    if (stale) this.#bind();
    for (const cohort of this.#cohorts) {
      const { group, rate, types } = cohort;
      const step = this.#definition.dependsOnStep?.(group.options) ? cohort.clock.step + 1 : cohort.finishedStep;
      if (cohort.finishedVersion === group.version && cohort.finishedRate === rate && cohort.finishedStep === step) {
        continue;
      }
      cohort.runs.forEach((run, r) => {
        const type = types[r] as NumberType;
        const coefficients = this.#definition.coefficients(group.options, rate, cohort.clock.step + 1, type);
        run.variant = group.variant;
        this.#definition.rule.coefficients.forEach((name: string, i: number) => {
          run.coefficients[i] = coefficients[name] as number;
        });
      });
      cohort.finishedVersion = group.version;
      cohort.finishedRate = rate;
      cohort.finishedStep = step;
    }
  }

  /** Sorts the parameters into cohorts, after groups or steps have changed. */
  #sort(): void {
    const cohorts: Cohort<O>[] = [];
    let backendGroup = 0;
    for (const group of this.#groups) {
      const byStep = new Map<number, { clock: Clock; runs: Run[]; types: NumberType[] }>();
      for (const entries of byNumberType(group.entries)) {
        addRuns(byStep, entries, backendGroup++, this.#definition.rule.coefficients.length);
      }
      for (const { clock, runs, types } of byStep.values()) {
        cohorts.push({ group, clock, runs, types, rate: 0, finishedVersion: -1, finishedRate: -1, finishedStep: -1 });
      }
    }
    this.#cohorts = cohorts;
    this.#runs = cohorts.flatMap(({ runs }) => runs);
  }

  /** Hands the arrays to the backend, after they or the cohorts have changed. */
  #bind(): void {
    const { rule } = this.#definition;
    const liveness = new Liveness();
    const backendGroups: BackendGroup[] = [];
    for (const group of this.#groups) {
      for (const entries of byNumberType(group.entries)) {
        watch(liveness, entries);
        backendGroups.push(describe(rule, entries));
      }
    }
    const bound = this.#backend.bind(backendGroups, this.#runs.length);
    if (!bound) {
      throw new OptimError("ERR_MEMORY", "Expected memory to list the parameters in, but there is not so much.");
    }
    this.#bound = bound;
    this.#liveness = liveness;
  }

  #load({ groups }: Loaded<O>): void {
    groups.forEach(({ slots }, i) => {
      this.#allocateSlots(this.#groups[i] as Group<O>, slots);
    });
    groups.forEach(({ options, entries }, i) => {
      const group = this.#groups[i] as Group<O>;
      Object.assign(group.options, options);
      entries.forEach(({ step, arrays }, e) => {
        const entry = group.entries[e] as Entry;
        entry.clock = { step };
        for (const [slot, own] of Object.entries(entry.slots)) {
          const array = arrays[slot];
          if (array) own.set(array);
          else own.fill(this.#definition.initial(slot, group.options));
        }
        this.#lastStep = Math.max(this.#lastStep, step);
      });
      group.version++;
    });
    this.#sort();
    this.#bind();
  }
}

/** @throws OptimError ERR_OPTION where a function gives no learning rate; also what the function throws. */
function rateAt(lr: LearningRate, step: number): number {
  if (typeof lr === "number") return lr;
  const rate: unknown = lr(step);
  if (!isRate(rate)) {
    throw new OptimError("ERR_OPTION", `Expected lr(${step}) to be ${rateDomain}, but it is ${show(rate)}.`);
  }
  return rate;
}

function watch(liveness: Liveness, entries: readonly Entry[]): void {
  for (const { parameter, slots } of entries) {
    const { name, data, grad, length } = parameter;
    liveness.watch(data, length, `the data of '${name}'`);
    if (grad) liveness.watch(grad, length, `the gradient of '${name}'`);
    for (const [slot, array] of Object.entries(slots)) liveness.watch(array, length, `the ${slot} of '${name}'`);
  }
}

function describe(rule: AnyRule, entries: readonly Entry[]): BackendGroup {
  const parameters = entries.map(({ parameter: { data, grad }, slots }) => ({
    data,
    grad,
    slots: rule.slots.map((slot: string) => slots[slot] ?? null),
  }));
  return { rule, type: (entries[0] as Entry).parameter.type, parameters };
}

/** A group's entries as backends take them: those of one number type together. */
function byNumberType(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  const of = (type: NumberType) => entries.filter(({ parameter }) => parameter.type === type);
  return [of("float32"), of("float64")].filter(({ length }) => length > 0);
}

/** Sorts one backend group's parameters by their step; those of equal step share a clock, and have one run. */
function addRuns(
  byStep: Map<number, { clock: Clock; runs: Run[]; types: NumberType[] }>,
  entries: readonly Entry[],
  group: number,
  coefficientCount: number,
): void {
  const indices = new Map<number, number[]>();
  let withGradient = 0;
  entries.forEach((entry, i) => {
    if (!entry.parameter.grad) return;
    withGradient++;
    const { step } = entry.clock;
    const cohort = byStep.get(step) ?? { clock: { step }, runs: [], types: [] };
    byStep.set(step, cohort);
    entry.clock = cohort.clock;
    const list = indices.get(step) ?? [];
    indices.set(step, list);
    list.push(i);
  });
  for (const [step, list] of indices) {
    const selection = list.length === withGradient ? null : Uint32Array.from(list);
    const coefficients = new Float64Array(coefficientCount);
    const cohort = byStep.get(step);
    cohort?.runs.push({ group, variant: 0, coefficients, selection });
    cohort?.types.push((entries[0] as Entry).parameter.type);
  }
}
