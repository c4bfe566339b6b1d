// Longer than other files: one class, whose docstrings and examples are most of it.
import "./disposable.ts";
import type { Backend, BoundGroups } from "./backends/backend.ts";
import { currentBackend } from "./backends/current.ts";
import { isMade } from "./backends/source.ts";
import { type Definition, readWithPreset } from "./definition.ts";
import { OptimError } from "./errors.ts";
import { asyncMemory, checkHeld, checkLive } from "./memory/liveness.ts";
import { exposeMemory, type Memory } from "./memory/memory.ts";
import { bufferOf, type FloatArray } from "./numbers/typed-array.ts";
import { checkFloat32 } from "./options/number-domains.ts";
import { defaultsOf } from "./options/option.ts";
import type { OptimizerOptions } from "./options/stage-options.ts";
import { optimizerOptions, splitOptions } from "./options/stages.ts";
import {
  checkMemory,
  type Entry,
  Group,
  type ParamGroup,
  type ParamGroupInput,
  readGroupOptions,
  statesOf,
} from "./parameters/group.ts";
import { guardParameter, refuseProperties, release } from "./parameters/guards.ts";
import { checkMade } from "./parameters/made.ts";
import { checkOverlap } from "./parameters/overlap.ts";
import {
  type AnyParameter,
  checkNames,
  checkNoOptions,
  checkParameters,
  type ParameterName,
} from "./parameters/parameter.ts";
import { zeroSource } from "./parameters/source.ts";
import { Standing } from "./parameters/standing.ts";
import { type RawGroup, takeGroup, takeGroups } from "./parameters/take.ts";
import type { RatedOptions } from "./schedules/learning-rate.ts";
import { loadSchedules } from "./schedules/schedule.ts";
import { averagedIn, begunSlots, swapAverages } from "./state/averages.ts";
import { checkArrays, loadInto } from "./state/load-state.ts";
import { beforeLoad, fitPart, type LoadStateOptions, readPartial } from "./state/partial-state.ts";
import { fitState, type Loaded, takeStateDict } from "./state/read-state.ts";
import { releaseSlotsOf } from "./state/slots.ts";
import {
  countsOf,
  type StateDict,
  type StateInput,
  type Unmatched,
  writeParamGroups,
  writeStates,
} from "./state/state-dict.ts";
import type { StepArrays } from "./step/call-arrays.ts";
import type { GivenArrays } from "./step/given.ts";
import { beginHalves } from "./step/halves.ts";
import type { BeginStep, Begun, Wholes } from "./step/measured.ts";
import type { Plan } from "./step/plan.ts";
import { Planner } from "./step/planner.ts";
import { type Findings, StepStages } from "./step/step-stages.ts";
import { show } from "./values/show.ts";

/** Parameters, or groups of them that override options; not both in one list. */
export type ParamsInput<O, N extends string = string> = Iterable<AnyParameter<N> | ParamGroupInput<O, N>>;

/** The `push` of `paramGroups`. It refuses, because it would not add a group. */
const noPush: PropertyDescriptor = {
  value: () => {
    throw new OptimError(
      "ERR_OPTION",
      "Expected a group to be added by addParamGroup(), but paramGroups is a list to read.",
    );
  },
};

/** What the last call of `step` or `stepAsync` did. */
export interface StepInfo extends Findings {
  /**
   * Whether it stepped a parameter: false where it was skipped, only accumulated gradients, or had nothing to step. Then
   * no `out` was written either.
   */
  readonly applied: boolean;
  /**
   * The step's number, from 1: the highest among its parameters. Of a call that took no step, that of their last one.
   */
  readonly step: number;
}

/**
 * The state of one parameter: the number of steps it took, and its slots, live. Where gradients are accumulated also
 * `accumulated`, the number of calls that wait for a step.
 */
export interface ParameterState {
  /** The number of steps that it took. */
  readonly step: number;
  readonly [slot: string]: FloatArray | number | undefined;
}

/**
 * Takes a step over arrays of which the caller, a part of this package, knows what overlaps: no name is looked up in an
 * object and no memory compared, and the plan of the last such call is kept.
 * @returns `lastStep.applied`.
 * @throws OptimError as `step` does, ERR_ALIASED apart.
 */
