// What TensorFlow.js saves of an optimizer's options, and what an optimizer is made of when a model is loaded.
import { beforeAll, describe, expect, it } from "vitest";
import { schedules } from "../../lib/index.ts";
import type { LearningRate } from "../../lib/schedules/learning-rate.ts";
import {
  createAdadelta,
  createAdagrad,
  createAdam,
  createAdamW,
  createMomentum,
  createRMSProp,
  createRprop,
  createSGD,
  register,
} from "../../lib/tfjs/index.ts";
import { kinds } from "../../lib/tfjs/kinds.ts";
import { rateOf } from "../../lib/tfjs/training.ts";
import { load, pairs, saved, stepAll, tf, valuesOf, variablesOf } from "./support/pairs.ts";

type Class = { fromConfig(cls: unknown, config: object): tf.Optimizer; new (...given: unknown[]): tf.Optimizer };

const classOf = (optimizer: tf.Optimizer) => optimizer.constructor as unknown as Class;

/** The values of variables after steps, from the same beginning each time. */
function trained(optimizer: tf.Optimizer): ReturnType<typeof valuesOf> {
  const variables = variablesOf("x");
  stepAll(optimizer, variables, 1, 5);
  const values = valuesOf(variables);
  tf.dispose(variables);
  return values;
}

beforeAll(async () => {
  await tf.setBackend("cpu");
});

describe.each(pairs)("$title", ({ theirs: makeTheirs, ours: makeOurs }) => {
  it("saves what TensorFlow.js's saves, under the name of its class", () => {
    const [theirs, ours] = [makeTheirs(), makeOurs()];
    const { preset: _, ...config } = ours.getConfig();
    expect(config).toEqual(theirs.getConfig());
    expect(Object.keys(config)).toEqual(Object.keys(theirs.getConfig()));
    expect(ours.getClassName()).toBe(theirs.getClassName());
  });

  it("is made of what it saves, and of what TensorFlow.js's saves, to the same bits", () => {
    const [theirs, ours] = [makeTheirs(), makeOurs()];
    const Class = classOf(ours);
    const expected = trained(makeOurs());
    const again = Class.fromConfig(Class, { ...ours.getConfig(), customObjects: {} });
    expect(again.getConfig()).toEqual(ours.getConfig());
    expect(trained(again)).toEqual(expected);
    const { preset } = ours.getConfig() as { preset?: string };
    const ofTheirs = { ...theirs.getConfig(), ...(preset ? { preset } : {}) };
    expect(trained(Class.fromConfig(Class, ofTheirs))).toEqual(expected);
    const Theirs = classOf(theirs);
    if (!preset) expect(trained(Theirs.fromConfig(Theirs, ours.getConfig()))).toEqual(expected);
  });

  it("takes the arguments of TensorFlow.js's constructor", () => {
    const [theirs, ours] = [makeTheirs(), makeOurs()];
    const values = Object.values(theirs.getConfig());
    const made = new (classOf(ours))(...values);
    const { preset: _, ...config } = ours.getConfig();
    expect(made.getConfig()).toEqual(config);
  });
});

it("takes one argument, null arguments and undefined ones for their defaults", () => {
  const Class = classOf(createRMSProp(tf, { learningRate: 1 }));
  const expected = { learningRate: 0.5, decay: 0.9, momentum: 0, epsilon: 1e-7, centered: false };
  expect(new Class(0.5).getConfig()).toEqual(expected);
  expect(new Class(0.5, undefined, 0, null).getConfig()).toEqual(expected);
  expect(() => new Class()).toThrow("learningRate for RMSPropOptimizer must be defined.");
  expect(() => new Class(null)).toThrow("learningRate for RMSPropOptimizer must be defined.");
});

