/** The kind of an error, for programs. The message is for people: what was expected and what was found. */
export type OptimErrorCode =
  /** An unknown or misspelled option, or a value that an option or an argument does not take. */
  | "ERR_OPTION"
  /** An array, or something in its place, of a type that does not fit. */
  | "ERR_DTYPE"
  /** An array or a shape of a length that does not fit, or a view whose length can change. */
  | "ERR_LENGTH"
  /** Arrays that overlap in memory, where a step would write one of them. */
  | "ERR_ALIASED"
  /** A name that two parameters have, or that none has. */
  | "ERR_NAME"
  /** An array that has lost its memory, or an optimizer that was disposed. */
  | "ERR_DETACHED"
  /**
   * A call that would disturb a step at work: one of `stepAsync`, or one whose `lr` function comes back to its
   * optimizer; or what a team of workers is at.
   */
  | "ERR_STEP_IN_FLIGHT"
  /** A `stepAsync` over memory that could be taken away while it works. Use arrays of `allocate()`, or shared ones. */
  | "ERR_ASYNC_MEMORY"
  /** A state that does not fit the optimizer; or a call that needs the parameters in their place, while `swapEma()` has averages there. */
  | "ERR_STATE"
  /** A file that is damaged, or whose contents do not fit. */
  | "ERR_CHECKPOINT"
  /** A worker of a team that failed or ended, which ends its team; or a call of a team that has ended. */
  | "ERR_WORKER"
  /** Ranks that do not come together: no MPI library, another than the launcher's, ranks that differ or do not take part. */
  | "ERR_RANKS"
  /** More memory than there is. */
  | "ERR_MEMORY";

/**
 * Every error this package throws. It is thrown before anything is changed. `code` tells programs the kind of the
 * error, the message tells people what was expected and what was found.
 * @example
 * ```js
 * import { OptimError, SGD, allocate } from "rmsprop";
 *
 * try {
 *   new SGD(allocate({ w: [2] }).parameters, { momentum: 2 });
 * } catch (error) {
 *   console.log(error instanceof OptimError, error.code); // true ERR_OPTION
 *   console.log(error.message); // Expected 'momentum' to be a number from 0 to 1, but it is 2.
 * }
 * ```
 */
export class OptimError extends Error {
  /** The kind of the error, for programs. */
  readonly code: OptimErrorCode;

  constructor(code: OptimErrorCode, message: string) {
    super(shortened(message));
    this.name = "OptimError";
    this.code = code;
  }
}

/** The longest message, in characters: names and paths in it are the user's, of any length. */
const longest = 1000;

/** A message without its middle where it is too long: what was found stands at its end. */
const shortened = (message: string): string =>
  message.length <= longest ? message : `${message.slice(0, 600)} … ${message.slice(-300)}`;
