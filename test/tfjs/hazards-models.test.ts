// Programs with models in which a step that writes variables by its own way could go wrong, in each way of writing.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { full, uniformFrom } from "../support/cases.ts";
import { thrown, type Way, ways } from "./support/hazards.ts";
import { models, Trial } from "./support/models.ts";
import { momentum, type Pair, rmsprop } from "./support/optimizers.ts";
import { differing, tf, useBackend, valuesOf } from "./support/tensorflow.ts";

const pair = rmsprop("", { learningRate: 0.01, momentum: 0.5 });

const flat = (tensors: readonly tf.Tensor[]) => Float32Array.from(tensors.flatMap((each) => [...valuesOf(each)]));

/** A network of values of actions, from 4 numbers to 2. */
function network(): tf.Sequential {
  const draw = (seed: number) => tf.initializers.glorotUniform({ seed });
  return tf.sequential({
    layers: [
      tf.layers.dense({ units: 6, activation: "tanh", kernelInitializer: draw(1), inputShape: [4] }),
      tf.layers.dense({ units: 2, kernelInitializer: draw(2) }),
    ],
  });
}

/** Ways to make a target network equal to the one that is trained. */
const syncs: Readonly<Record<string, (target: tf.Sequential, online: tf.Sequential) => void>> = {
  assign: (target, online) => {
    const sources = online.getWeights() as tf.Variable[];
    for (const [i, variable] of (target.getWeights() as tf.Variable[]).entries())
      variable.assign(sources[i] as tf.Variable);
  },
  "setWeights(getWeights())": (target, online) => target.setWeights(online.getWeights()),
  clone: (target, online) => {
    tf.tidy(() => target.setWeights(online.getWeights().map((each) => each.clone())));
  },
};

/** Deep Q-learning on made-up transitions, the target made equal every 5 steps. */
function learnQ(optimizer: tf.Optimizer, sync: (target: tf.Sequential, online: tf.Sequential) => void) {
  const [online, target, uniform] = [network(), network(), uniformFrom(3)];
  const draws = (count: number) => Float32Array.from({ length: count }, () => 2 * uniform() - 1);
  const targets: Float32Array[] = [];
  for (let step = 0; step < (full ? 400 : 60); step++) {
    if (step % 5 === 0) {
      sync(target, online);
      targets.push(flat(target.getWeights()));
    }
    tf.tidy(() => {
      const [states, next] = [tf.tensor2d(draws(32), [8, 4]), tf.tensor2d(draws(32), [8, 4])];
      const rewards = tf.tensor1d(draws(8));
      const best = tf.max(target.predict(next) as tf.Tensor, 1);
      const wanted = tf.add(rewards, tf.mul(best, 0.9));
      optimizer.minimize(
        () => {
          const values = tf.max(online.apply(states, { training: true }) as tf.Tensor, 1);
          return tf.losses.meanSquaredError(wanted, values) as tf.Scalar;
        },
        false,
        online.trainableWeights.map((each) => each.read() as tf.Variable),
      );
    });
    if (step % 5 === 4) targets.push(flat(target.getWeights()));
  }
  return { online: flat(online.getWeights()), targets };
}

