/** What MPI says of itself and of this rank once it has started; where it has not, the sentence why. */
export interface StartedRanks {
  readonly error: string;
  /** Whether a library was found; if not, the ranks may be started again. */
  readonly loaded: boolean;
  readonly rank: number;
  readonly size: number;
  /** The interface that the library was found to have: "MPICH", "Open MPI" or "standard". */
  readonly abi: string;
  readonly version: string;
  readonly path: string;
}

/** Counts and offsets in bytes, one of each for each rank. */
export interface RankParts {
  readonly array: Uint8Array;
  readonly offsets: readonly number[];
  readonly counts: readonly number[];
}

/** The ranks of the process: a thread that makes every call of MPI. */
export interface BackendRanks {
  /**
   * @param timeout In seconds: how long collectives wait for other ranks.
   * @returns undefined where the process has its ranks already.
   */
  start(libraries: readonly string[], timeout: number): Promise<StartedRanks> | undefined;
  /**
   * Begins a collective, which rejects with a sentence.
   * @param kind By number: exchange, gather, broadcast, barrier, duplicate.
   * @param into What is received; of a broadcast the array alone.
   * @param kept What must stay alive meanwhile: the arrays.
   * @param buffers Those of this package among theirs, whose memory is held besides.
   * @returns the number of the communicator that `duplicate` made, else 0; undefined, with nothing begun, where a buffer is
   * of another copy of the package.
   */
  collective(
    kind: number,
    communicator: number,
    what: string,
    size: number,
    root: number,
    from: RankParts | null,
    into: RankParts | null,
    kept: unknown,
    buffers: readonly ArrayBufferLike[],
  ): Promise<number> | undefined;
  /**
   * Ends this rank's part: with code 0 it waits until all ranks end; else, and where they do not, it writes the reason, ends
   * them all and this process, and does not return.
   */
  finish(code: number, reason: string): void;
}
