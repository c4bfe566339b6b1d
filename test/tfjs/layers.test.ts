// Models of TensorFlow.js's layers: the values that its own tests expect, saved with the optimizer and loaded again.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMomentum, createRMSProp, register, type TfOptimizer } from "../../lib/tfjs/index.ts";
import { saved, valuesOf } from "./support/pairs.ts";
import { backendNames, tf, useBackend } from "./support/tensorflow.ts";

const theirs = [tf.RMSPropOptimizer, tf.MomentumOptimizer];
/** Has models that are loaded get TensorFlow.js's optimizers. */
const registerTheirs = () => {
  for (const Class of theirs) tf.serialization.registerClass(Class as never);
};

/** One unit over 8 inputs, whose first loss is 64. */
function oneUnit(optimizer: tf.Optimizer, name = "unit"): tf.Sequential {
  const layer = tf.layers.dense({
    units: 1,
    inputShape: [8],
    kernelInitializer: "ones",
    biasInitializer: "zeros",
    name,
  });
  const model = tf.sequential({ layers: [layer] });
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

/** Takes one step, and gives the loss before it. */
async function lossOf(model: tf.LayersModel): Promise<number> {
  const { history } = await model.fit(inputs, targets, { epochs: 1, shuffle: false });
  return history.loss?.[0] as number;
}

/** The end of a variable's name, without the number that a second one of it gets. */
const plain = (name: string) => name.replace(/^unit\//, "").replace(/_\d+/, "");

let inputs: tf.Tensor;
let targets: tf.Tensor;

/** What `model.save` hands over. */
async function save(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (given) => {
    artifacts = given;
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
  });
  await model.save(handler, { includeOptimizer: true });
  return artifacts as tf.io.ModelArtifacts;
}

const load = (artifacts: tf.io.ModelArtifacts) => tf.loadLayersModel(tf.io.fromMemory(artifacts));

/** The tensors of artifacts by name. */
const tensorsOf = (artifacts: tf.io.ModelArtifacts) => {
  const tensors = tf.io.decodeWeights(artifacts.weightData as ArrayBuffer, artifacts.weightSpecs ?? []);
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, Array.from(tensor.dataSync())]));
};

const cases = [
  {
    title: "RMSProp",
    theirs: () => tf.train.rmsprop(0.02, 0.95),
    ours: () => createRMSProp(tf, { learningRate: 0.02, decay: 0.95 }),
    golden: 51.768246,
    weights: ["kernel", "bias", "iter", "kernel/rms", "bias/rms", "kernel/momentum", "bias/momentum"],
  },
  {
    title: "Momentum",
    theirs: () => tf.train.momentum(0.02, 0.9),
    ours: () => createMomentum(tf, { learningRate: 0.02, momentum: 0.9 }),
    golden: 26.2144,
    weights: ["kernel", "bias", "iter", "kernel/momentum", "bias/momentum"],
  },
];

