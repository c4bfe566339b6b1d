// From groups and the arrays of a call to what the backend steps.
import type { Backend, BoundGroups } from "../backends/backend.ts";
import type { Definition } from "../definition.ts";
import type { MemoryCheck } from "../memory/liveness.ts";
import { byName, type Entry, type Group } from "../parameters/group.ts";
import type { RatedOptions } from "../schedules/learning-rate.ts";
import { allocateSlots, emptyWindow, type MadeSlots, releaseSlots, takeBackSlots } from "../state/slots.ts";
import { begin, beginnings } from "./beginnings.ts";
import { type Binding, bind, type Fit, type Spare, unpreparedOf, zeroesOthers } from "./binding.ts";
import { checkInputs, enteredBy, type StepArrays, takeInputs } from "./call-arrays.ts";
import { isConstant, isRepeated } from "./coefficients.ts";
import {
  askRates,
  choose,
  describeStages,
  finishCoefficients,
  keepBinding,
  shareClocks,
  unbind,
} from "./coming-step.ts";
import { type GivenArrays, GivenStreams } from "./given.ts";
import {
  accumulatedStreams,
  type Cohort,
  type Draft,
  isBound,
  isParted,
  isStaged,
  ownStreams,
  type Plan,
  planOf,
  type Streams,
} from "./plan.ts";
import { Progress } from "./progress.ts";
import type { StepStages } from "./step-stages.ts";

const none: readonly MadeSlots[] = [];

/** An optimizer's groups, and the plans of their steps. A plan is made once and stepped until it no longer holds. */
export class Planner<O extends RatedOptions> {
  readonly #definition: Definition<O>;
  readonly #backend: Backend;
  readonly #stages: StepStages;
  /** What steps have done. */
  readonly progress: Progress;
  #groups: readonly Group<O>[] = [];
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** The standing plan, of steps without arrays of their own; undefined once it no longer holds. */
  #plan: Plan<O> | undefined;
  /** What the standing plan was bound to, until what makes a gradient changed. */
  #unbound: Spare | undefined;
  /** Reused by steps with arrays of their own, one after the other. */
  #spare: Spare | undefined;
  readonly #given = new GivenStreams<O>();
  /** The slots that the coming step has made. */
  #made: readonly MadeSlots[] = none;

  constructor(definition: Definition<O>, backend: Backend, stages: StepStages) {
    this.#definition = definition;
    this.#backend = backend;
    this.#stages = stages;
    this.progress = new Progress(backend, stages);
  }

  get groups(): readonly Group<O>[] {
    return this.#groups;
  }