describe("options beside TensorFlow.js's", () => {
  const common = {
    weightDecay: 0.1,
    maximize: true,
    gradScale: 0.5,
    clipValue: 1,
    clipGlobalNorm: 2,
    skipNonFinite: true,
    gradientAccumulationSteps: 2,
    diagnostics: true,
    ema: { decay: 0.9, warmup: true },
    write: "inPlace" as const,
  };
  const makers = {
    RMSProp: () => createRMSProp(tf, { learningRate: 0.1, ...common, biasCorrection: true, gains: {} }),
    SGD: () => createSGD(tf, { learningRate: 0.1, ...common, momentum: 0.9, dampening: 0.1 }),
    Momentum: () => createMomentum(tf, { learningRate: 0.1, momentum: 0.9, ...common }),
    Adagrad: () => createAdagrad(tf, { learningRate: 0.1, ...common, epsilon: 1e-3 }),
    Adadelta: () => createAdadelta(tf, common),
    Adam: () => createAdam(tf, { ...common, amsgrad: true }),
    AdamW: () => createAdamW(tf, common),
    Rprop: () => createRprop(tf),
  };

  it.each(Object.entries(makers))("%s: go through a saved model and back", async (name, make) => {
    expect(Object.keys(makers)).toEqual(Object.keys(kinds));
    register(tf);
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    const optimizer = make();
    model.compile({ optimizer, loss: "meanSquaredError" });
    let artifacts: tf.io.ModelArtifacts | undefined;
    const handler = tf.io.withSaveHandler(async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    });
    await model.save(handler, { includeOptimizer: true });
    const again = await tf.loadLayersModel(tf.io.fromMemory(artifacts as tf.io.ModelArtifacts));
    expect(again.optimizer.getConfig()).toEqual(optimizer.getConfig());
    expect(again.optimizer.getClassName()).toBe(name);
    expect(again.optimizer).toBeInstanceOf(optimizer.constructor);
    expect(again.optimizer.constructor).toBe(optimizer.constructor);
    expect(trained(again.optimizer)).toEqual(trained(make()));
  });

  it.each(["torch", "keras", "tf1", "optax"] as const)(
    "preset %s: its defaults are no option of TensorFlow.js's",
    (preset) => {
      const optimizer = createRMSProp(tf, { learningRate: 0.1, preset });
      expect(optimizer.getConfig()).toEqual({ learningRate: 0.1, preset });
      const Class = classOf(optimizer);
      expect(trained(Class.fromConfig(Class, optimizer.getConfig()))).toEqual(trained(optimizer));
      expect(createAdam(tf, { preset: "torch" }).getConfig()).toEqual({ learningRate: 0.001, preset: "torch" });
    },
  );
});

describe("a learning rate that is no number", () => {
  it.each<[string, LearningRate]>([
    ["a function", (step: number) => 1 / step],
    ["a schedule", schedules.exponential(0.5, { gamma: 0.5 })],
  ])("%s is saved as that of the coming step", (_, learningRate) => {
    const optimizer = createSGD(tf, { learningRate });
    const rate = (step: number) => rateOf(learningRate, step);
    expect(optimizer.getConfig()).toEqual({ learningRate: rate(1) });
    const variables = variablesOf("x");
    stepAll(optimizer, variables, 1, 3);
    expect(optimizer.learningRate).toBe(rate(4));
    expect(optimizer.getConfig()).toEqual({ learningRate: rate(4) });
    expect(rate(4)).not.toBe(rate(1));
    tf.dispose(variables);
  });

  it("it counts the steps, and not the calls that only accumulate, before and after weights are set", async () => {
    const seen: number[] = [];
    const options = {
      learningRate: (step: number) => {
        seen.push(step);
        return 1 / step;
      },
      gradientAccumulationSteps: 2,
    };
    const first = createSGD(tf, options);
    const variables = variablesOf("x");
    stepAll(first, variables, 1, 8);
    expect(first.iterations).toBe(8);
    expect(first.getConfig()).toMatchObject({ learningRate: 1 / 5 });
    const second = createSGD(tf, options);
    await load(second, saved(await first.getWeights()));
    expect(second.getConfig()).toMatchObject({ learningRate: 1 / 5 });
    const third = createSGD(tf, options);
    third.loadStateDict(first.stateDict());
    expect(third.getConfig()).toMatchObject({ learningRate: 1 / 5 });
    seen.length = 0;
    for (const optimizer of [second, third]) stepAll(optimizer, variables, 9, 10);
    expect(new Set(seen)).toEqual(new Set([5]));
    tf.dispose(variables);
  });

  it("what is set later is what is saved", () => {
    const momentum = createMomentum(tf, { learningRate: 0.1, momentum: 0.9 });
    momentum.setLearningRate(0.2);
    momentum.setMomentum(0);
    expect(momentum.getConfig()).toEqual({ learningRate: 0.2, momentum: 0, useNesterov: false });
    momentum.learningRate = (step: number) => step / 8;
    expect(momentum.getConfig()).toEqual({ learningRate: 1 / 8, momentum: 0, useNesterov: false });
    expect(() => momentum.setLearningRate(Number.NaN)).toThrow("NaN");
    expect(momentum.learningRate).toBe(1 / 8);
  });
});

it("register() is what saved models load with, and a compiled name stays TensorFlow.js's", () => {
  register(tf);
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  model.compile({ optimizer: "rmsprop", loss: "meanSquaredError" });
  expect(model.optimizer.constructor).toBe(tf.RMSPropOptimizer);
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  for (const [pair, name] of [
    [pairs[0], "RMSProp"],
    [pairs[4], "Momentum"],
  ] as const) {
    expect(classNameMap[name]?.[0]).toBe(pair?.ours().constructor);
  }
});
