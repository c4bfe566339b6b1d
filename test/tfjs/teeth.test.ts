// What a step takes care of, taken out piece by piece: each time a result is wrong, or an array's memory is gone, so that the
// tests around it would notice.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Access } from "../../lib/tfjs/access.ts";
import type { TensorFlow } from "../../lib/tfjs/index.ts";
import { heapBytes, thrown, variable } from "./support/hazards.ts";
import { models, Trial } from "./support/models.ts";
import { rmsprop, sgd } from "./support/optimizers.ts";
import { differing, registerFilterGradient, tf, useBackend, valuesOf } from "./support/tensorflow.ts";

type Change = (access: Access) => Access;

/** What stands between a step and its backend. */
const between = vi.hoisted(() => ({ change: undefined as unknown }));

vi.mock("../../lib/tfjs/access.ts", async (importOriginal) => {
  const { accessOf } = await importOriginal<typeof import("../../lib/tfjs/access.ts")>();
  const changed = (tf: TensorFlow) => {
    const access = accessOf(tf);
    return between.change ? (between.change as Change)(access) : access;
  };
  return { accessOf: changed };
});

const asItIs: Change = (access) => access;

const noInvalidation: Change = (access) => ({ ...access, written: () => {} });
const noCopyOnWrite: Change = (access) => ({ ...access, isOwn: () => true });

/** Views of variables and gradients are taken before the outputs are allocated. */
const earlyViews: Change = (access) => {
  const views = new Map<object, Float32Array>();
  return {
    ...access,
    prepare(tensor) {
      access.prepare(tensor);
      views.set(tensor.dataId, access.view(tensor));
    },
    view: (tensor) => views.get(tensor.dataId) ?? access.view(tensor),
  };
};

/** The view of an output is taken before the next one is allocated. */
const earlyOutputs: Change = (access) => ({
  ...access,
  output(shape) {
    const output = access.output(shape);
    const array = output.view();
    return { ...output, view: () => array };
  },
});

beforeEach(() => {
  tf.engine().startScope();
});

afterEach(() => {
  between.change = undefined;
  tf.disposeVariables();
  tf.engine().endScope();
});

describe("invalidation of what the wasm backend has packed", () => {
  const pair = rmsprop("", { learningRate: 0.01 });

  test.each([models.dense, models.convolution])("$title", async (model) => {
    await useBackend("wasm");
    registerFilterGradient();
    const train = async (optimizer: tf.Optimizer, change: Change) => {
      between.change = change;
      const trial = new Trial(model, optimizer);
      const loss = await trial.train(60);
      return { loss, weights: trial.weights };
    };
    const expected = await train(pair.builtin(), asItIs);
    const right = await train(pair.ours(), asItIs);
    expect(differing(right.weights, expected.weights)).toBe(0);
    const wrong = await train(pair.ours(), noInvalidation);
    expect(differing(wrong.weights, expected.weights)).toBeGreaterThan(expected.weights.length / 2);
    expect(wrong.loss).toBeGreaterThan(1.2 * expected.loss);
  });
});

describe.each([
  { backend: "cpu", write: "inPlace" },
  { backend: "wasm", write: "inPlace" },
  { backend: "wasm", write: "auto" },
] as const)("copy on write on $backend, write: $write", ({ backend, write }) => {
  beforeEach(() => useBackend(backend));

  /** A target that is assigned from the variable before a step, and a clone that is made then. */
  function run(change: Change) {
    between.change = change;
    const optimizer = sgd("", 0.5).ours({ write });
    const [online, target, gradient] = [variable([1, 2]), variable([0, 0]), tf.tensor1d([1, 2])];
    optimizer.applyGradients({ [online.name]: gradient });
    target.assign(online);
    const clone = online.clone();
    optimizer.applyGradients({ [online.name]: gradient });
    return [target, clone, online].map((tensor) => [...valuesOf(tensor)]);
  }

  test("of memory that a target or a clone has too", () => {
    expect(run(asItIs)).toEqual([
      [0.5, 1],
      [0.5, 1],
      [0, 0],
    ]);
    expect(run(noCopyOnWrite)).toEqual([
      [0, 0],
      backend === "cpu" ? [0, 0] : [0.5, 1], // a clone on wasm has memory of its own
      [0, 0],
    ]);
  });
});

