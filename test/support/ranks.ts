// Ranks in one process, in the place of MPI's. Collectives end in the order in which they were asked for, each rank's after
// a delay of its own. What travels is looked at: no part of it may be written meanwhile, and what arrives is not there early.
import type { Communicator, Parts } from "../../lib/distributed/communicator.ts";
import { uniformFrom } from "./cases.ts";

type Kind = "exchange" | "gather" | "broadcast" | "barrier";

/** What one rank asks for. */
interface Asked {
  readonly kind: Kind;
  readonly what: string;
  /** What is sent to each rank. */
  readonly sent: readonly Uint8Array[];
  /** Where that of each rank goes. */
  readonly received: readonly Uint8Array[];
  readonly root: number;
  /** Of what is sent, when it was asked for: memory may be given back once it is sent. */
  readonly lengths: readonly number[];
  readonly before: readonly Uint8Array[];
  resolve(): void;
  reject(error: unknown): void;
}

function partsOf({ array, offsets, counts }: Parts): Uint8Array[] {
  return counts.map((count, i) => {
    const offset = offsets[i] as number;
    if (offset < 0 || count < 0 || offset + count > array.byteLength) {
      throw new RangeError(`A part of ${count} bytes at ${offset} is not in an array of ${array.byteLength}.`);
    }
    return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset + offset, count);
  });
}

const bytesOf = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);

const poison = 0xa5;

export class RanksInOneProcess {
  readonly communicators: readonly Communicator[];
  /** What each rank asked for, in order. */
  readonly orders: readonly string[][];
  /** The bytes that each rank sent to others. */
  readonly sent: number[];
  readonly #size: number;
  readonly #asked: Asked[][] = [];
  readonly #counts: number[];
  readonly #uniform: () => number;
  #last: Promise<unknown>[];
  #failure: Error | undefined;
  /** Makes the collective of that number fail, from 0. */
  failsAt = Number.POSITIVE_INFINITY;

  constructor(size: number, seed = 1) {
    this.#size = size;
    this.#uniform = uniformFrom(seed);
    this.orders = Array.from({ length: size }, () => []);
    this.sent = Array.from({ length: size }, () => 0);
    this.#counts = Array.from({ length: size }, () => 0);
    this.#last = Array.from({ length: size }, () => Promise.resolve());
    this.communicators = Array.from({ length: size }, (_, rank) => this.#communicator(rank));
  }

  /** Runs a program on every rank. */
  run<T>(program: (communicator: Communicator) => Promise<T>): Promise<T[]> {
    return Promise.all(this.communicators.map(program));
  }

  /** The number of collectives that not all ranks have asked for. */
  get open(): number {
    return this.#asked.filter((asked) => asked.filter(Boolean).length < this.#size).length;
  }

  #communicator(rank: number): Communicator {
    const none: Uint8Array[] = [];
    return {
      rank,
      size: this.#size,
      exchange: (what, from, into) => this.#ask(rank, "exchange", what, partsOf(from), partsOf(into), -1),
      gather: (what, parts) => this.#ask(rank, "gather", what, partsOf(parts), partsOf(parts), -1),
      broadcast: (what, array, root) => this.#ask(rank, "broadcast", what, [bytesOf(array)], [bytesOf(array)], root),
      barrier: (what) => this.#ask(rank, "barrier", what, none, none, -1),
    };
  }

  #ask(
    rank: number,
    kind: Kind,
    what: string,
    sent: readonly Uint8Array[],
    received: readonly Uint8Array[],
    root: number,
  ): Promise<void> {
    this.orders[rank]?.push(`${kind} ${what}`);
    if (this.#failure) return Promise.reject(this.#failure);
    const reads =
      kind === "exchange" ? sent : kind === "gather" ? [sent[rank] as Uint8Array] : rank === root ? sent : [];
    const before = reads.map((part) => part.slice());
    const lengths = sent.map((part) => part.length);
    received.forEach((part, from) => {
      const arrives = kind === "exchange" || (kind === "gather" ? from !== rank : rank !== root);
      if (arrives) part.fill(poison);
    });
    const index = this.#counts[rank] as number;
    this.#counts[rank] = index + 1;
    return new Promise((resolve, reject) => {
      this.#asked[index] ??= [];
      const all = this.#asked[index] as Asked[];
      all[rank] = { kind, what, sent, received, root, lengths, before, resolve, reject };
      if (all.filter(Boolean).length === this.#size) this.#begin(index, all);
    });
  }

  #begin(index: number, all: readonly Asked[]): void {
    this.#last = all.map(async (asked, rank) => {
      await this.#last[rank];
      await this.#delay();
      if (this.#failure) return asked.reject(this.#failure);
      try {
        if (index >= this.failsAt) throw new Error("The link is cut.");
        this.#check(asked, all[0] as Asked, rank);
        this.#move(all, rank);
        asked.resolve();
      } catch (error) {
        this.#failure = error as Error;
        // Also those that some ranks have not asked for yet, and never will.
        for (const each of this.#asked.flat()) each?.reject(error);
      }
    });
  }

  async #delay(): Promise<void> {
    const turns = Math.floor(this.#uniform() * 4);
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  #check({ kind, what, root, lengths }: Asked, first: Asked, rank: number): void {
    if (kind !== first.kind || what !== first.what || root !== first.root) {
      throw new Error(`Rank ${rank} asks for ${kind} ${what}, rank 0 for ${first.kind} ${first.what}.`);
    }
    if (kind !== "exchange") {
      lengths.forEach((length, i) => {
        if (length !== first.lengths[i]) throw new Error(`Rank ${rank} has another length of ${what}.`);
      });
    }
  }

  /** Brings to a rank what is for it. Others may have got theirs: what is sent stays until all have. */
  #move(all: readonly Asked[], rank: number): void {
    const { kind, received, root, what } = all[rank] as Asked;
    all.forEach((from, sender) => {
      if (sender === rank || kind === "barrier" || (kind === "broadcast" && sender !== root)) return;
      const part = kind === "exchange" ? rank : kind === "gather" ? sender : 0;
      const at = kind === "exchange" ? part : 0;
      const before = from.before[at] as Uint8Array;
      const into = received[kind === "broadcast" ? 0 : sender] as Uint8Array;
      if (before.length !== into.length) {
        throw new Error(`Rank ${sender} sends ${before.length} bytes of ${what}, rank ${rank} takes ${into.length}.`);
      }
      this.sent[sender] = (this.sent[sender] as number) + before.length;
      into.set(before);
    });
    if (kind === "broadcast" && rank !== root) return;
    // Its own are looked at when its own call ends, up to which nobody may write them.
    const own = all[rank] as Asked;
    const reads = kind === "exchange" ? own.sent : kind === "gather" ? [own.sent[rank] as Uint8Array] : own.sent;
    reads.forEach((part, i) => {
      if (Buffer.compare(part, own.before[i] as Uint8Array) !== 0) {
        throw new Error(`Rank ${rank} has written what travels: ${what}.`);
      }
    });
  }
}
