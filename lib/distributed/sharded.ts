// Longer than other files: one class, whose docstrings and examples are much of it.
import { OptimError } from "../errors.ts";
import { fillWith } from "../numbers/typed-array.ts";
import type { StepInfo } from "../optimizer.ts";
import type { ParamGroup } from "../parameters/group.ts";
import { type Guard, release } from "../parameters/guards.ts";
import { beforeLoad } from "../state/partial-state.ts";
import type { StateDict, StateInput } from "../state/state-dict.ts";
import { show } from "../values/show.ts";
import { groupList, wholeGroup } from "./groups.ts";
import { together } from "./messages.ts";
import type { OwnPiece } from "./pieces.ts";
import { gatherState, type Shared, spreadState } from "./state.ts";
import { type Sharded, Steps } from "./steps.ts";
import { turnsOf } from "./turns.ts";

/** What `shard` makes a sharded optimizer of. */
export interface Made extends Sharded {
  /** Of all ranks together. */
  readonly replicas: number;
  readonly guards: readonly (Guard | undefined)[];
}

/** Gathers the whole state on rank 0, in a turn of the caller's. */
export let stateOf: (optimizer: ShardedOptimizer) => Promise<StateDict | undefined>;

/**
 * Brings all ranks the state that rank 0 has, in a turn of the caller's, and checks it.
 * @returns What puts it in its place.
 */
export let readyToLoad: (optimizer: ShardedOptimizer, state: unknown) => Promise<() => void>;

/** Runs what all ranks do together with an optimizer, over its own communicator, in its turn. */
export let inTurnOf: <T>(optimizer: ShardedOptimizer, name: string, work: () => Promise<T>) => Promise<T>;

/** What an optimizer was made of. */
export let madeOf: (optimizer: ShardedOptimizer) => Made;

/** What ends a load before anything has changed. */
const tried = new Error("The state fits.");

/**
 * An optimizer of which each rank has a part, as `ranks.shard` makes it: a rank steps its part of the parameters and keeps
 * the state of that part alone, and after a step all ranks have the same parameters, to the bit. What is asynchronous is
 * for all ranks together: each of them calls it, in the same order.
 */
export class ShardedOptimizer<
  // biome-ignore lint/suspicious/noExplicitAny: any options, as every optimizer has others
  O = any,
  N extends string = string,