test("copy on write of the int32 array behind a float32 tensor on cpu", async () => {
  await useBackend("cpu");
  const run = (change: Change) => {
    between.change = change;
    const v = tf.tidy(() => tf.variable(tf.cast(tf.tensor1d([1, 2], "int32"), "float32")));
    sgd("", 0.5)
      .ours({ write: "inPlace" })
      .applyGradients({ [v.name]: tf.tensor1d([1, 2]) });
    return [...valuesOf(v)];
  };
  expect(run(asItIs)).toEqual([0.5, 1]);
  expect(run(noCopyOnWrite)).toEqual([1, 2]); // what was written is a copy that nobody has
});

describe("allocating everything, and only then taking views, on wasm", () => {
  /** Two variables so large that the outputs of a step do not fit into the memory that there is. */
  function run(change: Change) {
    between.change = change;
    const size = heapBytes() / 4;
    const [a, b] = tf.tidy(() => [tf.variable(tf.ones([size])), tf.variable(tf.ones([size]))]) as [
      tf.Variable,
      tf.Variable,
    ];
    const gradient = tf.fill([size], 2);
    const [before, tensors] = [heapBytes(), tf.memory().numTensors];
    const optimizer = sgd("", 0.25).ours({ write: "replace" });
    const error = thrown(() => optimizer.applyGradients({ [a.name]: gradient, [b.name]: gradient }));
    const ends = [a, b].map((v) => [v.dataSync()[0], v.dataSync()[size - 1]]);
    return { error, ends, grown: heapBytes() > before, tensors: tf.memory().numTensors - tensors };
  }

  // A memory never shrinks: each case begins with a backend of its own.
  beforeEach(async () => {
    const factory = tf.findBackendFactory("wasm");
    tf.removeBackend("wasm");
    tf.registerBackend("wasm", factory);
    await useBackend("wasm");
  });

  test.each([
    { title: "as it is", change: asItIs, error: "nothing", value: 0.5 },
    { title: "views of variables before", change: earlyViews, error: "ERR_DETACHED", value: 1 },
    { title: "views of outputs before", change: earlyOutputs, error: "ERR_DETACHED", value: 1 },
  ])("$title", ({ change, error, value }) => {
    expect(run(change)).toEqual({
      error,
      ends: [
        [value, value],
        [value, value],
      ],
      grown: true,
      tensors: 0,
    });
  });
});

describe("the probe of the wasm backend", () => {
  /** TensorFlow.js with a wasm backend that is another in some of its parts. */
  function withParts(parts: object): typeof tf {
    const engine = tf.engine();
    const own = engine.backend as unknown as Record<string, (...given: unknown[]) => unknown>;
    const { wasm } = own as unknown as { readonly wasm: { readonly tfjs: object } };
    const tfjs = { value: Object.assign(Object.create(wasm.tfjs), parts) };
    // What the backend itself calls stays as it is.
    const methods = ["typedArrayFromHeap", "makeOutput", "refCount"].map((name) => [name, own[name]?.bind(own)]);
    const backend = Object.assign(Object.create(own), Object.fromEntries(methods));
    Object.defineProperty(backend, "wasm", { value: Object.create(wasm, { tfjs }) });
    const other = Object.create(engine, { backend: { value: backend }, backendName: { value: "wasm" } });
    return { ...tf, engine: () => other };
  }

  test.each([
    { title: "all its parts", parts: {}, inPlace: true },
    { title: "functions that drop nothing", parts: { disposeData() {}, registerTensor() {} }, inPlace: false },
    { title: "without one of them", parts: { registerTensor: undefined }, inPlace: false },
  ])("$title: in place is $inPlace, and training is right", async ({ parts, inPlace }) => {
    await useBackend("wasm");
    const { accessOf } = await vi.importActual<typeof import("../../lib/tfjs/access.ts")>("../../lib/tfjs/access.ts");
    const before = tf.memory();
    const access = accessOf(withParts(parts));
    expect(access.inPlace).toBe(inPlace);
    expect(tf.memory()).toMatchObject({ numTensors: before.numTensors, numDataBuffers: before.numDataBuffers });
    const pair = rmsprop("", { learningRate: 0.01 });
    between.change = () => access;
    const [ours, theirs] = [new Trial(models.dense, pair.ours()), new Trial(models.dense, pair.builtin())];
    await ours.train(10);
    await theirs.train(10);
    expect(differing(ours.weights, theirs.weights)).toBe(0);
  });
});
