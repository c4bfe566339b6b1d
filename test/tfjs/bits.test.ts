// 300 batches of training leave the bits of TensorFlow.js's own optimizers.
import { beforeAll, describe, expect, test } from "vitest";
import { full } from "../support/cases.ts";
import { type ModelRow, models, Trial } from "./support/models.ts";
import { adadelta, adagrad, adam, type Extra, momentum, type Pair, rmsprop, sgd } from "./support/optimizers.ts";
import { backendNames, differing, registerFilterGradient, type tf, useBackend } from "./support/tensorflow.ts";

const steps = 300;

/** Weights and the last loss; and the weights of the optimizer, by name. */
interface Trained {
  readonly weights: Float32Array;
  readonly loss: number;
  readonly state: ReadonlyMap<string, Float32Array>;
}

async function trained(model: ModelRow, optimizer: tf.Optimizer): Promise<Trained> {
  const trial = new Trial(model, optimizer);
  const loss = await trial.train(steps);
  const names = trial.model.trainableWeights.map(({ name }) => name);
  const listed = await optimizer.getWeights();
  // Layers of each model have other names: a variable's place stands for its name.
  const state = listed.map(({ name, tensor }) => {
    const place = names.findIndex((each) => name.startsWith(`${each}/`));
    const key = place === -1 ? name : `${place}${name.slice(names[place]?.length)}`;
    return [key, Float32Array.from((tensor as tf.Tensor).dataSync())] as const;
  });
  const { weights } = trial;
  listed[0]?.tensor.dispose();
  trial.dispose();
  return { weights, loss, state: new Map(state) };
}

const notFinite = (array: Float32Array) => array.filter((value) => !Number.isFinite(value)).length;

/** What a run must not have: elements with other bits than TensorFlow.js's, or NaN. */
function faults(found: Trained, expected: Trained, isCompared = (_: string) => true) {
  const state = [...expected.state].filter(([name]) => isCompared(name));
  return {
    differing: differing(found.weights, expected.weights),
    notFinite: notFinite(found.weights) + notFinite(expected.weights),
    loss: Object.is(found.loss, expected.loss) ? undefined : [found.loss, expected.loss],
    state: state.filter(([name, array]) => differing(found.state.get(name) ?? new Float32Array(), array) > 0),
    count: found.state.size - expected.state.size,
  };
}

const none = { differing: 0, notFinite: 0, loss: undefined, state: [], count: 0 };

const plain = rmsprop("RMSProp", { learningRate: 0.01 });
const withMomentum = rmsprop("RMSProp with momentum", {
  learningRate: 0.003,
  decay: 0.95,
  momentum: 0.9,
  epsilon: 1e-6,
});
/** With an epsilon that is small beside the variance; TensorFlow.js subtracts it. */
const centered = rmsprop("RMSProp, centered", { learningRate: 0.001, epsilon: 1e-16, centered: true });

const everywhere = [plain, withMomentum];
const others = [
  sgd("SGD", 0.05),
  momentum("Momentum", 0.01, 0.9),
  momentum("Momentum by Nesterov", 0.01, 0.9, true),
  adagrad("Adagrad", 0.05),
  adam("Adam", 0.01),
  adadelta("Adadelta", 0.5),
];

interface Case {
  readonly model: ModelRow;
  readonly pair: Pair;
  readonly title: string;
  /** Which way of writing is compared; both where they do not take turns. */
  readonly ways: readonly ("usual" | "otherwise")[];
}

/** The dense model is quick; with the others the two ways of writing take turns, unless the full product is asked for. */
const casesOf = (model: ModelRow, pairs: readonly Pair[]): Case[] =>
  pairs.map((pair, turn) => {
    const both = ["usual", "otherwise"] as const;
    const ways = full || model === models.dense ? both : both.slice(turn % 2, (turn % 2) + 1);
    return { model, pair, title: `${model.title}, ${pair.title}`, ways };
  });

const cases = [
  ...casesOf(models.dense, [...everywhere, ...others]),
  ...casesOf(models.lstm, everywhere),
  ...casesOf(models.convolution, everywhere),
];

beforeAll(registerFilterGradient);

describe.each(backendNames)("on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  /** Neither is the default: the preset, and the way of writing that "auto" does not take here. */
  const otherwise: Extra = { preset: "tfjs", write: backend === "cpu" ? "inPlace" : "replace" };

  test.each(cases)("$title", async ({ model, pair, ways }) => {
    const expected = await trained(model, pair.builtin());
    // TensorFlow.js writes steps into a buffer for momentum where there is none; ours has no such slot.
    const hasBuffer = pair !== plain;
    const isCompared = (name: string) => hasBuffer || !name.endsWith("/momentum");
    for (const way of ways) {
      const extra = way === "usual" ? {} : otherwise;
      expect(faults(await trained(model, pair.ours(extra)), expected, isCompared), JSON.stringify(extra)).toEqual(none);
    }
  });

  test.each(casesOf(models.dense, [centered]).concat(casesOf(models.lstm, [centered])))("$title", async (row) => {
    const { model, pair, ways } = row;
    const expected = await trained(model, pair.builtin());
    const isCompared = (name: string) => !name.endsWith("/momentum");
    for (const way of ways) {
      const extra = way === "usual" ? ({ preset: "tfjs" } as const) : otherwise;
      expect(faults(await trained(model, pair.ours(extra)), expected, isCompared), JSON.stringify(extra)).toEqual(none);
    }
  });

  test("centered without the preset makes no NaN where TensorFlow.js's makes nothing else", async () => {
    const pair = rmsprop("", { learningRate: 0.001, centered: true });
    const [theirs, ours, preset] = [
      await trained(models.dense, pair.builtin()),
      await trained(models.dense, pair.ours()),
      await trained(models.dense, pair.ours({ preset: "tfjs" })),
    ];
    expect(notFinite(theirs.weights)).toBe(theirs.weights.length);
    expect(notFinite(preset.weights)).toBe(theirs.weights.length);
    expect(notFinite(ours.weights)).toBe(0);
  });
});
