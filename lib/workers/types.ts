import "../disposable.ts";
import type { FloatArray } from "../numbers/typed-array.ts";

/** Options of `createTeam`. */
export interface TeamOptions {
  /**
   * What each worker gets as `data`: a copy, or of SharedArrayBuffers and views of them the same memory. Any value that
   * structured clone takes. Default undefined.
   */
  data?: unknown;
}

/**
 * What the default function of a worker's module is called with, once. `TeamWorker<"w" | "b", Float32Array, Data>` is that of
 * a model with these names, this class of arrays and this type of `data`.
 */
export interface TeamWorker<N extends string = string, A extends FloatArray = FloatArray, D = unknown> {
  /** The model's values by name, in the memory of the model itself. Read them; steps write them between rounds. */
  readonly params: { readonly [name in N]: A };
  /** The gradients of this worker's replica by name, to be written in each round. Steps leave them as they are. */
  readonly grads: { readonly [name in N]: A };
  /** This worker's number, from 0. */
  readonly index: number;
  /** The number of workers. */
  readonly count: number;
  /** The option `data`. */
  readonly data: D;
}

/**
 * A worker's backward pass: what the default function of its module returns, or resolves with. It is called in each round
 * with what `team.backward` was called with, writes the gradients, and returns a number, such as the loss, or nothing. It may
 * return a promise of that.
 */
export type TeamBackward<W extends number | readonly number[] | undefined = number> = (
  work: W,
  // biome-ignore lint/suspicious/noConfusingVoidType: A function that returns nothing is one of these.
) => number | void | Promise<number | void>;

/** Worker threads over one model. */
export interface Team {
  /** The number of workers, that of the model's replicas. */
  readonly count: number;
  /**
   * Has each worker do its backward pass, all at the same time, and resolves when all have: with what each returned, in
   * their order, NaN for nothing. Then call `step()`, which takes the mean of their gradients. It sends no messages.
   *
   * A worker that throws, rejects, exits or is terminated ends the team: all workers are ended, then this rejects. The
   * error's `cause` is what the worker threw, with its name, message and stack.
   *
   * Until it resolves gradients are half written: a step meanwhile is refused with ERR_STEP_IN_FLIGHT. Values must not
   * change.
   * @param work What each worker's function is called with: a number, a list of at most 16 numbers, or nothing.
   * @throws OptimError ERR_STEP_IN_FLIGHT while the round before, or a `stepAsync` over the model, is not done; ERR_OPTION
   * for other work; ERR_WORKER where a worker fails, and once the team has ended.
   */
  backward(work?: number | readonly number[]): Promise<number[]>;
  /**
   * Ends the workers and resolves when they are gone. The gradient of a step is the sum of the replicas again. A round that
   * is not done rejects with ERR_WORKER. Between rounds an open team keeps no program alive.
   */
  close(): Promise<void>;
  /** The same as `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
