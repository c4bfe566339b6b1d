/** A part of an array for each rank: `counts[i]` bytes at `offsets[i]` of `array`, in bytes from the array's beginning. */
export interface Parts {
  readonly array: ArrayBufferView;
  readonly offsets: readonly number[];
  readonly counts: readonly number[];
}

/**
 * Moves bytes between ranks and makes no arithmetic. All ranks ask for the same collectives in the same order, and several
 * may be under way at once. Memory is held from the asking to the end. Once one has failed, that one and all further ones
 * reject.
 *
 * `what` is waited for: the sentence of a time-out names it ("gradients of bucket 3 of step 17").
 */
export interface Communicator {
  readonly rank: number;
  readonly size: number;
  /**
   * Sends part i of `from` to rank i, and receives rank i's part into part i of `into`. A rank's own part is left where it
   * is: its count is 0 on both sides.
   */
  exchange(what: string, from: Parts, into: Parts): Promise<void>;
  /** Every rank has its own part of `parts`, and has all of them afterwards. */
  gather(what: string, parts: Parts): Promise<void>;
  /** The root's bytes, to all. */
  broadcast(what: string, array: ArrayBufferView, root: number): Promise<void>;
  barrier(what: string): Promise<void>;
}
