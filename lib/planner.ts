// From groups and the arrays of a call to what the backend steps.
import { beginAverages } from "./averages.ts";
import type { Backend, BoundGroups } from "./backends/backend.ts";
import {
  askRates,
  type Cohort,
  describePlan,
  finishCoefficients,
  isParted,
  isRepeated,
  type Plan,
  planOf,
  type Streams,
  shareClocks,
} from "./cohorts.ts";
import type { Definition } from "./definition.ts";
import { OptimError } from "./errors.ts";
import { byName, type Entry, type Group } from "./group.ts";
import { checkInputs, checkZeroed, enteredBy, type StepArrays, takeInputs } from "./inputs.ts";
import { Liveness, type MemoryCheck } from "./liveness.ts";
import type { LearningRate } from "./options.ts";
import { allocateSlots, releaseSlots } from "./slots.ts";
import type { StepStages } from "./stages.ts";
import type { FloatArray } from "./typed-array.ts";

/** The option that every optimizer has. */
export interface RatedOptions {
  lr?: LearningRate;
}

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

  constructor(definition: Definition<O>, backend: Backend, stages: StepStages) {
    this.#definition = definition;
    this.#backend = backend;
    this.#stages = stages;
  }

  get groups(): readonly Group<O>[] {
    return this.#groups;
  }

  /** The parameters of all groups, by name. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** Takes groups in the place of those there are. */
  take(groups: readonly Group<O>[]): void {
    this.#groups = groups;
    this.#entries = byName(groups);
    this.#plan = undefined;
  }

  /**
   * Takes in groups besides, with the slots that they need; all or none.
   * @throws OptimError ERR_MEMORY, ERR_DETACHED.
   */
  adopt(added: readonly Group<O>[]): void {
    const before = this.#groups;
    try {
      for (const group of added) allocateSlots(this.#definition, this.#backend, group, group.neededSlots);
      this.#groups = [...before, ...added];
      this.#plan = this.#standingPlan();
      this.#entries = byName(this.#groups);
    } catch (error) {
      for (const group of added) releaseSlots(this.#backend, group);
      this.#groups = before;
      this.#plan = undefined;
      throw error;
    }
  }

  /** Has the next step listed anew. */
  forget(): void {
    this.#plan = undefined;
  }

  dispose(): void {
    this.take([]);
    this.#spare = undefined;
  }

  /**
   * Everything of a step before the step itself: user code first; after the check of the memory at the end there is none,
   * not even a built-in function that a program may have replaced. Nothing is changed before a check.
   */
  prepare(arrays: StepArrays | undefined, check: MemoryCheck): Plan<O> {
    if (arrays !== undefined) return this.#prepareWith(arrays, check);
    this.#plan ??= this.#standingPlan();
    const plan = this.#plan;
    if (isRepeated(plan)) {
      check(plan.liveness);
      return plan;
    }
    plan.repeats = false;
    if (plan.staged) this.#stages.choose(plan);
    askRates(plan);
    if (this.#makeSlots(plan, check)) this.#plan = this.#bind(plan, ownStreams);
    this.#finish(plan);
    check(plan.liveness);
    return plan;
  }

  #prepareWith(arrays: StepArrays, check: MemoryCheck): Plan<O> {
    const entered = enteredBy(takeInputs(arrays), this.#entries);
    const plan = this.#planOf((entry) => entered.has(entry));
    if (plan.staged) this.#stages.choose(plan);
    askRates(plan);
    const streamsOf = checkInputs(entered, this.#backend);
    this.#bindSpare(plan, streamsOf);
    if (this.#makeSlots(plan, check)) this.#bindSpare(plan, streamsOf);
    this.#finish(plan);
    // Cohorts that this step brings to the same step become one when the standing plan is made anew.
    if (shareClocks(plan) || (this.#plan && isParted(this.#plan))) this.#plan = undefined;
    check(plan.liveness);
    return plan;
  }

  /** A plan of the step that is given no arrays. */
  #standingPlan(): Plan<O> {
    const plan = this.#planOf((entry) => entry.parameter.grad !== null && !entry.frozen);
    shareClocks(plan);
    return this.#bind(plan, ownStreams);
  }

  #planOf(included: (entry: Entry) => boolean): Plan<O> {
    return planOf(this.#groups, this.#definition.rule.coefficients.length, included);
  }

  /** Hands a plan's arrays to the backend. */
  #bind(plan: Plan<O>, streamsOf: (entry: Entry) => Streams, spare?: BoundGroups): Plan<O> {
    const liveness = new Liveness();
    const described = describePlan(this.#definition.rule, plan, streamsOf, liveness);
    checkZeroed(plan, streamsOf, this.#backend);
    const { length } = plan.runs;
    const bound = spare?.rebind(described, length) ? spare : this.#backend.bind(described, length, plan.staged);
    if (!bound) {
      throw new OptimError("ERR_MEMORY", "Expected memory to list the parameters in, but there is not so much.");
    }
    plan.bound = bound;
    plan.liveness = liveness;
    return plan;
  }

  /** Binds anew what the last step with arrays of its own was bound in: what a runtime keeps of a binding it frees late. */
  #bindSpare(plan: Plan<O>, streamsOf: (entry: Entry) => Streams): void {
    const spare = this.#spareStaged === plan.staged ? this.#spare : undefined;
    this.#spare = this.#bind(plan, streamsOf, spare).bound;
    this.#spareStaged = plan.staged;
  }

  /** The coefficients of the coming step, and what its stages do. */
  #finish(plan: Plan<O>): void {
    const stages = this.#stages;
    finishCoefficients(this.#definition, plan, stages);
    plan.stages = plan.staged ? stages.prepare(plan) : undefined;
  }

  /**
   * Makes slots that options have come to need, once the memory is checked. Returns whether the plan is to be bound anew:
   * there were any, or options have come to need stages, or no longer do.
   */
  #makeSlots(plan: Plan<O>, check: MemoryCheck): boolean {
    const { cohorts, liveness } = plan;
    let made = false;
    let changed = false;
    for (let i = 0; i < cohorts.length; i++) {
      const { group } = cohorts[i] as Cohort<O>;
      if (group.version === group.preparedVersion) continue;
      check(liveness);
      changed = true;
      if (allocateSlots(this.#definition, this.#backend, group, group.neededSlots)) {
        made = true;
        this.#plan = undefined;
      }
      beginAverages(group);
      group.preparedVersion = group.version;
    }
    if (changed && plan !== this.#plan) this.#plan = undefined;
    const staged = changed ? cohorts.some(({ group }) => group.staged) : plan.staged;
    if (staged !== plan.staged) {
      plan.staged = staged;
      if (staged) this.#stages.choose(plan);
      made = true;
    }
    return made;
  }
}

/** The arrays that a parameter was given with. */
const ownStreams = ({ parameter: { data, grad } }: Entry): Streams => ({ data, out: data, grad: grad as FloatArray });
