// What is given wrong to optimizers for TensorFlow.js is refused with a sentence, and nothing is lost without a word.
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  createAdam,
  createMomentum,
  createRMSProp,
  createSGD,
  register,
  type TfOptimizer,
} from "../../lib/tfjs/index.ts";
import { thrownBy } from "../support/arrays.ts";

// biome-ignore lint/suspicious/noExplicitAny: what is given is wrong
type Wrong = any;

beforeAll(async () => {
  await tf.setBackend("cpu");
});

afterEach(() => tf.disposeVariables());

const variable = () => tf.variable(tf.tensor1d([1, 2, 3]), true, "w");
const minimize = (optimizer: tf.Optimizer, w: tf.Variable) => optimizer.minimize(() => w.square().sum(), false, [w]);

/** An Adam that has taken five steps, and its variable. */
function trained() {
  const w = variable();
  const optimizer = createAdam(tf, { learningRate: 0.1 });
  for (let step = 0; step < 5; step++) minimize(optimizer, w);
  return { w, optimizer };
}

describe("a state that does not fit is refused before or at the first step, and changes nothing", () => {
  const wrong: [string, (state: Wrong) => unknown, RegExp][] = [
    ["through JSON", (state) => JSON.parse(JSON.stringify(state)), /Expected the gradAvg of 'w'/],
    [
      "an array of another length",
      (state) => ({ ...state, state: { w: { ...state.state.w, gradAvg: new Float32Array(2) } } }),
      /3 elements/,
    ],
    [
      "a slot that is not there",
      ({ state, ...rest }) => ({ ...rest, state: { w: { step: state.w.step, squareAvg: state.w.squareAvg } } }),
      /to have 'gradAvg'/,
    ],
    ["no entry", (state) => ({ ...state, state: {} }), /an entry for 'w'/],
    ["of another rule", (state) => ({ ...state, rule: "rmsprop" }), /a state of the rule adam, .* "rmsprop"/],
    ["an empty object", () => ({}), /a state of the rule adam, .* an object/],
    ["nothing", () => undefined, /a state of the rule adam, .* undefined/],
  ];

  test.each(wrong)("%s", (_, spoil, message) => {
    const { w, optimizer } = trained();
    const state = spoil(optimizer.stateDict());
    const before = w.dataSync().slice();
    const fresh = createAdam(tf, { learningRate: 0.1 });
    const error = thrownBy(() => {
      fresh.loadStateDict(state as Wrong);
      minimize(fresh, w);
    }) as Error & { code: string };
    expect(error.message).toMatch(message);
    expect(error.code).toBe("ERR_STATE");
    expect(w.dataSync()).toEqual(before);
    // At once, where the variables are known.
    expect((thrownBy(() => optimizer.loadStateDict(state as Wrong)) as Error).message).toMatch(message);
    expect(optimizer.stateDict().state["w"]?.step).toBe(5);
  });

  test("one that fits goes on to the same bits", () => {
    const { w, optimizer } = trained();
    const [state, values] = [optimizer.stateDict(), w.dataSync().slice()];
    minimize(optimizer, w);
    const expected = w.dataSync().slice();
    w.assign(tf.tensor1d(values));
    const fresh = createAdam(tf, { learningRate: 0.1 });
    fresh.loadStateDict(state);
    minimize(fresh, w);
    expect(w.dataSync()).toEqual(expected);
    expect([fresh.iterations, fresh.stateDict().state["w"]?.step]).toEqual([6, 6]);
  });
});

test("the learning rate and the momentum of a state are those of the optimizer from then on, in its config too", () => {
  const w = variable();
  const from = createMomentum(tf, { learningRate: 0.1, momentum: 0.9 });
  minimize(from, w);
  for (const knows of [false, true]) {
    const to = createMomentum(tf, { learningRate: 0.5, momentum: 0.5 });
    if (knows) minimize(to, w);
    to.loadStateDict(from.stateDict());
    expect([to.learningRate, to.getConfig()["learningRate"], to.getConfig()["momentum"]]).toEqual([0.1, 0.1, 0.9]);
  }
});

describe("arguments", () => {
  const calls: [string, () => unknown, RegExp][] = [
    [
      "in the order of tf.train",
      () => createRMSProp(tf, 0.01 as Wrong),
      /^Expected options by their names, createRMSProp\(tf, \{ learningRate: 0\.01 \}\), but found 0\.01\.$/,
    ],
    [
      "without tf",
      () => createSGD({ learningRate: 0.1 } as Wrong, undefined as Wrong),
      /^Expected TensorFlow\.js .* createSGD\(tf, \{ … \}\), but the first argument is an object\.$/,
    ],
    ["with undefined for tf", () => createAdam(undefined as Wrong, {}), /the first argument is undefined/],
    ["register without tf", () => (register as Wrong)(), /register\(tf\), but the first argument is undefined/],
    [
      "momentum left out",
      () => createMomentum(tf, { learningRate: 0.1 } as Wrong),
      /^momentum for MomentumOptimizer must be defined\.$/,
    ],
  ];
  test.each(calls)("%s", (_, call, message) => {
    expect((thrownBy(call) as Error).message).toMatch(message);
  });
});

test("a gradient that is a typed array is refused, and nothing is changed", () => {
  const w = variable();
  const optimizer: TfOptimizer = createSGD(tf, { learningRate: 1 });
  const apply = () => optimizer.applyGradients({ w: Float32Array.of(1, 2, 3) as Wrong });
  expect((thrownBy(apply) as Error).message).toMatch(
    /^Expected the gradient of "w" to be a tensor, but it is a Float32Array/,
  );
  expect([...w.dataSync(), optimizer.iterations]).toEqual([1, 2, 3, 0]);
});
