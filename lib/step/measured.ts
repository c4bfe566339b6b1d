// A step in two halves, measure and change, over pieces of whole parameters, for rmsprop/distributed: between the halves
// others, who have the other pieces, tell what they measured. A half is taken part by part, as gradients arrive.

import type { Column } from "../backends/layout.ts";

/** The place of an optimizer's parameter in the whole parameter that it is a piece of. */
export interface Piece {
  /** The number of the whole parameter. */
  readonly whole: number;
  /** The tile of the whole parameter that is the piece's first. */
  readonly tile: number;
  /** The number of the part of a step that measures and changes it. */
  readonly part: number;
}

/**
 * Whole parameters, and the pieces of them that the parameters of one optimizer are. A piece begins at a multiple of
 * 1,024 elements of its whole parameter, and ends at one or at the whole's end.
 *
 * Each whole parameter has at least one piece in every rank's optimizer, one of length 0 where the rank has none of its
 * elements, in the same group and with the same clock and freezing as its other pieces. So the groups, cohorts and runs of
 * all ranks are those of the plain optimizer over the whole parameters.
 */
export interface Wholes {
  /** The tiles of each, in the order of the plain optimizer's parameters. */
  readonly tiles: readonly number[];
  /** By the names of the optimizer's parameters. In each group they come in the order of their whole parameters. */
  readonly pieces: ReadonlyMap<string, Piece>;
  /** The number of parts in which a step is measured and changed: 1 or more, and a part may have no piece. */
  readonly parts: number;
}

/**
 * A table of tiles. It has a row for each tile of all whole parameters: those of the first one in order, then those of the
 * second, whether the step takes them or not. A row has a number for each column: tile t has column c in
 * `numbers[t * columns.length + c]`.
 */
export interface TileTable {
  /** In this order. Equal on all ranks whose options are equal; none where the step needs to know nothing, or is skipped. */
  readonly columns: readonly Column[];
  readonly numbers: Float64Array;
}

/**
 * A step that has begun: its rates were asked for, and all that can refuse has not. It measures the parts that others must
 * know of, is decided, changes the parts, and ends by `finish()`, or on the way by `abandon()`. Until its
 * end it is in flight: the optimizer refuses everything that would change its state, and the memory of its arrays is held.
 *
 * `measure` and `change` work off the event loop, one call at a time, on one part each, in any order of the parts. They
 * throw ERR_DETACHED, as a rejection, where memory was taken away, ERR_STEP_IN_FLIGHT where a team's workers are at work in
 * it, and ERR_MEMORY. The step has ended then, as by `abandon()`, with nothing changed but by calls of `change` before.
 */
export interface Begun {
  /**
   * The numbers that decide the step, of all runs: their whole parameters, counts of steps, flags, coefficients, and what
   * their stages do. Equal on all ranks that take the same step, whatever their pieces are.
   */
  readonly orders: Float64Array;
  /**
   * What must be known of all gradients before anything changes: without columns, nothing. `measure` fills in the rows of
   * this rank's pieces. The others are zeros: the caller fills in the other ranks' rows before `decide`.
   */
  readonly before: TileTable;
  /** Measures the gradients of a part, once they are in their places. Only where `before` has columns. */
  measure(part: number): Promise<void>;
  /**
   * Decides by the complete table `before` how the parts are changed. The order of all sums is the plain optimizer's.
   * @returns false where the step is skipped because of it: then nothing is changed, and `finish()` comes next.
   * @throws OptimError ERR_MEMORY. The step has ended then, as by `abandon()`.
   */
  decide(): boolean;
  /** Changes the pieces of a part, whose gradients are in their places, once it is decided. */
  change(part: number): Promise<void>;
  /**
   * What is reported of the whole step; no parameter depends on it. `change` fills in the rows of this rank's pieces, and
   * the caller the other ranks' before `finish`. Without columns where the step was skipped.
   */
  readonly after: TileTable;
  /**
   * Ends the step: makes the report of the complete table `after`, counts the step and moves the loss scale. To be called
   * once it is decided, whatever happens: without other ranks' rows the norms and counts that `lastStep` has of that table
   * are wrong, and all else is right.
   */
  finish(): void;
  /**
   * Ends the step, uncounted, with everything as it was but what `change` has changed: that is how it ends where others
   * cannot go on. While it measures or changes a part, it ends once it has, and that call
   * rejects. Does nothing once the step has ended.
   */
  abandon(): void;
}

/**
 * Begins a step over an optimizer's own arrays. Needs the memory that `stepAsync` needs. What is divided by the number of
 * replicas is a list of gradients (`divideBy` in parameters/standing.ts). It is `beginStep` of optimizer.ts.
 * @throws OptimError what `stepAsync` rejects with. Nothing is in flight then.
 */
export type BeginStep<O> = (optimizer: O, wholes: Wholes) => Begun;
