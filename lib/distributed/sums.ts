// A rank's own replicas travel as their sum.

import type { Backend } from "../backends/backend.ts";
import { type ArrayBlock, allocateBlock, releaseBlock } from "../memory/block.ts";
import { type FloatArray, fillWith, lengthOf, type NumberType } from "../numbers/typed-array.ts";
import { SGD } from "../optimizers/sgd.ts";
import { partOf, viewOf } from "./places.ts";
import type { PlacedBucket } from "./traffic.ts";

/**
 * Adds up the gradients of a rank's replicas, bucket by bucket, in the order of the tree. An optimizer does it, because
 * steps have the only loops over elements: from -0, which leaves every number and the sign of every zero as it is, it steps
 * up by the gradient.
 */
export class Sums {
  readonly #backend: Backend;
  readonly #blocks: ArrayBlock[] = [];
  readonly #optimizer: SGD;
  readonly #calls = new Map<PlacedBucket, Parameters<SGD["step"]>[0]>();

  /** @throws OptimError ERR_MEMORY. */
  constructor(backend: Backend, buckets: readonly PlacedBucket[]) {
    this.#backend = backend;
    const parameters = buckets.map(({ run, sum }, i) => ({
      ...{ name: `${i}`, data: null, dtype: run.type, shape: [lengthOf(sum as FloatArray)] },
    }));
    this.#optimizer = new SGD(parameters, { lr: 1, maximize: true });
    for (const type of new Set(buckets.map(({ run }) => run.type))) this.#add(type, buckets);
  }

  #add(type: NumberType, buckets: readonly PlacedBucket[]): void {
    const lengths = buckets.map(({ run, sum }) => (run.type === type ? lengthOf(sum as FloatArray) : 0));
    const block = allocateBlock(this.#backend, [Math.max(...lengths)], type);
    this.#blocks.push(block);
    const [zeros] = block.arrays as [FloatArray];
    fillWith(zeros, -0);
    buckets.forEach(({ run, begin, sum }, i) => {
      if (run.type !== type) return;
      const length = lengths[i] as number;
      const grad = run.grads.map(({ buffer, byteOffset }) =>
        viewOf({ buffer, byteOffset: byteOffset + begin }, type, length),
      );
      const arrays = { data: partOf(zeros, type, 0, length), grad, out: sum as FloatArray };
      this.#calls.set(buckets[i] as PlacedBucket, { [i]: arrays });
    });
  }

  sum(bucket: PlacedBucket): void {
    this.#optimizer.step(this.#calls.get(bucket));
  }

  sumAsync(bucket: PlacedBucket): Promise<void> {
    return this.#optimizer.stepAsync(this.#calls.get(bucket));
  }

  dispose(): void {
    this.#optimizer.dispose();
    for (const block of this.#blocks) releaseBlock(this.#backend, block);
  }
}
