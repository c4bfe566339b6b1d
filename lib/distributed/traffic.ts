// What travels in a step: gradients to the ranks that step them, then the parameters to all.
import type { Backend } from "../backends/backend.ts";
import { type ArrayBlock, allocateBlock, releaseBlock } from "../memory/block.ts";
import { alignment, type Place } from "../memory/memory.ts";
import { bufferOf, byteOffsetOf, type FloatArray, type NumberType } from "../numbers/typed-array.ts";
import type { Communicator, Parts } from "./communicator.ts";
import { type Bucket, bucketsOf, type Stretch } from "./layout.ts";
import { bytesAt, type PlacedRun, viewOf } from "./places.ts";

/** A bucket in memory. */
export interface PlacedBucket extends Bucket {
  readonly run: PlacedRun;
  /** What this rank steps of it. */
  readonly own: Stretch;
  /** Where others' gradients of that arrive. */
  readonly inbox: FloatArray;
  /** Where in it those of each rank begin, in bytes; 0 for this rank, of which none arrive. */
  readonly arrivals: readonly number[];
  /** This rank's gradients: its own array, or the sum of its replicas. */
  readonly gradients: Place;
  /** The sum, where there is one. */
  readonly sum: FloatArray | undefined;
}

/**
 * The collectives of a kind that may be under way at once. What a rank answers to another one's message waits behind all that it
 * sends itself, so that two leave a link without work; measured at 1 Gbit/s with buckets of 1 MiB, 2, 3, 4, 6 and 8 on 2 ranks
 * took 1.17, 1.13, 1.10, 1.09 and 1.06 of what the link allows, and 16 took 1.04.
 */
export const mostUnderWay = 8;

const lineOf = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

/** All buckets, in the order in which they travel: the last layers' gradients are there first. */
export class Traffic {
  readonly buckets: readonly PlacedBucket[];
  readonly #communicator: Communicator;
  readonly #backend: Backend;
  readonly #blocks: ArrayBlock[] = [];
  /** The buckets that were asked to be exchanged for the coming step. */
  #exchanges: Promise<void>[] = [];
  /** Those whose parameters travel, or have. */
  #gathers: Promise<void>[] = [];

