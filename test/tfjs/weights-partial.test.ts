// Weights for TensorFlow.js of which some wait for later variables, and weights that do not fit.
import { describe, expect, it } from "vitest";
import { createRMSProp } from "../../lib/tfjs/index.ts";
import {
  backends,
  load,
  namesOf,
  renamed,
  type Saved,
  saved,
  stepAll,
  tf,
  useBackendInScopes,
  valuesOf,
  variablesOf,
} from "./support/pairs.ts";

/** The rows of some variables of a list, which has an equal number of weights for each run. */
const rowsOf = (weights: Saved, names: readonly string[]) =>
  weights.filter(({ name }) => name === "iter" || names.some((each) => name.startsWith(`${each}/`)));

describe.each(backends)("on the %s backend", (backend) => {
  useBackendInScopes(backend);

  describe("some variables come later", () => {
    const trained = async () => {
      const first = createRMSProp(tf, { learningRate: 0.01, momentum: 0.9 });
      const variables = variablesOf("x");
      stepAll(first, variables, 1, 5);
      const weights = saved(await first.getWeights());
      const copies = variables.map((variable) => variable.clone());
      stepAll(first, variables, 6, 8);
      const expected = valuesOf(variables);
      variables.forEach((variable, i) => {
        variable.assign(copies[i] as tf.Tensor);
      });
      const optimizer = createRMSProp(tf, { learningRate: 0.01, momentum: 0.9 });
      await load(optimizer, weights);
      return { optimizer, variables, weights, expected };
    };

    // Of what is left, as many wait as variables are known: by place each would get what is another's.
    it.each([
      [[0], [1, 2]],
      [[2], [0], [1]],
      [[0, 1], [2]],
    ])("%j, then %j", async (...order) => {
      const { optimizer, variables, expected } = await trained();
      const of = (places: readonly number[]) => places.map((i) => variables[i] as tf.Variable);
      order.forEach((places) => {
        for (const i of places) stepAll(optimizer, of([i]), 6, 8, i);
      });
      expect(valuesOf(variables)).toEqual(expected);
    });

    it("weights that wait are listed behind those that are known, in their shapes", async () => {
      const { optimizer, variables, weights } = await trained();
      const [, second] = variables as [tf.Variable, tf.Variable];
      stepAll(optimizer, [second], 6, 6, 1);
      const found = saved(await optimizer.getWeights());
      const order = [1, 0, 2];
      const names = ["rms", "momentum"].flatMap((suffix) => order.map((i) => `x/${i}/${suffix}`));
      expect(namesOf(found)).toEqual(["iter", ...names]);
      for (const weight of found) {
        const before = weights.find(({ name }) => name === weight.name) as Saved[number];
        expect(weight.shape).toEqual(before.shape);
        if (/^x\/[02]/.test(weight.name)) expect(weight.values).toEqual(before.values);
        else expect(weight.values).not.toEqual(before.values);
      }
    });

    it("a variable without weights begins anew beside those that have some", async () => {
      const { optimizer, variables, weights, expected } = await trained();
      const partial = createRMSProp(tf, { learningRate: 0.01, momentum: 0.9 });
      await load(partial, rowsOf(weights, ["x/0", "x/1"]));
      stepAll(partial, variables.slice(0, 2), 6, 8);
      expect(valuesOf(variables.slice(0, 2))).toEqual(expected.slice(0, 2));
      const before = valuesOf(variables.slice(2));
      stepAll(partial, variables.slice(2), 9, 9, 2);
      const after = valuesOf(variables.slice(2));
      const anew = tf.variable(tf.tensor(before[0] as Float32Array, []), true, "anew");
      stepAll(createRMSProp(tf, { learningRate: 0.01, momentum: 0.9 }), [anew], 9, 9, 2);
      expect(valuesOf([anew])).toEqual(after);
      optimizer.dispose();
    });
  });

  describe("weights that do not fit are refused, and nothing is changed", () => {
    const make = () => createRMSProp(tf, { learningRate: 0.01, momentum: 0.9 });

    it.each([
      [
        "a weight short",
        (weights: Saved) => weights.slice(0, -1),
        "Expected the iterations and 2 weights for each variable, rms, momentum, but there are 6 weights in all.",
      ],
      [
        "a weight too many",
        (weights: Saved) => [...weights, weights[1] as Saved[number]],
        "but there are 8 weights in all.",
      ],
      ["none at all", () => [], "but there are 0 weights in all."],
    ] as const)("%s, at once", async (_, change, sentence) => {
      const optimizer = make();
      const variables = variablesOf("x");
      stepAll(optimizer, variables, 1, 3);
      const weights = saved(await optimizer.getWeights());
      await expect(load(optimizer, change(weights))).rejects.toMatchObject({
        code: "ERR_STATE",
        message: expect.stringContaining(sentence),
      });
      expect(saved(await optimizer.getWeights())).toEqual(weights);
      expect(optimizer.iterations).toBe(3);
    });

    const resized = (weights: Saved, name: string): Saved =>
      weights.map((weight) => (weight.name === name ? { ...weight, shape: [2], values: new Float32Array(2) } : weight));

    it.each([
      [
        "fewer variables",
        (weights: Saved) => renamed(rowsOf(weights, ["x/0"]), "x", "y"),
        "Expected weights for 3 variables, as many as have gradients, or of their names, but there are those of 1.",
      ],
      [
        "fewer variables, of their names",
        (weights: Saved) => rowsOf(weights, ["x/0", "x/2"]),
        "but there are those of 2.",
      ],
      [
        "another size, by name",
        (weights: Saved) => resized(weights, "x/1/momentum"),
        'Expected the weights "x/1/momentum" to have 5 elements, as "x/1" has, but they have 2.',
      ],
      [
        "another size, by place",
        (weights: Saved) => renamed(resized(weights, "x/2/rms"), "x", "y"),
        'Expected the weights "y/2/rms" to have 1 elements, as "x/2" has, but they have 2.',
      ],
    ] as const)("%s, with the next step", async (_, change, sentence) => {
      const first = make();
      const variables = variablesOf("x");
      stepAll(first, variables, 1, 3);
      const weights = saved(await first.getWeights());
      for (const optimizer of [make(), first]) {
        const before = valuesOf(variables);
        await load(optimizer, change(weights));
        const step = () => stepAll(optimizer, variables, 4, 4);
        for (const _ of [1, 2])
          expect(step).toThrow(
            expect.objectContaining({ code: "ERR_STATE", message: expect.stringContaining(sentence) }),
          );
        expect(valuesOf(variables)).toEqual(before);
        expect(optimizer.iterations).toBe(3);
        expect(saved(await optimizer.getWeights())).toEqual(change(weights));
        // The right ones are taken then.
        await load(optimizer, weights);
        expect(step).not.toThrow();
        expect(optimizer.iterations).toBe(4);
        variables.forEach((variable, i) => {
          variable.assign(tf.tensor(before[i] as Float32Array, [...variable.shape]));
        });
      }
    });
  });
});
