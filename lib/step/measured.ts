// A step in two calls, measure and change, over pieces of whole parameters, for rmsprop/distributed: between the calls
// others, who have the other pieces, tell what they measured.

import type { Column } from "../backends/layout.ts";

/** The place of an optimizer's parameter in the whole parameter that it is a piece of. */
export interface Piece {
  /** The number of the whole parameter. */
  readonly whole: number;
  /** The tile of the whole parameter that is the piece's first. */
  readonly tile: number;
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
 * A step that has begun and has touched no array: its rates were asked for, and all that can refuse has not. From here to
 * its end it is in flight: the optimizer refuses everything that would change its state, and the memory of its arrays is
 * held. So it must be ended, by `finish()` at the end of the chain or by `abandon()` on the way.
 */
export interface Begun {
  /**
   * The numbers that decide the step, of all runs: their whole parameters, counts of steps, flags, coefficients, and what
   * their stages do. Equal on all ranks that take the same step, whatever their pieces are.
   */
  readonly orders: Float64Array;
  /**
   * Measures the gradients, off the event loop; to be called once they are in their places.
   * @throws OptimError, as a rejection: ERR_DETACHED, or ERR_STEP_IN_FLIGHT where a team's workers are at work in the
   * memory. The step has ended then, as by `abandon()`.
   */
  measure(): Promise<Measured>;
  /** Ends the step, with everything as it was. Does nothing once the step has ended or changes something. */
  abandon(): void;
}

/** A step that is measured and has changed nothing. */
export interface Measured {
  /**
   * What must be known of all gradients before anything changes. The rows of this rank's pieces are filled, the others are
   * zeros: the caller fills in the other ranks' rows.
   */
  readonly table: TileTable;
  /**
   * Changes this rank's pieces by the complete table, or skips the step because of it, off the event loop. The order of
   * all sums is the plain optimizer's.
   * @throws OptimError, as a rejection: as `measure()`. Nothing is changed then, and the step has ended.
   */
  change(): Promise<Changed>;
  /** As that of `Begun`. */
  abandon(): void;
}

/** A step that has changed the pieces, or was skipped. It is in flight still. */
export interface Changed {
  /**
   * What is reported of the whole step. The rows of this rank's pieces are filled, the others are zeros: the caller fills
   * in the other ranks' rows. No parameter depends on it.
   */
  readonly table: TileTable;
  /**
   * Ends the step: makes the report of the complete table, counts the step and moves the loss scale. To be called whatever
   * happens: without other ranks' rows the norms and counts that `lastStep` has of this table are wrong, and all else is
   * right.
   */
  finish(): void;
}

/**
 * Begins a step over an optimizer's own arrays. Needs the memory that `stepAsync` needs. What is divided by the number of
 * replicas is a list of gradients (`divideBy` in parameters/standing.ts). It is `beginStep` of optimizer.ts.
 * @throws OptimError what `stepAsync` rejects with. Nothing is in flight then.
 */
export type BeginStep<O> = (optimizer: O, wholes: Wholes) => Begun;