  /** The parameters of all groups, by name. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** Replaces the groups. */
  replaceGroups(groups: readonly Group<O>[]): void {
    this.#groups = groups;
    this.#entries = byName(groups);
    this.#plan = undefined;
    this.#given.plan = undefined;
    this.progress.places.keep(new Set(this.#entries.values()));
  }

  /**
   * Adds groups and makes the slots that they need; all or none.
   * @throws OptimError ERR_MEMORY, ERR_DETACHED, ERR_ALIASED.
   */
  adopt(added: readonly Group<O>[]): void {
    const before = this.#groups;
    const made = this.#allocate(added, ({ neededSlots }) => neededSlots);
    try {
      this.#groups = [...before, ...added];
      const plan = this.#standingPlan();
      const binding = bind(this.#definition.rule, this.#backend, plan, isStaged(plan));
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

  /** The next step hands its arrays to the backend anew, in their place. A step that is at work goes on. */
  rebind(): void {
    if (this.#plan) this.#unbound = unbind(this.#plan) ?? this.#unbound;
  }

  dispose(): void {
    for (const group of this.#groups) releaseSlots(this.#backend, group);
    this.replaceGroups([]);
    this.#spare = this.#unbound = undefined;
  }

  /**
   * Does everything that comes before the step itself: user code first, then what can refuse, then what is kept. After
   * the check of the memory no user code runs, not even a built-in function that a program may have replaced.
   * @param again Whether the backend may be told to take its last step again.
   */
  prepare(arrays: StepArrays | undefined, check: MemoryCheck, again: boolean): Plan<O> {
    if (arrays !== undefined) return this.#prepareWith(arrays, check);
    const plan = this.#plan ?? this.#standingPlan();
    if (again && isRepeated(plan)) {
      check(plan.liveness);
      return plan;
    }
    (plan as Draft<Plan<O>>).repeats = false;
    if (plan.staged) choose(plan, this.#stages);
    askRates(plan);
    this.#ready(plan, check, this.#unbound);
    this.#unbound = undefined;
    this.#plan = plan;
    return plan;
  }

  #prepareWith(arrays: StepArrays, check: MemoryCheck): Plan<O> {
    const entered = enteredBy(takeInputs(arrays), this.#entries);
    let streamsOf: ((entry: Entry) => Streams) | undefined;
    const givenStreams = (entry: Entry) => (streamsOf as (entry: Entry) => Streams)(entry);
    const plan = this.#planOf((entry) => entered.has(entry), givenStreams);
    if (plan.staged) choose(plan, this.#stages);
    askRates(plan);
    streamsOf = checkInputs(entered, this.#backend);
    this.#readySpare(plan, check);
    return plan;
  }

  /**
   * Prepares a step over arrays of which the caller knows what overlaps. `releaseGiven` lets go of them.
   * @throws OptimError as a step over arrays of its own does, ERR_ALIASED apart.
   */
  prepareGiven(arrays: readonly GivenArrays[], check: MemoryCheck): Plan<O> {
    const given = this.#given;
    given.take(arrays, this.#entries);
    given.plan ??= this.#planOf((entry) => given.has(entry), given.streamsOf);
    const { plan } = given;
    if (plan.staged) choose(plan, this.#stages);
    askRates(plan);
    this.#readySpare(plan, check);
    return plan;
  }

  releaseGiven(): void {
    this.#given.clear();
    if (this.#given.plan) unbind(this.#given.plan);
  }

  /**
   * Prepares a step with the accumulated gradients, of the parameters whose windows of calls are not full.
   * @returns undefined where there are none.
   * @throws OptimError ERR_STATE where calls of such a window were given other data than the parameter's own.
   */
  prepareFlush(check: MemoryCheck): Plan<O> | undefined {
    const waits = (entry: Entry) => entry.clock.waiting > 0 && !entry.frozen;
    this.progress.places.checkOwn([...this.#entries.values()].filter(waits));
    const plan = this.#planOf(waits, accumulatedStreams, true);
    if (plan.cohorts.length === 0) return undefined;
    askRates(plan);
    this.#readySpare(plan, check);
    return plan;
  }

  /** Drops the accumulated gradients that wait for a step. */
  dropAccumulated(): void {
    for (const entry of this.#entries.values()) emptyWindow(entry);
    this.#plan = undefined;
  }

  /** Undoes a prepared step that the backend did not begin. */
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
  finish(plan: Plan<O>, again: boolean): void {
    if (again && plan.repeats) {
      this.progress.countAgain(plan);
      return;
    }
    this.progress.count(plan, plan === this.#plan);
    this.#made = none;
    (plan as Draft<Plan<O>>).repeats = again && plan.cohorts.length > 0 && isConstant(plan);
    // The next step over the parameters' own data is no repeat: it notes that they are there again.
    if (this.#plan && !this.progress.places.areAllOwn) (this.#plan as Draft<Plan<O>>).repeats = false;
  }

  /** A plan of the step that is given no arrays. */
  #standingPlan(): Plan<O> {
    return this.#planOf((entry) => entry.parameter.source !== null && !entry.frozen, ownStreams);
  }

  #planOf(included: (entry: Entry) => boolean, streamsOf: (entry: Entry) => Streams, flushes = false): Plan<O> {
    return planOf(this.#groups, this.#definition.rule.coefficients.length, included, streamsOf, flushes);
  }

  /** Makes the slots that groups lack. */
  #allocate(groups: Iterable<Group<O>>, slotsOf: (group: Group<O>) => readonly string[]): readonly MadeSlots[] {
    return allocateSlots(this.#definition, this.#backend, groups, slotsOf);
  }

  /**
   * Readies a plan for the coming step, or leaves everything as it was: first what can refuse, then what is kept.
   * @param spare Takes the binding, where one is needed and it has room.
   */
  #ready(plan: Plan<O>, check: MemoryCheck, spare?: Spare): void {
    const fit = isBound(plan) ? undefined : this.#fit(plan, check, spare);
    try {
      const { liveness, staged } = fit?.binding ?? plan;
      finishCoefficients(this.#definition, plan, this.#stages);
      const stages = staged ? describeStages(plan, this.#stages) : undefined;
      const begun = stages && beginnings(plan);
      check(liveness);
      // From here on nothing refuses, and no function is called that a program could have replaced.
      if (fit) this.#keep(plan, fit);
      (plan as Draft<Plan<O>>).stages = stages;
      if (begun) begin(begun);
    } catch (error) {
      if (fit) takeBackSlots(this.#backend, fit.made);
      throw error;
    }
  }

  /** The same for a plan of one call. It is bound in the last such plan's place, which a runtime would free late. */
  #readySpare(plan: Plan<O>, check: MemoryCheck): void {
    this.#ready(plan, check, this.#spare);
    this.#spare = { bound: plan.bound as BoundGroups, staged: plan.staged };
    // This step may bring cohorts to the same count; a new standing plan joins them.
    if (this.#plan && isParted(this.#plan)) this.#plan = undefined;
  }

  /** Makes the slots and the binding that a plan has come to need, all or none. */
  #fit(plan: Plan<O>, check: MemoryCheck, spare?: Spare): Fit {
    const { cohorts } = plan;
    if (plan.bound) check(plan.liveness); // before memory is made in vain
    const unprepared = unpreparedOf(cohorts);
    const made = unprepared ? this.#allocate(unprepared, ({ neededSlots }) => neededSlots) : none;
    try {
      const staged = isStaged(plan);
      const holds = plan.bound && made.length === 0 && staged === plan.staged && !zeroesOthers(plan);
      const { rule } = this.#definition;
      return { made, binding: holds ? (plan as Binding) : bind(rule, this.#backend, plan, staged, spare) };
    } catch (error) {
      takeBackSlots(this.#backend, made);
      throw error;
    }
  }

  #keep(plan: Plan<O>, { made, binding }: Fit): void {
    const isNew = !plan.bound;
    for (let i = 0; i < plan.cohorts.length; i++) {
      const { group } = plan.cohorts[i] as Cohort<O>;
      group.preparedVersion = group.version;
    }
    keepBinding(plan, binding);
    this.#made = made;
    // The standing plan lacks new slots, and clocks that are newly shared.
    if ((isNew && shareClocks(plan)) || made.length > 0) this.#plan = undefined;
  }
}