/** Trains two layers by optimizers that each get a layer's gradients in a map, where it is not frozen. */
function trainByHand(model: tf.Sequential, pairs: readonly tf.Optimizer[], frozen: readonly boolean[]): void {
  for (const isFrozen of frozen) {
    tf.tidy(() => {
      const [x, y] = [tf.randomUniform([8, 4], -1, 1, "float32", 5), tf.randomUniform([8, 2], -1, 1, "float32", 6)];
      const variables = model.layers.map(({ weights }) => weights.map((each) => each.read() as tf.Variable));
      const stepped = isFrozen ? variables.slice(1) : variables;
      const f = () => tf.losses.meanSquaredError(y, model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
      const { grads } = tf.variableGrads(f, stepped.flat());
      const layers = [isFrozen ? [] : (variables[0] as tf.Variable[]), variables[1] as tf.Variable[]];
      const maps = layers.map((layer) => layer.map(({ name }) => ({ name, tensor: grads[name] as tf.Tensor })));
      if (pairs.length === 1) return pairs[0]?.applyGradients(maps.flat());
      for (const [i, map] of maps.entries()) if (map.length > 0) pairs[i]?.applyGradients(map);
    });
  }
}

describe.each(Object.keys(ways) as Way[])("%s", (way) => {
  const { backend, write } = ways[way];
  const ours = (given: Pair = pair) => given.ours({ write });

  beforeEach(async () => {
    await useBackend(backend);
    tf.engine().startScope();
  });

  afterEach(() => {
    tf.disposeVariables();
    tf.engine().endScope();
  });

  test.each(Object.keys(syncs))("a target network that is made equal by %s", (name) => {
    const sync = syncs[name] as (typeof syncs)[string];
    const [expected, found] = [learnQ(pair.builtin(), sync), learnQ(ours(), sync)];
    expect(found.online.every(Number.isFinite)).toBe(true);
    expect(differing(found.online, expected.online)).toBe(0);
    // The target is the same before and after the steps between, and another one then.
    for (const [i, target] of found.targets.entries()) {
      expect(differing(target, expected.targets[i] as Float32Array)).toBe(0);
      const before = found.targets[i - 1];
      if (before) expect(differing(target, before) > 0).toBe(i % 2 === 0);
    }
  });

  test.each([{ frozen: [false, false, true, true, false] }, { frozen: [true, true, false, false, true] }])(
    "a layer that is frozen and not, $frozen, has the bits of an optimizer of its own",
    ({ frozen }) => {
      const [together, apart] = [network(), network()];
      trainByHand(together, [ours()], frozen);
      trainByHand(apart, [pair.builtin(), pair.builtin()], frozen);
      expect(differing(flat(together.getWeights()), flat(apart.getWeights()))).toBe(0);
      expect(thrown(() => trainByHand(network(), [pair.builtin()], frozen))).toBe("Error");
    },
  );

  test("a learning rate that a callback of fit() sets", async () => {
    const train = async (optimizer: tf.Optimizer) => {
      const model = network();
      model.compile({ optimizer, loss: "meanSquaredError" });
      const [x, y] = [tf.randomUniform([8, 4], -1, 1, "float32", 5), tf.randomUniform([8, 2], -1, 1, "float32", 6)];
      const rates: number[] = [];
      const adjustable = optimizer as tf.Optimizer & { learningRate: number };
      const onEpochBegin = async (epoch: number) => {
        adjustable.learningRate = 0.1 / (epoch + 1);
        rates.push(adjustable.learningRate);
      };
      await model.fit(x, y, { epochs: 5, batchSize: 4, shuffle: false, verbose: 0, callbacks: { onEpochBegin } });
      return { rates, weights: flat(model.getWeights()) };
    };
    const [expected, found, other] = [await train(pair.builtin()), await train(ours()), await train(pair.builtin())];
    expect(found.rates).toEqual([0.1 / 1, 0.1 / 2, 0.1 / 3, 0.1 / 4, 0.1 / 5]);
    expect(differing(other.weights, expected.weights)).toBe(0);
    expect(differing(found.weights, expected.weights)).toBe(0);
  });

  test("tensors that a model was given by setWeights() in the middle, and which are kept", async () => {
    const run = async (optimizer: tf.Optimizer) => {
      const trial = new Trial(models.dense, optimizer);
      await trial.train(3);
      const tensors = trial.model.getWeights().map((each) => tf.fill(each.shape, 0.125));
      trial.model.setWeights(tensors);
      await trial.train(3);
      return { given: flat(tensors), weights: trial.weights };
    };
    const [expected, found] = [await run(pair.builtin()), await run(ours())];
    expect([...new Set(found.given)]).toEqual([0.125]);
    expect(differing(found.weights, expected.weights)).toBe(0);
  });

  test("a model whose save() is not awaited, with two steps meanwhile", async () => {
    const run = async (optimizer: tf.Optimizer) => {
      const kernelInitializer = "ones";
      const model = tf.sequential({
        layers: [tf.layers.dense({ units: 1, useBias: false, kernelInitializer, inputShape: [2] })],
      });
      model.compile({ optimizer, loss: "meanSquaredError" });
      const [{ name }] = model.getWeights() as [tf.Variable];
      const step = () => tf.tidy(() => optimizer.applyGradients({ [name]: tf.tensor2d([1, 2], [2, 1]) }));
      step();
      let artifacts: tf.io.ModelArtifacts = {};
      const handler = tf.io.withSaveHandler(async (given) => {
        artifacts = given;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
      });
      const saving = model.save(handler, { includeOptimizer: true });
      step();
      step();
      await saving;
      const data = tf.io.CompositeArrayBuffer.join(artifacts.weightData as ArrayBuffer);
      const weights = tf.io.decodeWeights(data, artifacts.weightSpecs as tf.io.WeightsManifestEntry[]);
      const values = Object.entries(weights).map(([key, tensor]) => [
        key.slice(key.indexOf("/") + 1),
        [...valuesOf(tensor)],
      ]);
      return Object.fromEntries(values);
    };
    const given = momentum("", 0.5, 0.5);
    const [expected, found] = [await run(given.builtin()), await run(ours(given))];
    const state = { iter: [3], "kernel/momentum": [1.75, 3.5] };
    const name = (saved: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(saved).map(([key, value]) => [key.replace(/.*kernel/, "kernel"), value]));
    expect(name(expected)).toEqual({ kernel: [0.5, 0], ...state });
    // On the cpu in place, the saver's array is the variable's own.
    const kernel = way === "cpu, in place" ? [1 - 0.5 - 0.75 - 0.875, 1 - 1 - 1.5 - 1.75] : [0.5, 0];
    expect(name(found)).toEqual({ kernel, ...state });
  });
});
