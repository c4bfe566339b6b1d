// The presets `tfjs` against TensorFlow.js's own optimizers on its cpu backend, whose operations round to float32 once.
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { definitions } from "../lib/optimizers/all.ts";
import { cases, type Draw, nonZero, slots, type TfjsCase } from "./peers/tfjs.ts";
import { uniformFrom } from "./support/cases.ts";
import { classOf } from "./support/classes.ts";

const steps = 1000;
const elements = 10_007;

beforeAll(async () => {
  await tf.setBackend("cpu");
});

/** How many elements have other bits; NaN is one value. */
const differing = (found: ArrayLike<number>, expected: ArrayLike<number>) =>
  Array.from(expected).filter((value, i) => !Object.is(value, found[i])).length;

/** Trains with theirs and with ours on the same gradients, and compares all arrays that both have. */
async function compare({ draw: gradient, theirs: make, optimizer, options }: Omit<TfjsCase, "title">) {
  const theirs = make(tf.train);
  const uniform = uniformFrom(1);
  const data = Float32Array.from({ length: elements }, () => 2 * uniform() - 1);
  const grad = new Float32Array(elements);
  const variable = tf.variable(tf.tensor1d(data.slice()));
  const ours = new (classOf(optimizer))([{ name: "x", data, grad }], { ...options, preset: "tfjs" });
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
  test("every optimizer with the preset is compared", () => {
    const known = definitions.filter(({ presets }) => "tfjs" in presets).map(({ name }) => name);
    expect([...new Set(cases.map(({ optimizer }) => optimizer))].sort(), "test/peers/tfjs.ts").toEqual(known.sort());
  });

  test.each(cases)("$title", { timeout: 120_000 }, async (given) => {
    const { differences, finite, slots } = await compare(given);
    expect(differences).toEqual(Object.fromEntries(["param", ...slots].map((name) => [name, 0])));
    expect(finite).toBeGreaterThanOrEqual(0.99);
  });

  test("RMSprop centered is NaN from a zero gradient on: it subtracts epsilon under the root", {
    timeout: 120_000,
  }, async () => {
    const zeros: Draw = (uniform) => (uniform() < 0.5 ? 0 : nonZero(uniform));
    const { differences, finite, data } = await compare({
      draw: zeros,
      theirs: (train) => train.rmsprop(0.01, 0.9, 0, undefined, true),
      optimizer: "RMSprop",
      options: { lr: 0.01, centered: true },
    });
    expect(differences).toEqual({ param: 0, squareAvg: 0, gradAvg: 0 });
    expect(finite).toBeLessThan(0.6);
    expect(data.filter(Number.isNaN).length).toBeGreaterThan(0.4 * elements);
  });
});
