// TensorFlow.js's own optimizers on its cpu backend: their weights go on in ours, and ours in theirs, to the same bits.
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { fromTfjs, toTfjs, type Weights } from "../../lib/checkpoint/index.ts";
import { Adagrad, type Optimizer, type Parameter, RMSprop, SGD } from "../../lib/index.ts";
import { values } from "../support/arrays.ts";

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

const cases: [string, () => tf.Optimizer, (parameters: readonly Parameter[]) => RMSprop | SGD | Adagrad][] = [
  ["RMSprop", () => tf.train.rmsprop(0.01), (p) => new RMSprop(p, { preset: "tfjs", lr: 0.01 })],
  [
    "RMSprop with momentum",
    () => tf.train.rmsprop(0.01, 0.9, 0.5),
    (p) => new RMSprop(p, { preset: "tfjs", lr: 0.01, momentum: 0.5 }),
  ],
  [
    "RMSprop centered",
    () => tf.train.rmsprop(0.01, 0.9, 0.5, undefined, true),
    (p) => new RMSprop(p, { preset: "tfjs", lr: 0.01, momentum: 0.5, centered: true }),
  ],
  ["momentum", () => tf.train.momentum(0.01, 0.9), (p) => new SGD(p, { preset: "tfjs", lr: 0.01, momentum: 0.9 })],
  ["SGD", () => tf.train.sgd(0.01), (p) => new SGD(p, { preset: "tfjs", lr: 0.01 })],
  ["Adagrad", () => tf.train.adagrad(0.01), (p) => new Adagrad(p, { preset: "tfjs", lr: 0.01 })],
];

test.each(cases)("%s", async (_, makeTheirs, makeOurs) => {
  const theirs = makeTheirs();
  const variables = variablesOf(parametersOf());
  stepTheirs(theirs, variables, 1, 10);

  const weights = await Promise.all(
    (await theirs.getWeights()).map(async ({ tensor }) => (await tensor.data()) as Float32Array),
  );
  const parameters = parametersOf(variables);
  const ours = makeOurs(parameters);
  ours.loadStateDict(fromTfjs(weights as Weights, ours.stateDict()));
  expect(ours.state("p0").step).toBe(10);
  stepTheirs(theirs, variables, 11, 20);
  stepOurs(ours, parameters, 11, 20);
  expect(parameters.map(({ data }) => data)).toEqual(variables.map((variable) => variable.dataSync()));

  const resumed = makeTheirs();
  const others = variablesOf(parameters);
  const tensors = toTfjs(ours.stateDict()).map((weight, i) => ({
    name: `${i}`,
    tensor: typeof weight === "number" ? tf.scalar(weight, "int32") : tf.tensor1d(weight as Float32Array),
  }));
  await resumed.setWeights(tensors);
  expect(resumed.iterations).toBe(20);
  stepTheirs(resumed, others, 21, 30);
  stepOurs(ours, parameters, 21, 30);
  expect(others.map((variable) => variable.dataSync())).toEqual(parameters.map(({ data }) => data));
});