export let stepGiven: (optimizer: Optimizer, arrays: readonly GivenArrays[]) => boolean;

/** Begins a step in two calls, over pieces of parameters: measured.ts says how it goes on. */
export let beginStep: BeginStep<Optimizer>;

/** The learning rate of each group at its last step, NaN before the first; undefined of what is no optimizer of this package. */
export let ratesOf: (optimizer: object) => readonly number[] | undefined;

/**
 * The base of all optimizers: groups, steps, state. `RMSprop` and its kin extend it, and nobody constructs it by itself. As
 * the type of a function's argument, `optimizer: Optimizer`, it stands for any of them. In TypeScript `N` is the union of the
 * names of the parameters that the constructor was given.
 */
export abstract class Optimizer<
  // biome-ignore lint/suspicious/noExplicitAny: any options, as every optimizer has others
  O extends RatedOptions = any,
  S extends ParameterState = ParameterState,
  N extends string = string,
> {
  readonly #definition: Definition<O>;
  readonly #backend: Backend;
  readonly #defaults: Required<O>;
  readonly #stages: StepStages;
  readonly #planner: Planner<O>;
  /** The parameters whose averages are in their place. */
  #swapped: readonly Entry[] | undefined;
  #stepping = false;
  /** Whether a step off the event loop is under way. */
  #pending = false;
  #disposed = false;

  static {
    stepGiven = (optimizer, arrays) => optimizer.#stepGiven(arrays);
    beginStep = (optimizer, wholes) => optimizer.#beginStep(wholes);
    ratesOf = (optimizer) => (#planner in optimizer ? optimizer.#planner.groups.map(({ rate }) => rate) : undefined);
  }

  protected constructor(
    definition: Definition<O>,
    params: ParamsInput<O, N>,
    given: (O & OptimizerOptions) | undefined,
  ) {
    this.#definition = definition;
    this.#backend = currentBackend();
    const raw = takeGroups(params);
    const [whole, options] = splitOptions(definition, given);
    this.#stages = new StepStages(whole);
    this.#planner = new Planner(definition, this.#backend, this.#stages);
    this.#defaults = readWithPreset(definition, defaultsOf(definition.options), options);
    this.#adopt(raw);
    refuseProperties(this, new.target, Optimizer, definition.options, optimizerOptions);
  }

  /**
   * The groups, in the order in which they were given: the names of their parameters and their options. An option that is
   * set takes effect at the next step.
   * @example
   * ```js
   * import { SGD, allocate } from "rmsprop";
   *
   * const optimizer = new SGD(allocate({ w: [2], b: [2] }).parameters, { lr: 0.1 });
   * optimizer.paramGroups[0].lr = 0.01;
   * console.log(optimizer.paramGroups[0].params, optimizer.paramGroups[0].momentum); // [ 'w', 'b' ] 0
   * ```
   */
  get paramGroups(): readonly ParamGroup<O>[] {
    const groups = this.#planner.groups.map(({ view }) => view);
    return Object.freeze(Object.defineProperty(groups, "push", noPush));
  }

  /**
   * What the last call of `step` or `stepAsync` did; undefined before the first.
   * @example
   * ```js
   * import { SGD } from "rmsprop";
   *
   * const w = { name: "w", data: Float32Array.of(0, 0), grad: Float32Array.of(3, 4) };
   * const optimizer = new SGD([w], { lr: 0.5, clipGlobalNorm: 1, diagnostics: ["updateNorm"] });
   * optimizer.step();
   * const { step, gradNorm, updateNorm } = optimizer.lastStep;
   * console.log(step, gradNorm, updateNorm.toFixed(2)); // 1 5 0.50
   * ```
   */
  get lastStep(): StepInfo | undefined {
    const { lastStep: step, applied, findings } = this.#planner.progress;
    if (!findings && step === 0) return undefined;
    return Object.freeze({ step, applied, skipped: false, ...findings });
  }

  /** The factor of the loss before the backward pass, with the option `lossScale`; else 1. */
  get lossScale(): number {
    return this.#stages.lossScale?.scale ?? 1;
  }

  /**
   * Takes one step: updates every parameter that has a gradient and is not frozen, in place, in one pass.
   * @param arrays Arrays for this call only, by parameter name: `step({ x: gradient })`, or `step({ x: { data, grad,
   * out } })` with one of the three at least. Arrays that are left out are the parameter's own. With `out` the result
   * is written there and `data` is left as it is. Parameters that are not named, or that are null or have a `grad` of
   * null, are left out, and their step does not advance.
   * @throws OptimError ERR_DETACHED where an array lost its memory, ERR_OPTION where an `lr` function gives no rate,
   * ERR_STEP_IN_FLIGHT from within such a function, ERR_NAME, ERR_DTYPE, ERR_LENGTH or ERR_ALIASED for arrays that do
   * not fit; nothing is changed then. What the function throws comes through.
   * @example
   * ```js
   * import { SGD } from "rmsprop";
   *
   * const w = { name: "w", data: Float32Array.of(1, 2), grad: Float32Array.of(1, 1) };
   * const b = { name: "b", data: Float32Array.of(3), grad: Float32Array.of(1) };
   * const optimizer = new SGD([w, b], { lr: 0.5 });
   * optimizer.step();
   * console.log(w.data, b.data); // Float32Array(2) [ 0.5, 1.5 ] Float32Array(1) [ 2.5 ]
   *
   * const out = new Float32Array(1);
   * optimizer.step({ b: { grad: Float32Array.of(2), out } });
   * console.log(w.data, b.data, out); // Float32Array(2) [ 0.5, 1.5 ] Float32Array(1) [ 2.5 ] Float32Array(1) [ 1.5 ]
   * ```
   */
  step(arrays?: StepArrays<N>): void {
    this.#enter();
    try {
      this.#run(this.#planner.prepare(arrays, checkLive, true));
    } finally {
      this.#stepping = false;
    }
  }

  /**
   * Takes the same step, to the same bits, off the event loop; resolves when it is done. Until then the arrays must be left
   * alone, and the optimizer refuses everything that would change its state; an option that is set takes effect at the next
   * step. Needs memory that cannot be taken away meanwhile: arrays of `allocate()`, or over SharedArrayBuffers, which Deno
   * frees too early and which are refused there. Without the native backend the step is taken at once.
   * @param arrays As for `step`.
   * @throws OptimError, as a rejection: ERR_ASYNC_MEMORY, and what `step` throws.
   * @example
   * ```js
   * import { RMSprop, allocate } from "rmsprop";
   *
   * const model = allocate({ w: [1000, 1000] });
   * const optimizer = new RMSprop(model.parameters);
   * model.grads.w.fill(1);
   * const stepping = optimizer.stepAsync(); // meanwhile the next batch can be read, for example
   * await stepping;
   * console.log(optimizer.lastStep.step); // 1
   * ```
   */
  async stepAsync(arrays?: StepArrays<N>): Promise<void> {
    this.#enter();
    try {
      await this.#runAsync(this.#planner.prepare(arrays, checkHeld, false));
    } finally {
      this.#stepping = false;
    }
  }

  /**
   * Takes a step now with the gradients that were accumulated (option `gradientAccumulationSteps`), of every parameter
   * whose window of calls is not full, as at the end of an epoch. The gradients in the parameters' arrays are neither
   * read nor changed. The step takes the mean of the calls that came, as a smaller last batch takes the mean of its own
   * loss. In PyTorch loops that divide each loss by the whole window, every call weighs the same. For that, multiply
   * `lr` by the calls' share of the window, for this step. The step counts, asks for the learning rate, clips and
   * averages as any other. It leaves `lossScale` as it is. Frozen parameters keep what they have accumulated. Where no
   * call waits nothing is done.
   * @throws OptimError as `step` does; ERR_STATE where the calls that wait were given other data than the parameter's
   * own.
   * @example
   * ```js
   * import { SGD } from "rmsprop";
   *
   * const w = { name: "w", data: Float32Array.of(10), grad: new Float32Array(1) };
   * const optimizer = new SGD([w], { lr: 1, gradientAccumulationSteps: 4 });
   * for (const gradient of [1, 2, 6]) optimizer.step({ w: Float32Array.of(gradient) });
   * console.log(w.data[0], optimizer.lastStep.accumulated); // 10 3
   * optimizer.flushAccumulated();
   * console.log(w.data[0]); // 7
   * ```
   */
  flushAccumulated(): void {
    this.#enter();
    try {
      const plan = this.#planner.prepareFlush(checkLive);
      if (plan) this.#run(plan);
    } finally {
      this.#stepping = false;
    }
  }

  /**
   * Takes the same step, to the same bits, off the event loop, as `stepAsync` does.
   * @throws OptimError, as a rejection: what `stepAsync` and `flushAccumulated` throw.
   */
  async flushAccumulatedAsync(): Promise<void> {
    this.#enter();
    try {
      const plan = this.#planner.prepareFlush(checkHeld);
      if (plan) await this.#runAsync(plan);
    } finally {
      this.#stepping = false;
    }
  }

  /**
   * Drops the accumulated gradients (option `gradientAccumulationSteps`) of all parameters that wait for a step: the
   * next call begins a new window. Steps, state and the gradients in the parameters' arrays stay as they are.
   * @throws OptimError ERR_DETACHED.
   */
  dropAccumulated(): void {
    this.#settled();
    this.#checkMemory();
    this.#planner.dropAccumulated();
  }

  /**
   * Sets every gradient to zero, those of frozen parameters too. Needed before a backward pass that adds to the
   * gradients; the option `zeroGrads` does it in the step's own pass. Gradients that were accumulated before stay;
   * `dropAccumulated()` drops them.
   * @throws OptimError ERR_DETACHED, ERR_STEP_IN_FLIGHT.
   */
  zeroGrad(): void {
    this.#idle();
    this.#checkMemory();
    for (const { parameter } of this.#planner.entries.values()) {
      // An array without elements is not checked, and cannot be filled where its buffer is detached.
      if (parameter.source && parameter.length > 0) zeroSource(parameter.source, parameter.length);
    }
  }

  /**
   * Exchanges the parameters with the averages of their weights (option `ema`), for evaluation; a second call exchanges
   * them back. In between steps are refused, and so is everything that reads or changes the state. Parameters without
   * an average, or whose average has not begun, are left as they are.
   * @throws OptimError ERR_OPTION where no group has the option `ema`; ERR_STATE where an average is not one of the
   * parameter's own data, because its last step was given other data: exchange those with `state(name).ema`;
   * ERR_DETACHED.
   * @example
   * ```js
   * import { SGD, allocate } from "rmsprop";
   *
   * const { params, grads, parameters } = allocate({ w: [1] });
   * const optimizer = new SGD(parameters, { lr: 1, ema: { decay: 0.5 } });
   * grads.w[0] = -1;
   * for (let step = 0; step < 3; step++) optimizer.step();
   * console.log(params.w[0]); // 3
   * optimizer.swapEma(); // evaluate here
   * console.log(params.w[0]); // 2.25
   * optimizer.swapEma();
   * console.log(params.w[0]); // 3
   * ```
   */
  swapEma(): void {
    this.#idle();
    if (!this.#planner.groups.some(({ stageOptions }) => stageOptions.ema !== null)) {
      throw new OptimError("ERR_OPTION", "Expected a group with 'ema' to exchange weights with, but there is none.");
    }
    const entries = this.#swapped ?? averagedIn(this.#planner.groups);
    const elsewhere = entries.find((entry) => this.#planner.progress.places.isElsewhere(entry));
    if (elsewhere) {
      const { name } = elsewhere.parameter;
      throw new OptimError(
        "ERR_STATE",
        `Expected the average of '${name}' to be one of its own data, but its last step was given other data: ` +
          "exchange that with the average, which state() gives.",
      );
    }
    this.#checkMemory();
    swapAverages(entries);
    this.#swapped = this.#swapped ? undefined : entries;
  }

  /**
   * Adds parameters, with options that override the constructor's.
   * @param group `{ params, ...options }`.
   * @throws OptimError as the constructor does; nothing is added then.
   * @example
   * ```js
   * import { SGD, allocate } from "rmsprop";
   *
   * const optimizer = new SGD(allocate({ w: [2] }).parameters, { lr: 0.1 });
   * optimizer.addParamGroup({ params: allocate({ head: [2] }).parameters, momentum: 0.9 });
   * console.log(optimizer.paramGroups.map(({ params, lr, momentum }) => [params[0], lr, momentum])); // [ [ 'w', 0.1, 0 ], [ 'head', 0.1, 0.9 ] ]
   * ```
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
   * Leaves parameters out of all steps, until `unfreeze`. Their state is kept. `stateDict()` and checkpoints keep which
   * parameters are frozen.
   * @param names Names of parameters.
   * @throws OptimError ERR_NAME where there is no such parameter.
   * @example
   * ```js
   * import { SGD } from "rmsprop";
   *
   * const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
   * const b = { name: "b", data: Float32Array.of(1), grad: Float32Array.of(1) };
   * const optimizer = new SGD([w, b], { lr: 0.5 });
   * optimizer.freeze("b");
   * optimizer.step();
   * console.log(w.data[0], b.data[0]); // 0.5 1
   * optimizer.unfreeze("b");
   * optimizer.step();
   * console.log(w.data[0], b.data[0]); // 0 0.5
   * ```
   */
  freeze(...names: ParameterName<N>[]): void {
    this.#setFrozen(names, true);
  }

  /**
   * Takes parameters back into the steps.
   * @param names Names of parameters.
   * @throws OptimError ERR_NAME where there is no such parameter.
   */
  unfreeze(...names: ParameterName<N>[]): void {
    this.#setFrozen(names, false);
  }

  /**
   * Takes parameters out for good, and gives their state's memory back once no parameter of that number type is left in
   * the group.
   * @param names Names of parameters.
   * @throws OptimError ERR_NAME where there is no such parameter.
   */
  remove(...names: ParameterName<N>[]): void {
    this.#settled();
    const leaving = new Set(names.map((name) => this.#entry(name)));
    const { groups } = this.#planner;
    for (const group of groups) {
      const left = group.entries.filter((entry) => leaving.has(entry));
      if (left.length === 0) continue;
      group.remove(leaving);
      left.forEach(release);
      releaseSlotsOf(this.#backend, group, left);
    }
    this.#planner.replaceGroups(groups);
  }

  /**
   * The state of a parameter: live views, which the next step changes. State ends with its worker thread. Where
   * `state()` has given out views, which may be in another thread by then, its memory stays until `dispose()` or the
   * end of the process.
   * @param name The name of a parameter.
   * @throws OptimError ERR_NAME where there is no such parameter.
   * @example
   * ```js
   * import { RMSprop } from "rmsprop";
   *
   * const w = { name: "w", data: Float32Array.of(1, 2), grad: Float32Array.of(2, 4) };
   * const optimizer = new RMSprop([w], { alpha: 0.5 });
   * optimizer.step();
   * const { step, squareAvg } = optimizer.state("w");
   * console.log(step, squareAvg); // 1 Float32Array(2) [ 2, 8 ]
   * ```
   */
  state(name: ParameterName<N>): S {
    this.#alive();
    const entry = this.#entry(name);
    const slots = begunSlots(entry);
    const arrays = Object.fromEntries(Object.entries(slots).map(([slot, { array }]) => [slot, array]));
    for (const slot in arrays) exposeMemory(this.#backend, bufferOf(arrays[slot] as FloatArray));
    return Object.freeze({ ...countsOf(entry.clock, slots), ...arrays }) as ParameterState as S;
  }

  /**
   * A copy of the state and the options, by parameter name, to be kept and given to `loadStateDict` later. An `lr` that
   * is a function is left out, so that the optimizer that loads must be given it again; of a schedule the state is
   * taken.
   * @throws OptimError ERR_STEP_IN_FLIGHT, ERR_DETACHED.
   * @example
   * ```js
   * import { RMSprop, allocate, schedules } from "rmsprop";
   *
   * const lr = schedules.cosine(0.1, { steps: 1000 });
   * const { parameters, grads } = allocate({ w: [2] });
   * const optimizer = new RMSprop(parameters, { lr, momentum: 0.9 });
   * grads.w.fill(1);
   * optimizer.step();
   * const state = optimizer.stateDict();
   * console.log(state.rule, state.state.w.step, Object.keys(state.state.w)); // rmsprop 1 [ 'step', 'squareAvg', 'momentumBuffer' ]
   *
   * const other = new RMSprop(allocate({ w: [2] }).parameters, { lr });
   * other.loadStateDict(state);
   * console.log(other.paramGroups[0].momentum); // 0.9
   * ```
   */
  stateDict(): StateDict {
    this.#idle();
    const paramGroups = this.#guard(() => writeParamGroups(this.#definition, this.#planner.groups));
    this.#checkMemory();
    const { lossScale } = this.#stages;
    const state = writeStates(this.#planner.groups);
    const frozen = [...this.#planner.entries].flatMap(([name, entry]) => (entry.frozen ? [name] : []));
    return {
      rule: this.#definition.rule.name,
      paramGroups,
      state,
      ...(lossScale && { lossScale: { ...lossScale } }),
      ...(frozen.length > 0 && { frozen }),
    };
  }

  /**
   * Puts state and options in the place of this optimizer's own. A group whose state has no `lr` keeps its own; if that
   * is a schedule it gets the state's. The parameters that the state calls frozen are so afterwards, and no others.
   * @param state What `stateDict` gave. Its arrays may be lists of numbers, so that a state goes through JSON if each
   * array is written with `Array.from`; for a float32 parameter they are rounded as `Float32Array.from` does it. JSON
   * has no NaN and no infinity, writes -0 as 0, and makes of a typed array an object, which is refused; checkpoints
   * keep all of them. A float64 parameter takes float32 arrays, which it holds as they are.
   * @param options With `partial` the parts that fit are taken, and the rest is left as it is: each parameter's state
   * by its name, in whichever group it is; a group's options where its parameters were in one group. Of another rule's
   * state nothing fits.
   * @returns The parts that were not replaced and those that were not taken; two empty lists without `partial`.
   * @throws OptimError ERR_STATE where the state does not fit: another rule, other parameters, arrays that are missing,
   * unknown, or of another type or length, options outside their domain; with `partial` only where it is not of a
   * state's form. Nothing is changed then.
   */
  loadStateDict(state: StateInput, options: LoadStateOptions = {}): Unmatched {
    this.#idle();
    const partial = readPartial(options);
    const { [beforeLoad]: check } = options as { readonly [beforeLoad]?: () => void };
    const raw = takeStateDict(state);
    const [definition, { groups }, stages] = [this.#definition, this.#planner, this.#stages];
    const { loaded, unmatched } = partial
      ? fitPart(definition, groups, stages, raw)
      : { loaded: fitState(definition, groups, stages, raw), unmatched: { missing: [], unexpected: [] } };
    const loads = loaded.groups.flatMap(({ schedule }) => (schedule ? [schedule] : []));
    // This refuses if the state's own code has begun a step or disposed this optimizer.
    const undo = this.#guard(() => loadSchedules(loads));
    try {
      this.#checkMemory();
      checkArrays(this.#planner.groups, loaded);
      check?.();
      this.#load(loaded);
    } catch (error) {
      undo();
      throw error;
    }
    return unmatched;
  }

  /**
   * Gives the state's memory back at once. The optimizer cannot be used afterwards; the parameters are left as they
   * are, and their `data` and `grad` may be assigned again, which is refused while an optimizer has them. An optimizer
   * that is dropped without `dispose()` has them for ever: give the next one new objects then, `{ ...parameter, data
   * }`.
   * @throws OptimError ERR_STEP_IN_FLIGHT.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#idle();
    this.#disposed = true;
    for (const entry of this.#planner.entries.values()) release(entry);
    this.#planner.dispose();
  }

  /** The same as `dispose()`, for `using`. */
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
        `Expected no step to be under way, but one is: ${
          this.#pending
            ? "await what stepAsync() returned"
            : "code that a step calls, such as 'lr', cannot use its optimizer"
        }.`,
      );
    }
  }

  /** Refuses when `#idle` does, and while `swapEma()` has averages in place. */
  #settled(): void {
    this.#idle();
    if (this.#swapped) {
      throw new OptimError(
        "ERR_STATE",
        "Expected the parameters to be in their place, but swapEma() has put averages there: call it again first.",
      );
    }
  }

  #enter(): void {
    this.#settled();
    this.#stepping = true;
  }

  /** Runs schedules' own code. If that comes back to this optimizer, it is refused as during a step. */
  #guard<T>(run: () => T): T {
    this.#enter();
    try {
      return run();
    } finally {
      this.#stepping = false;
    }
  }

  #entry(name: unknown): Entry {
    const entry = this.#planner.entries.get(name as string);
    if (entry) return entry;
    if (Array.isArray(name)) {
      throw new OptimError("ERR_NAME", "Expected the name of a parameter, but it is an array: spread it, (...names).");
    }
    throw new OptimError("ERR_NAME", `Expected the name of a parameter, but none is named ${show(name)}.`);
  }

  #setFrozen(names: readonly string[], frozen: boolean): void {
    this.#idle();
    for (const entry of names.map((name) => this.#entry(name))) entry.frozen = frozen;
    this.#planner.forget();
  }

  /** Checks descriptions and takes them in, all or none. */
  #adopt(raw: readonly RawGroup[]): void {
    const definition = this.#definition;
    this.#checkMemory();
    const checked = raw.map(({ params, made }) => (made ? checkMade(made) : checkParameters(params)));
    for (const { params } of raw) checkNoOptions(params, definition.options);
    const present = [...this.#planner.entries.values()];
    const flat = checked.flat();
    const isAlone = present.length === 0 && raw.length === 1 && raw[0]?.made;
    if (!isAlone) {
      const all = [...present.map(({ parameter }) => parameter), ...flat];
      checkNames(all);
      checkOverlap(all, [...statesOf(present)], this.#backend);
    }
    checkFloat32(optimizerOptions, this.#stages.options, flat);
    const added = raw.map(
      ({ options }, i) =>
        new Group(
          definition,
          readGroupOptions(definition, this.#defaults, options),
          checked[i] ?? [],
          this.#stages.options,
        ),
    );
    this.#planner.adopt(added);
    added.forEach(({ entries }, g) => {
      entries.forEach((entry, e) => {
        const { source, name } = entry.parameter;
        if (source && isMade(source)) entry.standing = new Standing(source, name, () => this.#planner.rebind());
        const given = raw[g]?.params[e]?.given as object | undefined; // none of a list of allocate(), which is frozen
        if (given) entry.guard = guardParameter(given, entry.parameter);
      });
    });
  }

  #stepGiven(arrays: readonly GivenArrays[]): boolean {
    this.#enter();
    try {
      this.#run(this.#planner.prepareGiven(arrays, checkLive), false);
      return this.#planner.progress.applied;
    } finally {
      this.#planner.releaseGiven();
      this.#stepping = false;
    }
  }

  #beginStep(wholes: Wholes): Begun {
    this.#enter();
    const leave = () => {
      this.#stepping = this.#pending = false;
    };
    try {
      const plan = this.#planner.prepare(undefined, checkHeld, false);
      this.#pending = true;
      return beginHalves(plan, this.#planner, wholes, leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** @param again Whether the backend may be told to take this step again. */
  #run(plan: Plan<O>, again = true): void {
    (plan.bound as BoundGroups).step(plan.runs, plan.stages, plan.repeats);
    this.#planner.finish(plan, again);
  }

  async #runAsync(plan: Plan<O>): Promise<void> {
    const held: readonly Memory[] = plan.liveness.held();
    const step = this.#begin(plan);
    this.#pending = true;
    for (const memory of held) memory.inFlight++;
    try {
      await step;
      this.#planner.finish(plan, false);
    } finally {
      this.#pending = false;
      for (const memory of held) memory.inFlight--;
    }
  }

  #begin(plan: Plan<O>): Promise<void> {
    try {
      const step = (plan.bound as BoundGroups).stepAsync(plan.runs, plan, plan.liveness.heldBuffers(), plan.stages);
      if (step) return step;
      throw asyncMemory("memory", "a parameter", "another copy of this package allocated it");
    } catch (error) {
      this.#planner.withdraw();
      throw error;
    }
  }

  /** @throws OptimError ERR_DETACHED where an array of a parameter or of its state has lost its memory. */
  #checkMemory(): void {
    checkMemory(this.#planner.entries.values());
  }

  #load(loaded: Loaded<O>): void {
    const { groups } = this.#planner;
    const slots = new Map(groups.map((group, i) => [group, loaded.groups[i]?.slots ?? []]));
    const made = this.#planner.makeSlots((group) => slots.get(group) as readonly string[]);
    const madeOf = groups.map((group) => made.filter((each) => each.group === group).flatMap(({ slots }) => slots));
    loadInto(this.#definition, groups, this.#stages, loaded, madeOf);
    this.#planner.forget();
  }
}
