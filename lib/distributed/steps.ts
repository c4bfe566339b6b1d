// The steps of a sharded optimizer: gradients to their ranks, a plain step over the rank's pieces, parameters to all. What
// needs to know nothing of other buckets is done bucket by bucket, while others travel.
import { Liveness } from "../memory/liveness.ts";
import { memoryOf } from "../memory/memory.ts";
import { bufferOf, type FloatArray, fillWith, hasMemory } from "../numbers/typed-array.ts";
import { beginStep, type Optimizer } from "../optimizer.ts";
import type { Begun, Wholes } from "../step/measured.ts";
import { agreeOnStep } from "./agreement.ts";
import type { Communicator } from "./communicator.ts";
import { type OwnPieces, wholesOf } from "./pieces.ts";
import type { WholeParameter } from "./places.ts";
import type { Sums } from "./sums.ts";
import { Rows } from "./table.ts";
import { mostUnderWay, type PlacedBucket, type Traffic } from "./traffic.ts";

/** What steps work on. */
export interface Sharded {
  readonly communicator: Communicator;
  readonly wholes: readonly WholeParameter[];
  /** The numbers of each group's parameters. */
  readonly groups: readonly (readonly number[])[];
  readonly pieces: OwnPieces;
  /** The plain optimizer of the rank's pieces. */
  readonly optimizer: Optimizer;
  readonly traffic: Traffic;
  /** The numbers of parameters that are frozen. */
  readonly frozen: Set<number>;
  /** Of a rank with several replicas, beside other ranks. */
  readonly sums: Sums | undefined;
}

export class Steps {
  readonly #sharded: Sharded;
  readonly #wholes: Wholes;
  readonly #rows: Rows;
  /** The numbers of the parameters whose gradients may travel. */
  readonly #ready = new Set<number>();
  /** The gradients that the step under way sets to zero, as options said when it began. */
  #zeroed: readonly FloatArray[] = [];
  /** Of all parameters and gradients, those too of which this rank has no piece, or a sum in their place. */
  readonly #liveness = new Liveness();
  /** The step that is coming, for words. */
  coming = 1;

  constructor(sharded: Sharded) {
    const { communicator, wholes, pieces, traffic } = sharded;
    this.#sharded = sharded;
    this.#wholes = wholesOf(wholes, pieces, Math.max(traffic.buckets.length, 1));
    for (const { name, type, length, data, grads } of wholes) {
      this.#liveness.watch(data, length, type, "data", name);
      for (const grad of grads) this.#liveness.watch(grad, length, type, "gradient", name);
    }
    this.#rows = new Rows(communicator, this.#wholes.tiles, traffic.buckets);
  }

  /** Whether gradients travel, or have arrived, for the coming step. */
  get travels(): boolean {
    return this.#sharded.traffic.exchanged > 0;
  }

  /** @throws OptimError ERR_DETACHED where a parameter or a gradient has lost its memory. */
  checkMemory(): void {
    this.#liveness.check();
  }

