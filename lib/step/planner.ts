// From groups and the arrays of a call to what the backend steps.

import type { Backend, BoundGroups, Stages } from "../backends/backend.ts";
import type { Definition } from "../definition.ts";
import { OptimError } from "../errors.ts";
import { Liveness, type MemoryCheck } from "../memory/liveness.ts";
import { fillWith } from "../numbers/typed-array.ts";
import { byName, type Entry, type Group } from "../parameters/group.ts";
import type { LearningRate } from "../schedules/learning-rate.ts";
import { allocateSlots, type MadeSlots, releaseSlots, takeBackSlots } from "../state/slots.ts";
import { begin, beginnings } from "./beginnings.ts";
import { type Binding, keepBinding, unpreparedOf, zeroesOthers } from "./binding.ts";
import { checkInputs, checkZeroed, enteredBy, type StepArrays, takeInputs } from "./call-arrays.ts";
import { askRates, finishCoefficients, isConstant, isRepeated } from "./coefficients.ts";
import { Places } from "./places.ts";
import {
  accumulatedStreams,
  type Cohort,
  describePlan,
  isBound,
  isParted,
  ownStreams,
  type Plan,
  planOf,
  type Streams,
  shareClocks,
} from "./plan.ts";
import type { StepStages } from "./stages.ts";

/** The option that every optimizer has. */
export interface RatedOptions {
  lr?: LearningRate;
}

const none: readonly MadeSlots[] = [];

/** An optimizer's groups, and the plans of their steps: what is listed once is stepped until it no longer holds. */
export class Planner<O extends RatedOptions> {
  readonly #definition: Definition<O>;
  readonly #backend: Backend;
  readonly #stages: StepStages;
  #groups: readonly Group<O>[] = [];
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** What a step without arrays of its own works on; undefined once that no longer holds. */
  #plan: Plan<O> | undefined;
  /** What steps with arrays of their own are bound in, one after the other. */
  #spare: BoundGroups | undefined;
  #spareStaged = false;
  /** The slots that the coming step has made. */
  #made: readonly MadeSlots[] = none;
  readonly #places: Places;
  #lastStep = 0;
  #applied = false;

  constructor(definition: Definition<O>, backend: Backend, stages: StepStages) {
    this.#definition = definition;
    this.#backend = backend;
    this.#stages = stages;
    this.#places = new Places(backend);
  }

  get groups(): readonly Group<O>[] {
    return this.#groups;
  }

  /** The parameters of all groups, by name. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** The step that was taken last: the highest of those of its parameters; 0 before the first. */
  get lastStep(): number {
    return this.#lastStep;
  }

  /** Whether the last call took a step of any parameter. */
  get applied(): boolean {
    return this.#applied;
  }

  /** Whether the parameter's own data is not what its steps change: its last one was over data given for that call. */
  isElsewhere(entry: Entry): boolean {
    return this.#places.isElsewhere(entry);
  }

  /** Takes groups in the place of those there are. */
  take(groups: readonly Group<O>[]): void {
    this.#groups = groups;
    this.#entries = byName(groups);
    this.#plan = undefined;
    this.#places.keep(new Set(this.#entries.values()));
  }

