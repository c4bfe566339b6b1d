// Whether a step writes a variable's own memory, or new tensors.
import { afterEach, describe, expect, test } from "vitest";
import type { Write } from "../../lib/tfjs/index.ts";
import { models, Trial } from "./support/models.ts";
import { rmsprop } from "./support/optimizers.ts";
import { type BackendName, differing, tf, useBackend } from "./support/tensorflow.ts";

const pair = rmsprop("", { learningRate: 0.01 });

afterEach(() => tf.disposeVariables());

interface Row {
  readonly backend: BackendName;
  readonly write: Write | undefined;
  /** Whether a step leaves its variables' tensors where they are. */
  readonly stays: boolean;
  /** Whether arrays that dataSync() gave change with the variables. */
  readonly changes: boolean;
}

const rows: readonly Row[] = [
  { backend: "cpu", write: undefined, stays: false, changes: false },
  { backend: "cpu", write: "auto", stays: false, changes: false },
  { backend: "cpu", write: "replace", stays: false, changes: false },
  { backend: "cpu", write: "inPlace", stays: true, changes: true },
  { backend: "wasm", write: undefined, stays: true, changes: false },
  { backend: "wasm", write: "auto", stays: true, changes: false },
  { backend: "wasm", write: "replace", stays: false, changes: false },
  { backend: "wasm", write: "inPlace", stays: true, changes: false },
];

describe.each(rows)("on $backend, write: $write", ({ backend, write, stays, changes }) => {
  test("arrays of dataSync() after the first step, when more have come", async () => {
    await useBackend(backend);
    const trial = new Trial(models.dense, pair.ours(write ? { write } : {}));
    await trial.train(1);
    const weights = trial.model.getWeights();
    const arrays = weights.map((each) => each.dataSync() as Float32Array);
    const [copies, places] = [arrays.map((array) => array.slice()), weights.map(({ dataId }) => dataId)];
    for (let step = 2; step < 5; step++) {
      await trial.train(1);
      for (const [i, weight] of weights.entries()) {
        const [array, copy] = [arrays[i] as Float32Array, copies[i] as Float32Array];
        const now = weight.dataSync() as Float32Array;
        expect(weight.dataId === places[i]).toBe(stays);
        expect(array === now).toBe(changes);
        expect(differing(array, copy)).toBe(changes ? copy.length : 0);
        expect(differing(now, copy)).toBe(copy.length);
      }
    }
    trial.dispose();
  });
});