describe.each(backendNames)("on the %s backend", (backend) => {
  beforeEach(async () => {
    await useBackend(backend);
    tf.engine().startScope();
    inputs = tf.ones([4, 8]);
    targets = tf.zeros([4, 1]);
    register(tf);
  });
  afterEach(() => {
    registerTheirs();
    tf.disposeVariables();
    tf.engine().endScope();
  });

  describe.each(cases)("$title", ({ theirs: makeTheirs, ours: makeOurs, golden, weights }) => {
    it("fit, save with the optimizer, load, fit", async () => {
      const model = oneUnit(makeOurs());
      expect(await lossOf(model)).toBe(64);
      const artifacts = await save(model);
      expect(artifacts.weightSpecs?.map(({ name }) => plain(name))).toEqual(weights);
      expect(artifacts.trainingConfig).toMatchObject({
        optimizer_config: { class_name: model.optimizer.getClassName(), config: { learningRate: 0.02 } },
      });
      const loaded = await load(artifacts);
      expect(loaded.optimizer.constructor).toBe(model.optimizer.constructor);
      expect(loaded.optimizer.iterations).toBe(1);
      expect(Math.abs((await lossOf(loaded)) - golden)).toBeLessThan(1e-4);
    });

    it.each([
      ["ours to ours", makeOurs, register],
      ["ours to TensorFlow.js's", makeOurs, registerTheirs],
      ["TensorFlow.js's to ours", makeTheirs, register],
    ])(
      "%s: loaded, it goes on to the losses and the bits of the model that was saved",
      async (_, make, registerAll) => {
        const reference = oneUnit(makeTheirs(), "reference");
        const losses: number[] = [];
        for (let i = 0; i < 6; i++) losses.push(await lossOf(reference));
        const model = oneUnit(make());
        const found = [await lossOf(model), await lossOf(model), await lossOf(model)];
        const artifacts = await save(model);
        registerAll(tf);
        // In the same process, where the variables of the first are still there, they get other names.
        const loaded = await load(artifacts);
        expect(loaded.weights.map(({ name }) => name)).not.toEqual(model.weights.map(({ name }) => name));
        for (let i = 0; i < 3; i++) found.push(await lossOf(loaded));
        expect(found).toEqual(losses);
        expect(valuesOf(loaded.getWeights())).toEqual(valuesOf(reference.getWeights()));
        // And saved again, under its own names.
        const again = await save(loaded);
        expect(again.weightSpecs?.map(({ name }) => plain(name))).toEqual(weights);
        expect(tensorsOf(again).iter).toEqual([6]);
      },
    );

    it("a model that was saved before any step is trained as a new one", async () => {
      const artifacts = await save(oneUnit(makeOurs()));
      expect(artifacts.weightSpecs?.map(({ name }) => name)).toEqual(["unit/kernel", "unit/bias", "iter"]);
      const loaded = await load(artifacts);
      expect(await lossOf(loaded)).toBe(64);
      expect(Math.abs((await lossOf(loaded)) - golden)).toBeLessThan(1e-4);
    });
  });

  describe("layers that are frozen and thawed, under one optimizer", () => {
    function twoLayers(optimizer: tf.Optimizer) {
      const kernel = (seed: number) => tf.initializers.glorotUniform({ seed });
      const first = tf.layers.dense({ units: 3, inputShape: [8], activation: "tanh", kernelInitializer: kernel(1) });
      const model = tf.sequential({ layers: [first, tf.layers.dense({ units: 1, kernelInitializer: kernel(2) })] });
      const setTrainable = (trainable: boolean) => {
        first.trainable = trainable;
        model.compile({ optimizer, loss: "meanSquaredError" });
      };
      setTrainable(true);
      return { model, first, setTrainable };
    }
    const rmsprop = () => createRMSProp(tf, { learningRate: 0.02, momentum: 0.5 });
    const ones = () => tf.ones([4, 1]);

    it.each([[[true, false, true]], [[false, true, false]]])("trainable %j", async (order) => {
      const { model, first, setTrainable } = twoLayers(rmsprop());
      targets = ones();
      for (const trainable of order) {
        setTrainable(trainable);
        const before = [valuesOf(first.getWeights()), valuesOf(model.layers[1]?.getWeights() ?? [])];
        for (let i = 0; i < 3; i++) await lossOf(model);
        expect(valuesOf(first.getWeights()).some((array, i) => array.some((x, j) => x !== before[0]?.[i]?.[j]))).toBe(
          trainable,
        );
        expect(valuesOf(model.layers[1]?.getWeights() ?? [])).not.toEqual(before[1]);
      }
      // The last layer's state went on through all of it: its slots are those of nine steps.
      const weights = saved(await model.optimizer.getWeights());
      expect(weights[0]?.values).toEqual(Int32Array.of(9));
      expect(weights).toHaveLength(9);
      const { state } = (model.optimizer as TfOptimizer).stateDict();
      const steps = Object.fromEntries(Object.entries(state).map(([name, { step }]) => [name, step]));
      const names = [...first.weights, ...(model.layers[1]?.weights ?? [])].map(({ name }) => name);
      const frozen = 3 * order.filter((trainable) => trainable).length;
      expect(names.map((name) => steps[name])).toEqual([frozen, frozen, 9, 9]);
    });

    it("TensorFlow.js's own cannot", async () => {
      const { model, setTrainable } = twoLayers(tf.train.rmsprop(0.02, 0.9, 0.5));
      await lossOf(model);
      setTrainable(false);
      await expect(lossOf(model)).rejects.toThrow();
    });
  });

  it("model.save that is not awaited, with steps meanwhile, saves what TensorFlow.js's optimizer does", async () => {
    const found: Record<string, number[]>[] = [];
    for (const optimizer of [tf.train.rmsprop(0.02, 0.95), createRMSProp(tf, { learningRate: 0.02, decay: 0.95 })]) {
      const model = oneUnit(optimizer);
      await model.trainOnBatch(inputs, targets);
      const saving = save(model);
      const steps = [model.trainOnBatch(inputs, targets), model.trainOnBatch(inputs, targets)];
      const tensors = Object.entries(tensorsOf(await saving)).map(([name, values]) => [plain(name), values] as const);
      await Promise.all(steps);
      found.push(Object.fromEntries(tensors.filter(([name]) => !name.endsWith("/momentum"))));
    }
    expect(Object.keys(found[1] ?? {})).toEqual(["kernel", "bias", "iter", "kernel/rms", "bias/rms"]);
    expect(found[1]).toEqual(found[0]);
    expect(found[1]?.iter).toEqual([3]);
  });
});