  /**
   * Takes in groups besides, with the slots that they need; all or none.
   * @throws OptimError ERR_MEMORY, ERR_DETACHED, ERR_ALIASED.
   */
  adopt(added: readonly Group<O>[]): void {
    const before = this.#groups;
    const made = this.#allocate(added, ({ neededSlots }) => neededSlots);
    try {
      this.#groups = [...before, ...added];
      const plan = this.#standingPlan();
      const binding = this.#bind(plan, plan.staged);
      for (const group of added) group.preparedVersion = group.version;
      keepBinding(plan, binding);
      shareClocks(plan);
      this.#plan = plan;
      this.#entries = byName(this.#groups);
    } catch (error) {
      takeBackSlots(this.#backend, made);
      this.#groups = before;
      throw error;
    }
  }

  /**
   * Makes the slots that a state brings, all or none.
   * @throws OptimError ERR_MEMORY.
   */
  makeSlots(slotsOf: (group: Group<O>) => readonly string[]): readonly MadeSlots[] {
    return this.#allocate(this.#groups, slotsOf);
  }

  /** The next step makes its plan anew. */
  forget(): void {
    this.#plan = undefined;
  }

  dispose(): void {
    for (const group of this.#groups) releaseSlots(this.#backend, group);
    this.take([]);
    this.#spare = undefined;
  }

  /**
   * Everything of a step before the step itself: user code first, then what can refuse, then what is kept. After the check
   * of the memory there is no user code, not even a built-in function that a program may have replaced.
   * @param again Whether the backend may be told to take its last step again.
   */
  prepare(arrays: StepArrays | undefined, check: MemoryCheck, again: boolean): Plan<O> {
    if (arrays !== undefined) return this.#prepareWith(arrays, check);
    const plan = this.#plan ?? this.#standingPlan();
    if (again && isRepeated(plan)) {
      check(plan.liveness);
      return plan;
    }
    plan.repeats = false;
    if (plan.staged) this.#stages.choose(plan);
    askRates(plan);
    this.#ready(plan, check);
    this.#plan = plan;
    return plan;
  }

  #prepareWith(arrays: StepArrays, check: MemoryCheck): Plan<O> {
    const entered = enteredBy(takeInputs(arrays), this.#entries);
    let streamsOf: ((entry: Entry) => Streams) | undefined;
    const givenStreams = (entry: Entry) => (streamsOf as (entry: Entry) => Streams)(entry);
    const plan = this.#planOf((entry) => entered.has(entry), givenStreams);
    if (plan.staged) this.#stages.choose(plan);
    askRates(plan);
    streamsOf = checkInputs(entered, this.#backend);
    this.#readySpare(plan, check);
    return plan;
  }

  /**
   * A step with what has been accumulated, of the parameters whose windows of calls are not full.
   * @returns undefined where there are none.
   * @throws OptimError ERR_STATE where such a window is of calls that were given the data.
   */
  prepareFlush(check: MemoryCheck): Plan<O> | undefined {
    const waits = (entry: Entry) => entry.clock.waiting > 0 && !entry.frozen;
    for (const entry of this.#entries.values()) {
      if (!waits(entry) || !this.isElsewhere(entry)) continue;
      throw new OptimError(
        "ERR_STATE",
        `Expected the gradients of '${entry.parameter.name}' to be accumulated for its own data, ` +
          "but the last call was given other data: give it to step() until the window is full, or drop the window.",
      );
    }
    const plan = this.#planOf(waits, accumulatedStreams, true);
    if (plan.cohorts.length === 0) return undefined;
    askRates(plan);
    this.#readySpare(plan, check);
    return plan;
  }

  /** Drops what was accumulated and waits for a step. */
  dropAccumulated(): void {
    for (const { clock, slots, parameter } of this.#entries.values()) {
      // The parameters that share a clock have waited for as many calls.
      if (slots.gradAccumulator && parameter.length > 0) fillWith(slots.gradAccumulator, 0);
      clock.waiting = 0;
    }
    this.#plan = undefined;
  }

  /** Takes back what a prepared step has made, where the backend did not begin it. */
  withdraw(): void {
    for (const { group } of this.#made) group.preparedVersion = -1;
    takeBackSlots(this.#backend, this.#made);
    this.#made = none;
    this.#plan = undefined;
  }

  /**
   * Counts a step that is done.
   * @param again Whether the backend may be told to take it again.
   */
  taken(plan: Plan<O>, skipped: boolean, again: boolean): void {
    if (again && plan.repeats) this.#count(plan);
    else this.#take(plan, skipped, again);
  }

  /** Of a step that is taken again only the number is another. */
  #count({ cohorts }: Plan<O>): void {
    let highest = 0;
    for (let i = 0; i < cohorts.length; i++) {
      const { clock } = cohorts[i] as Cohort<O>;
      clock.step++;
      if (clock.step > highest) highest = clock.step;
    }
    this.#lastStep = highest;
    this.#applied = true;
  }

  #take(plan: Plan<O>, skipped: boolean, again: boolean): void {
    const { cohorts, stages } = plan;
    plan.repeats = again && cohorts.length > 0 && isConstant(plan);
    this.#made = none;
    this.#applied = false;
    for (let i = 0; i < cohorts.length; i++) {
      const { clock, applies, averages } = cohorts[i] as Cohort<O>;
      if (!skipped) {
        clock.step += applies ? 1 : 0;
        clock.waiting = applies ? 0 : clock.waiting + 1;
        clock.averaged += stages && averages ? 1 : 0; // without stages, `averages` is of an earlier step
        this.#applied ||= applies;
      }
      if (clock.step > this.#lastStep || i === 0) this.#lastStep = clock.step;
    }
    if (skipped || (plan === this.#plan && this.#places.areAllOwn)) return;
    this.#places.note(plan);
    // The next step over their own data notes that they are there again.
    if (this.#plan && !this.#places.areAllOwn) this.#plan.repeats = false;
  }

  /** A plan of the step that is given no arrays. */
  #standingPlan(): Plan<O> {
    return this.#planOf((entry) => entry.parameter.grad !== null && !entry.frozen, ownStreams);
  }

  #planOf(included: (entry: Entry) => boolean, streamsOf: (entry: Entry) => Streams, flushes = false): Plan<O> {
    return planOf(this.#groups, this.#definition.rule.coefficients.length, included, streamsOf, flushes);
  }

  /** Makes the slots that groups lack. */
  #allocate(groups: Iterable<Group<O>>, slotsOf: (group: Group<O>) => readonly string[]): readonly MadeSlots[] {
    return allocateSlots(this.#definition, this.#backend, groups, slotsOf);
  }

  /** Readies the standing plan for the coming step, or leaves everything as it was. */
  #ready(plan: Plan<O>, check: MemoryCheck): void {
    if (!isBound(plan)) {
      this.#fit(plan, check);
      return;
    }
    const stages = this.#finish(plan, plan.staged);
    const begun = stages && beginnings(plan);
    check(plan.liveness);
    plan.stages = stages;
    if (begun) begin(begun);
  }

  /** The same for a plan of one call. It is bound in what the last such plan was bound in, which a runtime would free late. */
  #readySpare(plan: Plan<O>, check: MemoryCheck): void {
    this.#fit(plan, check, this.#spareStaged === plan.staged ? this.#spare : undefined);
    this.#spare = plan.bound;
    this.#spareStaged = plan.staged;
    // Parameters that this step brings to the same step become one cohort when the standing plan is made anew.
    if (this.#plan && isParted(this.#plan)) this.#plan = undefined;
  }

  /**
   * Makes the slots and the binding that a plan has come to need, all or none, and readies it.
   * @param spare To bind it in, where there is room.
   */
  #fit(plan: Plan<O>, check: MemoryCheck, spare?: BoundGroups): void {
    const { cohorts, flushes } = plan;
    if (plan.bound) check(plan.liveness); // before there is memory made for nothing
    const unprepared = unpreparedOf(cohorts);
    const made = unprepared ? this.#allocate(unprepared, ({ neededSlots }) => neededSlots) : none;
    try {
      const staged = flushes || cohorts.some(({ group }) => group.staged);
      const holds = plan.bound && made.length === 0 && staged === plan.staged && !zeroesOthers(plan);
      const binding = holds ? (plan as Binding) : this.#bind(plan, staged, spare);
      const stages = this.#finish(plan, staged);
      const begun = stages && beginnings(plan);
      check(binding.liveness);
      // Nothing refuses from here on, and nothing is called that a program could have put something else in the place of.
      const isNew = !plan.bound;
      for (let i = 0; i < cohorts.length; i++) {
        const { group } = cohorts[i] as Cohort<O>;
        group.preparedVersion = group.version;
      }
      keepBinding(plan, binding);
      plan.stages = stages;
      this.#made = made;
      // Slots that are new and clocks that are shared anew are not in the standing plan.
      if ((isNew && shareClocks(plan)) || made.length > 0) this.#plan = undefined;
      if (begun) begin(begun);
    } catch (error) {
      takeBackSlots(this.#backend, made);
      throw error;
    }
  }

  /** Hands a plan's arrays to the backend. */
  #bind(plan: Plan<O>, staged: boolean, spare?: BoundGroups): Binding {
    const liveness = new Liveness();
    const described = describePlan(this.#definition.rule, plan, liveness);
    checkZeroed(plan, plan.streamsOf, this.#backend);
    const { length } = plan.runs;
    const bound = spare?.rebind(described, length) ? spare : this.#backend.bind(described, length, staged);
    if (!bound) {
      throw new OptimError("ERR_MEMORY", "Not enough memory to list the parameters.");
    }
    return { bound, liveness, staged };
  }

  /** The coefficients of the coming step, and what its stages do. Whatever a refused step leaves of them, the next one writes. */
  #finish(plan: Plan<O>, staged: boolean): Stages | undefined {
    finishCoefficients(this.#definition, plan, this.#stages);
    return staged ? this.#stages.prepare(plan) : undefined;
  }
}
