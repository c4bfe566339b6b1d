// Weights of optimizers for TensorFlow.js: the names and the order of its own, states that go both ways, by name and by place.
import { describe, expect, it } from "vitest";
import { createAdam, createRMSProp, createRprop, createSGD } from "../../lib/tfjs/index.ts";
import {
  backends,
  load,
  namesOf,
  pairs,
  renamed,
  type Saved,
  saved,
  shapes,
  stepAll,
  tf,
  useBackendInScopes,
  valuesOf,
  variablesOf,
} from "./support/pairs.ts";

describe.each(backends)("on the %s backend", (backend) => {
  useBackendInScopes(backend);

  describe.each(pairs)("$title", ({ title, theirs: makeTheirs, ours: makeOurs, suffixes }) => {
    it("has the names, the order, the shapes and the values of TensorFlow.js's", async () => {
      const [theirs, ours] = [makeTheirs(), makeOurs()];
      expect(saved(await ours.getWeights())).toEqual([
        { name: "iter", shape: [], dtype: "int32", values: Int32Array.of(0) },
      ]);
      stepAll(theirs, variablesOf("b"), 1, 7);
      stepAll(ours, variablesOf("o"), 1, 7);
      const expected = renamed(saved(await theirs.getWeights()), "b", "o");
      const found = saved(await ours.getWeights());
      expect(namesOf(found)).toEqual([
        "iter",
        ...suffixes.flatMap((suffix) => [0, 1, 2].map((i) => `o/${i}/${suffix}`)),
      ]);
      // Theirs lists the last change as momentum where there is none, and multiplies it by 0 in the next step.
      const isZero = ({ name }: Saved[number]) => title === "RMSProp" && name.endsWith("/momentum");
      expect(found).toEqual(
        expected.map((weight) => (isZero(weight) ? { ...weight, values: weight.values.map(() => 0) } : weight)),
      );
    });

    it("goes on from TensorFlow.js's weights to the bits that it would have had there", async () => {
      const [theirs, ours] = [makeTheirs(), makeOurs()];
      const variables = variablesOf("x");
      stepAll(theirs, variables, 1, 7);
      await load(ours, saved(await theirs.getWeights()));
      expect(ours.iterations).toBe(7);
      const initial = variables.map((variable) => variable.clone());
      stepAll(theirs, variables, 8, 14);
      const expected = valuesOf(variables);
      variables.forEach((variable, i) => {
        variable.assign(initial[i] as tf.Tensor);
      });
      stepAll(ours, variables, 8, 14);
      expect(valuesOf(variables)).toEqual(expected);
      expect(ours.iterations).toBe(14);
    });

    it("gives TensorFlow.js's weights that it goes on from as from its own", async () => {
      const [theirs, ours] = [makeTheirs(), makeOurs()];
      const [b, o] = [variablesOf("b"), variablesOf("o")];
      stepAll(theirs, b, 1, 7);
      stepAll(ours, o, 1, 7);
      expect(valuesOf(o)).toEqual(valuesOf(b));
      // Their Adam takes the powers of its betas anew when it is given weights, so that it goes on from its own otherwise.
      const [fromTheirs, fromOurs] = [makeTheirs(), makeTheirs()];
      await load(fromTheirs, saved(await theirs.getWeights()));
      await load(fromOurs, saved(await ours.getWeights()));
      stepAll(fromTheirs, b, 8, 14);
      stepAll(fromOurs, o, 8, 14);
      expect(valuesOf(o)).toEqual(valuesOf(b));
    });

    it("gives weights by place to variables of other names, and by name in another order", async () => {
      const first = makeOurs();
      const variables = variablesOf("x");
      stepAll(first, variables, 1, 7);
      const weights = saved(await first.getWeights());
      const copies = (prefix: string) =>
        variables.map((variable, i) => tf.variable(variable.clone(), true, `${prefix}/${i}`));
      const [others, same] = [copies("y"), copies("z")];
      stepAll(first, variables, 8, 14);

      const byPlace = makeOurs();
      await load(byPlace, weights);
      stepAll(byPlace, others, 8, 14);
      expect(valuesOf(others)).toEqual(valuesOf(variables));
      expect(namesOf(saved(await byPlace.getWeights()))).toEqual(namesOf(renamed(weights, "x", "y")));

      const byName = makeOurs();
      const runs = suffixes.map((suffix) => weights.filter(({ name }) => name.endsWith(`/${suffix}`)).reverse());
      await load(byName, renamed([weights[0] as Saved[number], ...runs.flat()], "x", "z"));
      stepAll(byName, same, 8, 14);
      expect(valuesOf(same)).toEqual(valuesOf(variables));
    });

    it("gives back the weights that it was given until a step comes", async () => {
      const first = makeOurs();
      stepAll(first, variablesOf("x"), 1, 3);
      const weights = saved(await first.getWeights());
      const fresh = makeOurs();
      await load(fresh, weights);
      expect(saved(await fresh.getWeights())).toEqual(weights);
      expect(saved(await fresh.getWeights())).toEqual(weights);
      // One that knows variables has the state that it was given, and no longer its own.
      const used = makeOurs();
      stepAll(used, variablesOf("y"), 1, 9);
      await load(used, weights);
      expect(saved(await used.getWeights())).toEqual(weights);
    });

    it("takes weights of its own in the middle, and goes on from there again", async () => {
      const optimizer = makeOurs();
      const variables = variablesOf("x");
      stepAll(optimizer, variables, 1, 5);
      const weights = saved(await optimizer.getWeights());
      const initial = variables.map((variable) => variable.clone());
      stepAll(optimizer, variables, 6, 9);
      const expected = valuesOf(variables);
      variables.forEach((variable, i) => {
        variable.assign(initial[i] as tf.Tensor);
      });
      await load(optimizer, weights);
      stepAll(optimizer, variables, 6, 9);
      expect(valuesOf(variables)).toEqual(expected);
      expect(optimizer.iterations).toBe(9);
    });
  });

  it("keeps amsgrad's third run, which TensorFlow.js lacks", async () => {
    const make = () => createAdam(tf, { learningRate: 0.01, amsgrad: true });
    const first = make();
    const variables = variablesOf("x");
    stepAll(first, variables, 1, 5);
    const weights = saved(await first.getWeights());
    const runs = ["m", "v", "vhat"].flatMap((suffix) => shapes.map((_, i) => `x/${i}/${suffix}`));
    expect(namesOf(weights)).toEqual(["iter", ...runs]);
    const others = variables.map((variable, i) => tf.variable(variable.clone(), true, `y/${i}`));
    const second = make();
    await load(second, weights);
    stepAll(first, variables, 6, 9);
    stepAll(second, others, 6, 9);
    expect(valuesOf(others)).toEqual(valuesOf(variables));
  });

  it("keeps Rprop's state", async () => {
    const first = createRprop(tf);
    const variables = variablesOf("x");
    stepAll(first, variables, 1, 5);
    const weights = saved(await first.getWeights());
    expect(namesOf(weights)).toEqual([
      "iter",
      ...["prev", "step_size"].flatMap((suffix) => shapes.map((_, i) => `x/${i}/${suffix}`)),
    ]);
    const others = variables.map((variable, i) => tf.variable(variable.clone(), true, `y/${i}`));
    const second = createRprop(tf);
    await load(second, weights);
    stepAll(first, variables, 6, 9);
    stepAll(second, others, 6, 9);
    expect(valuesOf(others)).toEqual(valuesOf(variables));
  });

  it.each([
    ["SGD", createSGD],
    ["RMSProp", createRMSProp],
    ["Adam", createAdam],
  ] as const)(
    "%s: a learning rate that is a function of the step goes on at the step that weights say",
    async (_, create) => {
      const seen: number[] = [];
      const learningRate = (step: number) => {
        seen.push(step);
        return 0.1 / step;
      };
      const first = create(tf, { learningRate });
      const variables = variablesOf("x");
      stepAll(first, variables, 1, 5);
      const others = variables.map((variable, i) => tf.variable(variable.clone(), true, `y/${i}`));
      const second = create(tf, { learningRate });
      await load(second, saved(await first.getWeights()));
      expect(second.learningRate).toBe(0.1 / 6);
      stepAll(first, variables, 6, 7);
      seen.length = 0;
      stepAll(second, others, 6, 7);
      expect(new Set(seen)).toEqual(new Set([6, 7]));
      expect(valuesOf(others)).toEqual(valuesOf(variables));
    },
  );

  it("begins anew with the weights of an optimizer that has not stepped", async () => {
    const make = () => createRMSProp(tf, { learningRate: 0.01, momentum: 0.5 });
    const optimizer = make();
    stepAll(optimizer, variablesOf("x"), 1, 3);
    const nothing = saved(await make().getWeights());
    await load(optimizer, nothing);
    expect(saved(await optimizer.getWeights())).toEqual(nothing);
    tf.disposeVariables();
    const [again, fresh] = [variablesOf("x"), variablesOf("y")];
    stepAll(optimizer, again, 1, 3);
    stepAll(make(), fresh, 1, 3);
    expect(valuesOf(again)).toEqual(valuesOf(fresh));
    expect(optimizer.iterations).toBe(3);
  });

  it("lists weights again after disposeVariables, and begins anew with variables of the same names", async () => {
    const optimizer = createRMSProp(tf, { learningRate: 0.01, momentum: 0.5 });
    stepAll(optimizer, variablesOf("x"), 1, 3);
    const weights = saved(await optimizer.getWeights());
    tf.disposeVariables();
    expect(saved(await optimizer.getWeights())).toEqual(weights);
    const [again, fresh] = [variablesOf("x"), variablesOf("y")];
    stepAll(optimizer, again, 1, 3);
    stepAll(createRMSProp(tf, { learningRate: 0.01, momentum: 0.5 }), fresh, 1, 3);
    expect(valuesOf(again)).toEqual(valuesOf(fresh));
    expect(optimizer.iterations).toBe(6);
    // Weights that wait are no tensors, so that disposeVariables leaves them.
    const waiting = createRMSProp(tf, { learningRate: 0.01, momentum: 0.5 });
    await load(waiting, weights);
    tf.disposeVariables();
    expect(saved(await waiting.getWeights())).toEqual(weights);
  });

  it("lists weights in tensors of its own, and dispose() leaves none of them", async () => {
    const variables = variablesOf("x");
    const gradients = variables.map(({ name, shape }) => ({ name, tensor: tf.ones([...shape]) }));
    const before = tf.memory().numTensors;
    const optimizer = createRMSProp(tf, { learningRate: 0.01, momentum: 0.5 });
    optimizer.applyGradients(gradients);
    expect(tf.memory().numTensors).toBe(before);
    const weights = await optimizer.getWeights();
    const listed = saved(weights);
    expect(tf.memory().numTensors).toBe(before + 7);
    optimizer.applyGradients(gradients);
    expect(saved(weights)).toEqual(listed);
    expect((await optimizer.getWeights()).map(({ tensor }) => tensor.id)).toEqual(
      weights.map(({ tensor }) => tensor.id),
    );
    expect(tf.memory().numTensors).toBe(before + 7);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(weights.every(({ tensor }) => tensor.isDisposed)).toBe(true);
    expect(() => optimizer.applyGradients(gradients)).toThrow(expect.objectContaining({ code: "ERR_DETACHED" }));
  });
});