  /** Lets the gradients of parameters travel: those of each bucket, once it and all before it are ready. */
  ready(numbers: readonly number[]): void {
    const { communicator, traffic, sums } = this.#sharded;
    for (const number of numbers) this.#ready.add(number);
    const isReady = ({ pieces, run }: PlacedBucket) =>
      pieces.every(({ parameter }) => this.#ready.has(run.wholes[parameter] as number));
    if (communicator.size === 1 || !this.#hasMemory()) return; // step() says what is missing
    while (traffic.exchanged < traffic.buckets.length) {
      const next = traffic.buckets[traffic.exchanged] as PlacedBucket;
      if (!isReady(next)) return;
      // At once: an event loop that a backward pass blocks would not come to it later.
      sums?.sum(next);
      if (!this.travels) this.#hold(1);
      traffic.exchangeNext(this.coming);
    }
  }

  /** All memory of which a part travels, each buffer once. */
  get #buffers(): Set<ArrayBufferLike> {
    return new Set(this.#sharded.wholes.flatMap(({ data, grads }) => [data, ...grads].map(bufferOf)));
  }

  /** Holds the memory of parameters and gradients, or lets go of it: a model is not disposed meanwhile. */
  #hold(by: 1 | -1): void {
    for (const buffer of this.#buffers) {
      const memory = memoryOf(buffer);
      if (memory) memory.inFlight += by;
    }
  }

  async take(): Promise<void> {
    const { communicator, optimizer, traffic } = this.#sharded;
    if (communicator.size === 1) {
      // Its pieces are the whole parameters, and nothing travels.
      await optimizer.stepAsync();
      return;
    }
    const step = this.coming;
    if (!this.travels) this.#hold(1);
    try {
      const begun = await this.#begin(step);
      try {
        await this.#change(step, begun);
      } catch (error) {
        begun.abandon();
        throw error;
      }
      await traffic.gathered();
    } finally {
      await traffic.settled();
      traffic.forget();
      this.#ready.clear();
      this.#hold(-1);
    }
  }

  /** Begins the step, while the first gradients travel. All ranks agree on it, or all throw. */
  async #begin(step: number): Promise<Begun> {
    const { communicator, optimizer } = this.#sharded;
    let begun: Begun | undefined;
    let refusal: { readonly error: unknown } | undefined;
    try {
      this.checkMemory();
      begun = beginStep(optimizer, this.#wholes);
      this.#zeroed = this.#zeroedNow();
    } catch (error) {
      refusal = { error };
    }
    try {
      // Without its memory a rank cannot take part.
      if (refusal && !this.#hasMemory()) throw refusal.error;
      const agreed = agreeOnStep(communicator, step, begun?.orders);
      agreed.catch(() => {}); // it may come before it is waited for
      // Of a rank that refuses anything may travel: it comes to nothing.
      await this.#exchangeUntil(mostUnderWay, step, !refusal);
      await agreed;
    } catch (error) {
      begun?.abandon();
      throw refusal ? refusal.error : error;
    }
    if (refusal) throw refusal.error;
    return begun as Begun;
  }

  #exchangeUntil(count: number, step: number, isSummed = true): Promise<void> {
    const { traffic, sums } = this.#sharded;
    return traffic.exchangeUntil(count, step, (bucket) => (isSummed ? sums?.sumAsync(bucket) : undefined));
  }

  #hasMemory(): boolean {
    return this.#sharded.wholes.every(
      ({ length, data, grads }) =>
        length === 0 || [data, ...grads].every((array) => hasMemory(array) && !memoryOf(bufferOf(array))?.disposed),
    );
  }

  /** Measures and changes, each part once its gradients are there, and lets parameters travel once they are changed. */
  async #change(step: number, begun: Begun): Promise<void> {
    const { optimizer } = this.#sharded;
    let applies = true;
    if (begun.before.columns.length > 0) {
      await this.#overParts(step, (part) => begun.measure(part));
      await this.#rows.complete(`measures of the gradients of step ${step}`, begun.before);
      applies = begun.decide();
      for (let part = 0; applies && part < this.#wholes.parts; part++) await this.#changePart(step, begun, part);
    } else {
      begun.decide();
      await this.#overParts(step, (part) => this.#changePart(step, begun, part));
    }
    try {
      await this.#rows.complete(`measures of the changes of step ${step}`, begun.after);
    } finally {
      begun.finish();
    }
    if (!applies) return;
    this.coming = (optimizer.lastStep?.step ?? 0) + 1; // of no parameter there may be none yet
    for (const gradient of this.#zeroed) fillWith(gradient, 0);
  }

  /** Calls `work` for each part once its gradients are there, while those of the next ones travel. */
  async #overParts(step: number, work: (part: number) => Promise<void>): Promise<void> {
    const { traffic } = this.#sharded;
    for (let part = 0; part < this.#wholes.parts; part++) {
      await traffic.arrived(part);
      await this.#exchangeUntil(part + 1 + mostUnderWay, step);
      await work(part);
    }
  }

  async #changePart(step: number, begun: Begun, part: number): Promise<void> {
    const { traffic } = this.#sharded;
    await begun.change(part);
    if (part < traffic.buckets.length) await traffic.gatherNext(`of step ${step}`);
  }

  /** The gradients that the coming step sets to zero. The optimizer of pieces sees those of its pieces alone. */
  #zeroedNow(): FloatArray[] {
    const { wholes, groups, optimizer, frozen } = this.#sharded;
    return groups.flatMap((numbers, g) => {
      const { zeroGrads } = optimizer.paramGroups[g] as unknown as { readonly zeroGrads: boolean };
      if (!zeroGrads) return [];
      return numbers.flatMap((w) => {
        const { length, grads } = wholes[w] as WholeParameter;
        return length === 0 || frozen.has(w) ? [] : grads;
      });
    });
  }
}
