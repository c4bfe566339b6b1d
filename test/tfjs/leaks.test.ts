// Tensors, buffers and memory of TensorFlow.js stay what they are, over steps, saves and errors.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRMSProp, type TfRMSPropOptions } from "../../lib/tfjs/index.ts";
import type { NamedTensor } from "../../lib/tfjs/tensorflow.ts";
import { hashOf, makeModel, train } from "../programs/tfjs-training.js";
import { backendNames, tf, useBackend } from "./support/tensorflow.ts";

/** What TensorFlow.js counts, and its wasm heap in bytes. */
function counts() {
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  const backend = tf.backend() as tf.KernelBackend & { readonly wasm?: { readonly HEAPU8: Uint8Array } };
  return {
    numTensors,
    numDataBuffers,
    numBytes,
    dataIds: backend.numDataIds(),
    heap: backend.wasm?.HEAPU8.length ?? 0,
  };
}

const named = (name: string, tensor: tf.Tensor) => ({ name, tensor });

const options = { learningRate: 0.003, momentum: 0.9 };

const ways: readonly [string, TfRMSPropOptions][] = [
  ["auto", options],
  ["replace", { ...options, write: "replace" }],
  ["inPlace", { ...options, write: "inPlace" }],
  ["with averages and accumulated gradients", { ...options, ema: { decay: 0.9 }, gradientAccumulationSteps: 2 }],
];

describe.each(backendNames)("on the %s backend", (backend) => {
  beforeEach(() => useBackend(backend));
  afterEach(() => tf.disposeVariables());

  it.each(ways)("%s: what is there after 10 steps is there after 1,000", { timeout: 240_000 }, async (_, given) => {
    const before = counts();
    const optimizer = createRMSProp(tf, given);
    const model = makeModel(tf, optimizer, [4, 8, 2]);
    const made = counts();
    await train(tf, model, 1, 10);
    const after = counts();
    // The state is in none of TensorFlow.js's tensors.
    expect({ ...after, heap: 0 }).toEqual({ ...made, heap: 0 });
    const hash = hashOf(model);
    await train(tf, model, 11, 1000);
    expect(hashOf(model)).not.toBe(hash);
    expect(counts()).toEqual(after);
    optimizer.dispose();
    model.dispose();
    expect({ ...counts(), heap: 0 }).toEqual({ ...before, heap: 0 });
  });

  it("the first save makes its tensors, and five more make none", async () => {
    const optimizer = createRMSProp(tf, options);
    const model = makeModel(tf, optimizer, [4, 8, 2]);
    await train(tf, model, 1, 3);
    const before = counts();
    const handler = tf.io.withSaveHandler(async () => ({
      modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" },
    }));
    const save = () => model.save(handler, { includeOptimizer: true });
    await save();
    const first = counts();
    expect(first.numTensors).toBe(before.numTensors + 1 + 2 * 4);
    for (let i = 0; i < 5; i++) {
      await train(tf, model, 4, 5);
      await save();
    }
    expect(counts()).toEqual(first);
    optimizer.dispose();
    expect(counts()).toEqual(before);
  });

  it("a step in a tidy keeps what it makes, and leaves nothing else", () => {
    const optimizer = createRMSProp(tf, { ...options, write: "replace" });
    const variable = tf.variable(tf.ones([3]));
    const step = () =>
      tf.tidy(() => {
        optimizer.minimize(() => variable.square().sum().asScalar(), false, [variable]);
      });
    step();
    const before = counts();
    for (let i = 0; i < 20; i++) step();
    expect(counts()).toEqual(before);
    expect(variable.dataSync()[0]).toBeLessThan(1);
  });

  it.each(ways)("%s: errors leave no tensor and change no variable", (_, given) => {
    const optimizer = createRMSProp(tf, given);
    const variables = ["a", "b"].map((name) => tf.variable(tf.ones([3]), true, name));
    const gradients = [tf.ones([3]), tf.ones([4]), tf.ones([3], "int32"), tf.ones([1])] as const;
    const [right, long, whole, broadcast] = gradients;
    const steps: readonly (readonly [NamedTensor[], string | RegExp])[] = [
      [[named("a", right), named("b", long)], "ERR_LENGTH"],
      [[named("a", whole), named("b", long)], "ERR_LENGTH"],
      [[named("a", broadcast), named("b", long)], "ERR_LENGTH"],
      [[named("a", whole), named("nobody", right)], "ERR_NAME"],
    ];
    const before = counts();
    for (let i = 0; i < 3; i++) {
      for (const [step, code] of steps) {
        expect(() => optimizer.applyGradients(step)).toThrow(expect.objectContaining({ code }));
      }
    }
    expect(counts()).toEqual(before);
    for (const variable of variables) expect([...variable.dataSync()]).toEqual([1, 1, 1]);
    expect(optimizer.iterations).toBe(0);

    // A learning rate that throws does so when the outputs are there. The first of two calls only accumulates.
    const step = () => optimizer.applyGradients([named("a", right), named("b", whole)]);
    if (given.gradientAccumulationSteps) step();
    const { iterations } = optimizer;
    optimizer.learningRate = () => {
      throw new Error("no rate");
    };
    for (let i = 0; i < 3; i++) expect(step).toThrow("no rate");
    expect(counts()).toEqual(before);
    for (const variable of variables) expect([...variable.dataSync()]).toEqual([1, 1, 1]);
    expect(optimizer.iterations).toBe(iterations);
    tf.dispose([...gradients]);
  });

  it("weights that are refused leave no tensor", async () => {
    const optimizer = createRMSProp(tf, options);
    const variable = tf.variable(tf.ones([3]), true, "a");
    const tensor = tf.ones([3]);
    optimizer.applyGradients([named("a", tensor)]);
    const iter = tf.scalar(1, "int32");
    const before = counts();
    await expect(optimizer.setWeights([named("iter", iter), named("a/rms", tensor)])).rejects.toThrow("2 weights");
    await optimizer.setWeights([named("iter", iter), named("a/rms", iter), named("a/momentum", tensor)]);
    expect(() => optimizer.applyGradients([named("a", tensor)])).toThrow("to have 3 elements");
    expect(counts()).toEqual(before);
    variable.dispose();
  });
});
