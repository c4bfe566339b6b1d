// The presets `tfjs` against TensorFlow.js's own optimizers on its cpu backend, whose operations round to float32 once.
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { Adagrad, type AdagradOptions, RMSprop, type RMSpropOptions, SGD, type SGDOptions } from "../lib/index.ts";
import { uniformFrom } from "./support/cases.ts";

const steps = 1000;
const elements = 10_007;

beforeAll(async () => {
  await tf.setBackend("cpu");
});

type Arrays = { data: Float32Array; grad: Float32Array };
const rmsprop = (options: RMSpropOptions) => (arrays: Arrays) =>
  new RMSprop([{ name: "x", ...arrays }], { ...options, preset: "tfjs" });
const sgd = (options: SGDOptions) => (arrays: Arrays) =>
  new SGD([{ name: "x", ...arrays }], { ...options, preset: "tfjs" });
const adagrad = (options: AdagradOptions) => (arrays: Arrays) =>
  new Adagrad([{ name: "x", ...arrays }], { ...options, preset: "tfjs" });

type Draw = (uniform: () => number) => number;

/** Of both signs, none of them zero. */
const nonZero: Draw = (uniform) => (uniform() < 0.5 ? -1 : 1) * (0.05 + uniform());
/** Zeros of both signs among them, and sizes of all kinds. */
const any: Draw = (uniform) => {
  const kind = uniform();
  return (2 * uniform() - 1) * (kind < 0.1 ? 0 : kind < 0.15 ? 2 ** -75 : kind < 0.2 ? 1000 : 1);
};

/** Our slot by the last part of the name of theirs. */
const slots: Readonly<Record<string, string>> = {
  rms: "squareAvg",
  mg: "gradAvg",
  momentum: "momentumBuffer",
  accumulator: "sum",
};

const cases: readonly [string, Draw, () => tf.Optimizer, (arrays: Arrays) => RMSprop | SGD | Adagrad][] = [
  ["RMSprop", any, () => tf.train.rmsprop(0.01), rmsprop({ lr: 0.01 })],
  [
    "RMSprop with momentum",
    any,
    () => tf.train.rmsprop(0.003, 0.95, 0.9, 1e-6),
    rmsprop({ lr: 0.003, alpha: 0.95, momentum: 0.9, eps: 1e-6 }),
  ],
  [
    "RMSprop centered",
    nonZero,
    () => tf.train.rmsprop(0.01, 0.9, 0, undefined, true),
    rmsprop({ lr: 0.01, centered: true }),
  ],
  [
    "RMSprop centered with momentum",
    nonZero,
    () => tf.train.rmsprop(0.01, 0.9, 0.5, undefined, true),
    rmsprop({ lr: 0.01, momentum: 0.5, centered: true }),
  ],
  ["SGD", any, () => tf.train.sgd(0.01), sgd({ lr: 0.01 })],
  ["momentum", any, () => tf.train.momentum(0.01, 0.9), sgd({ lr: 0.01, momentum: 0.9 })],
  [
    "Nesterov's momentum",
    any,
    () => tf.train.momentum(0.01, 0.9, true),
    sgd({ lr: 0.01, momentum: 0.9, nesterov: true }),
  ],
  ["Adagrad", any, () => tf.train.adagrad(0.01), adagrad({ lr: 0.01 })],
  ["Adagrad from 1", any, () => tf.train.adagrad(0.3, 1), adagrad({ lr: 0.3, initialAccumulator: 1 })],
];

/** How many elements have other bits; NaN is one value. */
const differing = (found: ArrayLike<number>, expected: ArrayLike<number>) =>
  Array.from(expected).filter((value, i) => !Object.is(value, found[i])).length;

/** Trains with theirs and with ours on the same gradients, and compares all arrays that both have. */
async function compare(theirs: tf.Optimizer, make: (arrays: Arrays) => RMSprop | SGD | Adagrad, gradient: Draw) {
  const uniform = uniformFrom(1);
  const data = Float32Array.from({ length: elements }, () => 2 * uniform() - 1);
  const grad = new Float32Array(elements);
  const variable = tf.variable(tf.tensor1d(data.slice()));
  const ours = make({ data, grad });
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < elements; i++) grad[i] = gradient(uniform);
    const tensor = tf.tensor1d(grad.slice());
    theirs.applyGradients([{ name: variable.name, tensor }]);
    tensor.dispose();
    ours.step();
  }
  const expected = variable.dataSync<"float32">();
  const state = ours.state("x");
  const differences: Record<string, number> = { param: differing(data, expected) };
  for (const { name, tensor } of await theirs.getWeights()) {
    const slot = slots[name.slice(name.lastIndexOf("/") + 1)];
    const array = slot === undefined ? undefined : (state[slot] as Float32Array | undefined);
    if (slot !== undefined && array) differences[slot] = differing(array, tensor.dataSync());
  }
  const finite = expected.filter(Number.isFinite).length / elements;
  variable.dispose();
  theirs.dispose();
  return { differences, finite, slots: Object.keys(state).filter((name) => name !== "step"), data };
}

describe("the preset tfjs leaves the bits of TensorFlow.js", () => {
  test.each(cases)("%s", { timeout: 120_000 }, async (_, gradient, theirs, ours) => {
    const { differences, finite, slots } = await compare(theirs(), ours, gradient);
    expect(differences).toEqual(Object.fromEntries(["param", ...slots].map((name) => [name, 0])));
    expect(finite).toBeGreaterThanOrEqual(0.99);
  });

  test("RMSprop centered is NaN from a zero gradient on: it subtracts epsilon under the root", {
    timeout: 120_000,
  }, async () => {
    const theirs = tf.train.rmsprop(0.01, 0.9, 0, undefined, true);
    const zeros: Draw = (uniform) => (uniform() < 0.5 ? 0 : nonZero(uniform));
    const { differences, finite, data } = await compare(theirs, rmsprop({ lr: 0.01, centered: true }), zeros);
    expect(differences).toEqual({ param: 0, squareAvg: 0, gradAvg: 0 });
    expect(finite).toBeLessThan(0.6);
    expect(data.filter(Number.isNaN).length).toBeGreaterThan(0.4 * elements);
  });
});