> {
  /** The numbers of the replicas whose gradients this rank computes, of all ranks' `replicas`, from 0. */
  readonly replicas: readonly number[];
  readonly #made: Made;
  readonly #steps: Steps;
  readonly #shared: Shared;
  /** The name of a method that is under way. */
  #under: string | undefined;
  #disposed = false;

  static {
    stateOf = (optimizer) => optimizer.#gather();
    readyToLoad = (optimizer, state) => optimizer.#readyToLoad(state);
    inTurnOf = (optimizer, name, work) => optimizer.#turn(name, work);
    madeOf = (optimizer) => optimizer.#made;
  }

  /** `ranks.shard` makes one. */
  constructor(made: Made) {
    const { communicator, replicas, wholes, pieces, traffic } = made;
    const own = replicas / communicator.size;
    this.replicas = Object.freeze(Array.from({ length: own }, (_, i) => communicator.rank * own + i));
    this.#made = made;
    this.#steps = new Steps(made);
    this.#shared = { communicator, wholes, pieces, buckets: traffic.buckets };
    Object.preventExtensions(this);
  }

  /** The groups: the names of whole parameters, and options, to read and to set. Set them alike on all ranks. */
  get paramGroups(): readonly ParamGroup<O>[] {
    const { optimizer, groups, wholes } = this.#made;
    const nameOf = (w: number) => wholes[w]?.name as string;
    return groupList(
      optimizer.paramGroups.map((group, g) => wholeGroup(group as ParamGroup<O>, (groups[g] ?? []).map(nameOf))),
    );
  }

  /** What the last step did, the same on all ranks; undefined before the first. Norms are those of whole gradients. */
  get lastStep(): StepInfo | undefined {
    return this.#made.optimizer.lastStep;
  }

  /** The factor of the loss before the backward pass, with the option `lossScale`; else 1. The same on all ranks. */
  get lossScale(): number {
    return this.#made.optimizer.lossScale;
  }

  /**
   * Takes one step, by the mean of the gradients of all replicas of all ranks: the same bits as those of the plain optimizer
   * with that mean, on any number of ranks that is a power of two, if `replicas` is one. Resolves when this rank has all
   * parameters. Until then arrays and optimizer must be left alone.
   * @throws OptimError, as a rejection: what `stepAsync` of the plain optimizer throws; ERR_RANKS on all ranks where they
   * are not to take the same step, as where an option was set on one of them alone. Nothing is changed then. ERR_RANKS too
   * where bytes do not arrive, as where a link is cut: some of the parameters may have been stepped by then, and the ranks
   * can do nothing more together.
   */
  async step(...given: never[]): Promise<void> {
    if (given.length > 0) {
      throw new OptimError(
        "ERR_OPTION",
        `Expected step() on ranks to be given nothing, because it is over their own arrays, but it is given ${show(given[0])}.`,
      );
    }
    return this.#turn("step", () => this.#steps.take());
  }

  /**
   * Says that gradients are ready, before `step()`: they may travel while the backward pass goes on, and must not be
   * written until `step()` is done. A bucket goes once all of its gradients are ready, and all buckets before it: the last
   * parameters go first. Changes no parameter, and makes no difference to the step but when it is done. All ranks must say
   * it in the same order between their other calls.
   * @param names Names of parameters.
   * @throws OptimError ERR_NAME where there is no such parameter; ERR_STEP_IN_FLIGHT.
   */
  ready(...names: (N | (string & {}))[]): void {
    this.#idle();
    const numbers = names.map((name) => this.#numberOf(name));
    turnsOf(this.#made.communicator).now(() => {
      if (!this.#disposed) this.#steps.ready(numbers);
    });
  }

  /** Sets every gradient of this rank to zero, those of frozen parameters too. @throws OptimError ERR_STEP_IN_FLIGHT; ERR_DETACHED. */
  zeroGrad(): void {
    this.#still();
    this.#steps.checkMemory();
    for (const { length, grads } of this.#made.wholes) if (length > 0) for (const grad of grads) fillWith(grad, 0);
  }

  /**
   * Leaves parameters out of all steps, until `unfreeze`; on all ranks alike.
   * @param names Names of parameters.
   * @throws OptimError ERR_NAME where there is no such parameter.
   */
  freeze(...names: (N | (string & {}))[]): void {
    this.#setFrozen(names, true);
  }

  /**
   * Takes parameters back into the steps.
   * @param names Names of parameters.
   * @throws OptimError ERR_NAME where there is no such parameter.
   */
  unfreeze(...names: (N | (string & {}))[]): void {
    this.#setFrozen(names, false);
  }

  /**
   * A copy of the whole state and the options, as the plain optimizer gives it: on rank 0, and undefined on the others.
   * @throws OptimError, as a rejection: ERR_STEP_IN_FLIGHT, ERR_DETACHED, ERR_STATE.
   */
  async stateDict(): Promise<StateDict | undefined> {
    return this.#turn("stateDict", () => this.#gather());
  }

  /**
   * Puts a state of `stateDict()`, of this or of the plain optimizer, in the place of this optimizer's own, on all ranks.
   * @param state The whole state on rank 0; the others' is not looked at.
   * @throws OptimError, as a rejection on all ranks: ERR_STATE where the state does not fit; ERR_RANKS where it fits on
   * this rank and another one refuses it. Nothing is changed then.
   */
  async loadStateDict(state?: StateInput): Promise<void> {
    return this.#turn("loadStateDict", async () => (await this.#readyToLoad(state))());
  }

  /**
   * Exchanges the parameters with the averages of their weights (option `ema`) on all ranks, for evaluation; a second call
   * exchanges them back. In between steps are refused, and so is everything that reads or changes the state.
   * @throws OptimError, as a rejection: ERR_OPTION where no group has the option `ema`; ERR_DETACHED.
   */
  async swapEma(): Promise<void> {
    return this.#turn("swapEma", () => this.#swap());
  }

  /**
   * Gives the state's memory back at once, on this rank. The optimizer cannot be used afterwards.
   * @throws OptimError ERR_STEP_IN_FLIGHT.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#still();
    this.#disposed = true;
    const { optimizer, traffic, sums, guards } = this.#made;
    optimizer.dispose();
    sums?.dispose();
    traffic.dispose();
    for (const guard of guards) release({ guard, standing: undefined });
  }

  /** The same as `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #idle(): void {
    if (this.#disposed) {
      throw new OptimError("ERR_DETACHED", "Expected an optimizer with its state, but it was disposed.");
    }
    if (this.#under === undefined) return;
    throw new OptimError(
      "ERR_STEP_IN_FLIGHT",
      `Expected no call of this optimizer to be under way, but ${this.#under}() is: await what it returned.`,
    );
  }

  /** Refuses while gradients travel, too. */
  #still(): void {
    this.#idle();
    if (!this.#steps.travels) return;
    throw new OptimError(
      "ERR_STEP_IN_FLIGHT",
      "Expected no gradients to be under way, but ready() has let some travel: await step() first.",
    );
  }

  /** Runs what all ranks do together, in their turn. */
  async #turn<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#idle();
    this.#under = name;
    try {
      return await turnsOf(this.#made.communicator).take(work);
    } finally {
      this.#under = undefined;
    }
  }

  #numberOf(name: unknown): number {
    const found = this.#made.wholes.findIndex((whole) => whole.name === name);
    if (found >= 0) return found;
    if (Array.isArray(name)) {
      throw new OptimError("ERR_NAME", "Expected the name of a parameter, but it is an array: spread it, (...names).");
    }
    throw new OptimError("ERR_NAME", `Expected the name of a parameter, but none is named ${show(name)}.`);
  }

  #setFrozen(names: readonly string[], isFrozen: boolean): void {
    this.#idle();
    const { optimizer, pieces, frozen } = this.#made;
    const numbers = names.map((name) => this.#numberOf(name));
    const own = numbers.flatMap((w) => (pieces[w] as readonly OwnPiece[]).map(({ name }) => name));
    if (isFrozen) optimizer.freeze(...own);
    else optimizer.unfreeze(...own);
    for (const w of numbers) {
      if (isFrozen) frozen.add(w);
      else frozen.delete(w);
    }
  }

  async #gather(): Promise<StateDict | undefined> {
    const { communicator, optimizer } = this.#made;
    const own = await together(communicator, "the state", () => optimizer.stateDict());
    return gatherState(this.#shared, own);
  }

  async #readyToLoad(given: unknown): Promise<() => void> {
    const { communicator, optimizer, wholes, frozen } = this.#made;
    const state = await spreadState(this.#shared, given);
    await together(communicator, "the load of a state", () => {
      try {
        const check = () => {
          throw tried;
        };
        optimizer.loadStateDict(state, { [beforeLoad]: check } as object);
      } catch (error) {
        if (error !== tried) throw error;
      }
    });
    return () => {
      optimizer.loadStateDict(state);
      const names = new Set(state.frozen);
      frozen.clear();
      for (const [w, { name }] of wholes.entries()) if (names.has(name)) frozen.add(w);
      this.#steps.coming = Math.max(0, ...Object.values(state.state).map(({ step }) => step)) + 1;
    };
  }

  async #swap(): Promise<void> {
    const { communicator, optimizer, traffic } = this.#made;
    let swapped = false;
    try {
      await together(communicator, "swapEma()", () => {
        optimizer.swapEma();
        swapped = true;
      });
    } catch (error) {
      if (swapped) optimizer.swapEma();
      throw error;
    }
    if (communicator.size > 1) await traffic.gatherAll("with or without averages");
  }
}
