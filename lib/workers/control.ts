// The memory by which a team's thread and its workers find each other in a round, without a message. Both sides read this file.

/** The most numbers that a round may be called with. */
export const mostNumbers = 16;

/** What the kind of a round's work says, where it is not the length of a list. */
const kinds = { nothing: -1, number: -2 } as const;

/** Indices of words. */
export const at = {
  /** Counts rounds, and wakes workers. */
  round: 0,
  /** The round that all workers have done, which wakes the team's thread. */
  done: 1,
  /** The number of workers that have not done the round. */
  pending: 2,
  kind: 3,
} as const;

/** The words lie in the first 64 bytes, the numbers behind them. */
const numbersAt = 64;

export interface Control {
  readonly words: Int32Array;
  /** What a round is called with. */
  readonly work: Float64Array;
  /** What each worker has returned. */
  readonly results: Float64Array;
}

export const makeControlBuffer = (count: number): SharedArrayBuffer =>
  new SharedArrayBuffer(numbersAt + (mostNumbers + count) * Float64Array.BYTES_PER_ELEMENT);

export function controlOf(buffer: SharedArrayBuffer): Control {
  const numbers = new Float64Array(buffer, numbersAt);
  return {
    words: new Int32Array(buffer, 0, numbersAt / Int32Array.BYTES_PER_ELEMENT),
    work: numbers.subarray(0, mostNumbers),
    results: numbers.subarray(mostNumbers),
  };
}

export type Work = number | readonly number[] | undefined;

/** @param given Of at most `mostNumbers` numbers. */
export function writeWork({ words, work }: Control, given: Work): void {
  if (given === undefined) words[at.kind] = kinds.nothing;
  else if (typeof given === "number") [words[at.kind], work[0]] = [kinds.number, given];
  else {
    words[at.kind] = given.length;
    work.set(given);
  }
}

export function readWork({ words, work }: Control): Work {
  const kind = words[at.kind] as number;
  if (kind === kinds.nothing) return undefined;
  return kind === kinds.number ? (work[0] as number) : Array.from(work.subarray(0, kind));
}

type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
) => { readonly async: false } | { readonly async: true; readonly value: Promise<unknown> };

/** `Atomics.waitAsync`, which Firefox has from 145 on. */
export const waitAsync = (Atomics as { waitAsync?: WaitAsync }).waitAsync;

/** What the team's thread sends a worker, once. */
export interface Start {
  readonly url: string;
  readonly control: SharedArrayBuffer;
  /** Whether the last worker to do a round sends a message, because the team's thread has no `Atomics.waitAsync`. */
  readonly announce: boolean;
  /** What the module's default function is called with. */
  readonly given: object & { readonly index: number };
}

/** What a worker sends. Other messages are the module's own. */
export type Report = { readonly rmsprop: "ready" | "done" | "closed" } | Failure;

export interface Failure {
  readonly rmsprop: "failed";
  /** What the worker was to do. */
  readonly doing: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}
