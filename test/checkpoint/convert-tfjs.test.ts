// TensorFlow.js's own optimizers on its cpu backend: their weights go on in ours, and ours in theirs, to the same bits.
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { fromTfjs, toTfjs, type Weights } from "../../lib/checkpoint/index.ts";
import type { Optimizer, Parameter } from "../../lib/index.ts";
import { cases } from "../peers/tfjs.ts";
import { values } from "../support/arrays.ts";
import { classOf } from "../support/classes.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const lengths = [33, 5, 17];
const gradient = (step: number, i: number) => values("float32", lengths[i] as number, 100 * step + i);

/** Parameters with the values of theirs, or of their own. */
const parametersOf = (variables?: readonly tf.Variable[]): Parameter[] =>
  lengths.map((length, i) => ({
    name: `p${i}`,
    data: (variables?.[i]?.dataSync() as Float32Array | undefined)?.slice() ?? values("float32", length, i),
    grad: new Float32Array(length),
  }));

const variablesOf = (parameters: readonly Parameter[]) =>
  parameters.map(({ data }) => tf.variable(tf.tensor1d(data.slice() as Float32Array)));

function stepTheirs(optimizer: tf.Optimizer, variables: readonly tf.Variable[], from: number, to: number): void {
  for (let step = from; step <= to; step++) {
    optimizer.applyGradients(variables.map(({ name }, i) => ({ name, tensor: tf.tensor1d(gradient(step, i)) })));
  }
}

function stepOurs(
  optimizer: Pick<Optimizer<object>, "step">,
  parameters: readonly Parameter[],
  from: number,
  to: number,
): void {
  for (let step = from; step <= to; step++) {
    parameters.forEach(({ grad }, i) => {
      grad?.set(gradient(step, i));
    });
    optimizer.step();
  }
}

const lastOf = async (optimizer: tf.Optimizer) =>
  Promise.all((await optimizer.getWeights()).map(async ({ tensor }) => (await tensor.data()).slice()));

/** Theirs, with weights that it is given, over variables with the values of parameters. */
async function resumedWith(make: () => tf.Optimizer, parameters: readonly Parameter[], weights: Weights) {
  const optimizer = make();
  const variables = variablesOf(parameters);
  const tensors = weights.map((weight, i) => ({
    name: `${i}`,
    tensor:
      i === 0
        ? tf.scalar(Number(typeof weight === "number" ? weight : (weight as Int32Array)[0]), "int32")
        : tf.tensor1d(weight as Float32Array),
  }));
  await optimizer.setWeights(tensors);
  return { optimizer, variables };
}

test.each(cases)("$title", async ({ theirs: make, optimizer, options }) => {
  const makeTheirs = () => make(tf.train);
  const theirs = makeTheirs();
  const variables = variablesOf(parametersOf());
  stepTheirs(theirs, variables, 1, 10);

  const parameters = parametersOf(variables);
  const ours = new (classOf(optimizer))(parameters, { ...options, preset: "tfjs" });
  ours.loadStateDict(fromTfjs(await lastOf(theirs), ours.stateDict()));
  expect(ours.state("p0").step).toBe(10);
  stepTheirs(theirs, variables, 11, 20);
  stepOurs(ours, parameters, 11, 20);
  expect(parameters.map(({ data }) => data)).toEqual(variables.map((variable) => variable.dataSync()));

  // Theirs goes on from what ours lists as from what it lists itself, and as ours does. Their Adam takes the powers of its
  // betas anew when it is given weights, so that it does not go on as it would have done.
  const listed = toTfjs(ours.stateDict());
  const own = await lastOf(theirs);
  expect(listed.map((each) => (typeof each === "number" ? 1 : each.length))).toEqual(own.map(({ length }) => length));
  const [fromOurs, fromTheirs] = [
    await resumedWith(makeTheirs, parameters, listed),
    await resumedWith(makeTheirs, parameters, own),
  ];
  expect(fromOurs.optimizer.iterations).toBe(20);
  for (const { optimizer, variables } of [fromOurs, fromTheirs]) stepTheirs(optimizer, variables, 21, 30);
  const valuesOf = ({ variables }: typeof fromOurs) => variables.map((variable) => variable.dataSync());
  expect(valuesOf(fromOurs)).toEqual(valuesOf(fromTheirs));
  if (optimizer === "Adam") return;
  stepOurs(ours, parameters, 21, 30);
  expect(valuesOf(fromOurs)).toEqual(parameters.map(({ data }) => data));
});

test("a state that TensorFlow.js has no place for is refused with the reason", () => {
  const amsgrad = new (classOf("Adam"))(parametersOf(), { amsgrad: true });
  expect(() => toTfjs(amsgrad.stateDict())).toThrow("Expected no 'amsgrad', because TensorFlow.js has none");
});
