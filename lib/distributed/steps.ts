// The steps of a sharded optimizer: gradients to their ranks, a plain step over the rank's pieces, parameters to all.
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
import type { PlacedBucket, Traffic } from "./traffic.ts";

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
  /** The step that is coming, for words. */
  coming = 1;

  constructor(sharded: Sharded) {
    const { communicator, wholes, pieces, traffic } = sharded;
    this.#sharded = sharded;
    this.#wholes = wholesOf(wholes, pieces);
    this.#rows = new Rows(communicator, this.#wholes.tiles, traffic.buckets);
  }

  /** Whether gradients travel, or have arrived, for the coming step. */
  get travels(): boolean {
    return this.#sharded.traffic.exchanged > 0;
  }

  /** Lets the gradients of parameters travel: those of each bucket, once it and all before it are ready. */
  async ready(numbers: readonly number[]): Promise<void> {
    const { communicator, traffic, sums } = this.#sharded;
    for (const number of numbers) this.#ready.add(number);
    const isReady = ({ pieces, run }: PlacedBucket) =>
      pieces.every(({ parameter }) => this.#ready.has(run.wholes[parameter] as number));
    while (communicator.size > 1 && traffic.exchanged < traffic.buckets.length) {
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
    const { traffic } = this.#sharded;
    const step = this.coming;
    if (!this.travels) this.#hold(1);
    try {
      const begun = await this.#exchange(step);
      await this.#change(step, begun);
    } finally {
      await traffic.settled();
      traffic.forget();
      this.#ready.clear();
      this.#hold(-1);
    }
  }

  /** Begins the step, and brings the gradients to where they are stepped. All ranks agree on it, or all throw. */
  async #exchange(step: number): Promise<Begun> {
    const { communicator, traffic, optimizer, sums } = this.#sharded;
    let begun: Begun | undefined;
    let refusal: { readonly error: unknown } | undefined;
    try {
      begun = beginStep(optimizer, this.#wholes);
    } catch (error) {
      refusal = { error };
    }
    try {
      if (communicator.size > 1) {
        // Without its memory a rank cannot take part.
        if (refusal && !this.#hasMemory()) throw refusal.error;
        const agreed = agreeOnStep(communicator, step, begun?.orders);
        await traffic.exchangeRest(step, async (bucket) => sums?.sumAsync(bucket), agreed);
      }
    } catch (error) {
      begun?.abandon();
      throw refusal ? refusal.error : error;
    }
    if (refusal) throw refusal.error;
    return begun as Begun;
  }

  #hasMemory(): boolean {
    return this.#sharded.wholes.every(
      ({ length, data, grads }) =>
        length === 0 || [data, ...grads].every((array) => hasMemory(array) && !memoryOf(bufferOf(array))?.disposed),
    );
  }

  async #change(step: number, begun: Begun): Promise<void> {
    const { traffic, optimizer, communicator } = this.#sharded;
    const zeroed = this.#zeroed();
    const measured = await begun.measure();
    try {
      await this.#rows.complete(`measures of the gradients of step ${step}`, measured.table);
    } catch (error) {
      measured.abandon();
      throw error;
    }
    const changed = await measured.change();
    try {
      await this.#rows.complete(`measures of the changes of step ${step}`, changed.table);
    } finally {
      changed.finish();
    }
    if (!optimizer.lastStep?.applied) return;
    this.coming = optimizer.lastStep.step + 1;
    for (const gradient of zeroed) fillWith(gradient, 0);
    if (communicator.size > 1) await traffic.gatherAll(`of step ${step}`);
  }

  /** The gradients that the coming step sets to zero. The optimizer of pieces sees those of its pieces alone. */
  #zeroed(): FloatArray[] {
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