  /** @throws OptimError ERR_MEMORY. */
  constructor(communicator: Communicator, backend: Backend, runs: readonly PlacedRun[], bucketBytes: number) {
    this.#communicator = communicator;
    this.#backend = backend;
    try {
      const buckets = runs.flatMap((run) => this.#bucketsOf(run, bucketBytes));
      this.buckets = buckets.reverse();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  #bucketsOf(run: PlacedRun, bucketBytes: number): PlacedBucket[] {
    const { rank, size } = this.#communicator;
    const { type, bytesPerElement, grads } = run;
    const buckets = bucketsOf(run, size, size === 1 ? Number.POSITIVE_INFINITY : bucketBytes);
    const shards = buckets.map(({ shards }) => shards[rank] as Stretch);
    const lines = shards.map(({ begin, end }) => lineOf(end - begin));
    const inboxes = this.#allocate(
      lines.map((line) => ((size - 1) * line) / bytesPerElement),
      type,
    );
    const isSummed = size > 1 && grads.length > 1;
    const sums = this.#allocate(isSummed ? buckets.map(({ begin, end }) => (end - begin) / bytesPerElement) : [], type);
    return buckets.map((bucket, i) => {
      const inbox = inboxes[i] as FloatArray;
      const line = lines[i] as number;
      const arrivals = bucket.shards.map((_, from) => (from === rank ? 0 : (from < rank ? from : from - 1) * line));
      const sum = sums[i];
      const first = grads[0] as Place;
      const gradients = sum
        ? { buffer: bufferOf(sum), byteOffset: byteOffsetOf(sum) }
        : { buffer: first.buffer, byteOffset: first.byteOffset + bucket.begin };
      return { ...bucket, run, own: shards[i] as Stretch, inbox, arrivals, gradients, sum };
    });
  }

  #allocate(lengths: readonly number[], type: NumberType): readonly FloatArray[] {
    if (lengths.length === 0) return [];
    const block = allocateBlock(this.#backend, lengths, type);
    this.#blocks.push(block);
    return block.arrays;
  }

  /** The number of buckets whose gradients travel, or have arrived, for the coming step. */
  get exchanged(): number {
    return this.#exchanges.length;
  }

  /** Asks for the exchange of the next bucket. Its gradients may not be written until that is over. */
  exchangeNext(step: number): void {
    const { rank } = this.#communicator;
    const number = this.#exchanges.length;
    const bucket = this.buckets[number] as PlacedBucket;
    const { begin, end, gradients, shards, own, inbox, arrivals } = bucket;
    const bytes = own.end - own.begin;
    const from = partsOf(bytesAt(gradients, 0, end - begin), shards, begin, rank);
    const counts = arrivals.map((_, sender) => (sender === rank ? 0 : bytes));
    const into = { array: inbox, offsets: arrivals, counts };
    const exchange = this.#communicator.exchange(`gradients of bucket ${number} of step ${step}`, from, into);
    exchange.catch(() => {}); // whoever waits for it hears of it
    this.#exchanges.push(exchange);
  }

  /**
   * Asks for the exchanges of buckets that have not been asked for yet.
   * @param count How many are to be asked for in all, if there are as many.
   * @param prepare Readies the gradients of a bucket.
   */
  async exchangeUntil(
    count: number,
    step: number,
    prepare: (bucket: PlacedBucket) => Promise<void> | undefined,
  ): Promise<void> {
    while (this.exchanged < Math.min(count, this.buckets.length)) {
      await prepare(this.buckets[this.exchanged] as PlacedBucket);
      this.exchangeNext(step);
    }
  }

  /** Waits for the gradients of a bucket whose exchange was asked for. */
  async arrived(number: number): Promise<void> {
    await this.#exchanges[number];
  }

  /** The coming step exchanges all buckets anew. */
  forget(): void {
    this.#exchanges = [];
    this.#gathers = [];
  }

  /** Waits for all collectives that were asked for, however they end. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#exchanges, ...this.#gathers]);
  }

  /** Brings every rank's own part of the next bucket's parameters to all, once few enough travel. */
  async gatherNext(when: string): Promise<void> {
    const number = this.#gathers.length;
    const { begin, end, run, shards } = this.buckets[number] as PlacedBucket;
    await this.#gathers[number - mostUnderWay];
    const parts = partsOf(bytesAt(run.data, begin, end), shards, begin);
    const gather = this.#communicator.gather(`parameters of bucket ${number} ${when}`, parts);
    gather.catch(() => {}); // whoever waits for it hears of it
    this.#gathers.push(gather);
  }

  /** Waits for all parameters that travel. */
  async gathered(): Promise<void> {
    await Promise.all(this.#gathers);
  }

  /** Brings every rank's own part of the parameters to all. */
  async gatherAll(when: string): Promise<void> {
    try {
      for (const _ of this.buckets) await this.gatherNext(when);
      await this.gathered();
    } finally {
      await this.settled();
      this.#gathers = [];
    }
  }

  dispose(): void {
    for (const block of this.#blocks) releaseBlock(this.#backend, block);
  }
}

/** The shards as parts of a bucket's bytes. @param except Has no part. */
export function partsOf(array: Uint8Array, shards: readonly Stretch[], begin: number, except = -1): Parts {
  const isThere = ({ pieces }: Stretch, i: number) => pieces.length > 0 && i !== except;
  return {
    array,
    offsets: shards.map((shard, i) => (isThere(shard, i) ? shard.begin - begin : 0)),
    counts: shards.map((shard, i) => (isThere(shard, i) ? shard.end - shard.begin : 0)),
  };
}

/** Elements of an own piece as they arrive from another rank. @param byte Where the piece begins in its run. */
export function arrivalOf(bucket: PlacedBucket, from: number, byte: number, length: number): FloatArray {
  const { inbox, arrivals, own, run } = bucket;
  const byteOffset = byteOffsetOf(inbox) + (arrivals[from] as number) + byte - own.begin;
  return viewOf({ buffer: bufferOf(inbox), byteOffset }, run.type, length);
}
