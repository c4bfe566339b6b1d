// What TensorFlow.js promises of its optimizers, asked of its own and of ours: the first steps by hand, weights that are
// passed on, configs, and which variables are stepped. Its own are run too, so that what is expected is true of them.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createAdadelta,
  createAdagrad,
  createAdam,
  createMomentum,
  createRMSProp,
  createSGD,
} from "../../lib/tfjs/index.ts";
import { adadelta, adagrad, adam, momentum, type Pair, rmsprop, sgd } from "./support/optimizers.ts";
import { backendNames, tf, useBackend, valuesOf } from "./support/tensorflow.ts";

const which = ["builtin", "ours"] as const;

/** The sum of x * (x + 3), whose gradient is 2x + 3. */
const loss = (x: tf.Tensor): tf.Scalar => tf.sum(tf.mul(x, tf.add(x, 3)));
const start = [2, -0.5];

interface Row extends Pair {
  /** The loss before each of three steps, and x after each, computed in float64 from the published formulas. */
  readonly losses: readonly [number, number, number];
  readonly x: readonly (readonly [number, number])[];
  /** What its weights are called behind the variable's name, in their order. */
  readonly weights: readonly string[];
  readonly config: object;
}

const rows: readonly Row[] = [
  {
    ...rmsprop("RMSProp", { learningRate: 0.05 }),
    losses: [8.75, 7.376975, 6.474185],
    x: [
      [1.841886, -0.658114],
      [1.729723, -0.763062],
      [1.637112, -0.845641],
    ],
    weights: ["rms", "momentum"],
    config: { learningRate: 0.05, decay: 0.9, momentum: 0, epsilon: 1e-7, centered: false },
  },
  {
    ...rmsprop("RMSProp with momentum", { learningRate: 0.05, decay: 0.8, momentum: 0.4, epsilon: 1e-6 }),
    losses: [8.75, 7.768769, 6.721209],
    x: [
      [1.888197, -0.611803],
      [1.761357, -0.735305],
      [1.641291, -0.847463],
    ],
    weights: ["rms", "momentum"],
    config: { learningRate: 0.05, decay: 0.8, momentum: 0.4, epsilon: 1e-6, centered: false },
  },
  {
    ...rmsprop("RMSProp, centered", { learningRate: 0.05, decay: 0.8, momentum: 0.4, epsilon: 1e-7, centered: true }),
    losses: [8.75, 7.65625, 6.413904],
    x: [
      [1.875, -0.625],
      [1.722546, -0.772609],
      [1.565314, -0.916129],
    ],
    weights: ["rms", "momentum", "mg"],
    config: { learningRate: 0.05, decay: 0.8, momentum: 0.4, epsilon: 1e-7, centered: true },
  },
  {
    ...sgd("SGD", 0.2),
    losses: [8.75, 0.27, -2.7828],
    x: [
      [0.6, -0.9],
      [-0.24, -1.14],
      [-0.744, -1.284],
    ],
    weights: [],
    config: { learningRate: 0.2 },
  },
  {
    ...momentum("Momentum", 0.04, 0.6),
    losses: [8.75, 6.7148, 3.946114],
    x: [
      [1.72, -0.58],
      [1.2944, -0.7016],
      [0.815488, -0.838432],
    ],
    weights: ["momentum"],
    config: { learningRate: 0.04, momentum: 0.6, useNesterov: false },
  },
  {
    ...momentum("Momentum by Nesterov", 0.04, 0.6, true),
    losses: [8.75, 5.575088, 2.591601],
    x: [
      [1.552, -0.628],
      [1.060544, -0.768416],
      [0.584417, -0.904452],
    ],
    weights: ["momentum"],
    config: { learningRate: 0.04, momentum: 0.6, useNesterov: true },
  },
  {
    ...adagrad("Adagrad", 0.3, 0.5),
    losses: [8.75, 6.264038, 4.79911],
    x: [
      [1.701519, -0.782843],
      [1.499596, -0.95088],
      [1.339571, -1.069127],
    ],
    weights: ["accumulator"],
    config: { learningRate: 0.3, initialAccumulatorValue: 0.5 },
  },
  {
    ...adam("Adam", 0.2, 0.7, 0.95),
    losses: [8.75, 7.03, 5.481545],
    x: [
      [1.8, -0.7],
      [1.600974, -0.89543],
      [1.403622, -1.081753],
    ],
    weights: ["m", "v"],
    config: { learningRate: 0.2, beta1: 0.7, beta2: 0.95, epsilon: 1e-7 },
  },
  {
    ...adadelta("Adadelta", 0.05, 0.9),
    losses: [8.75, 6.2325, 4.193325],
    x: [
      [1.65, -0.6],
      [1.335, -0.69],
      [1.0515, -0.771],
    ],
    weights: ["accum_grad", "accum_var"],
    config: { learningRate: 0.05, rho: 0.9, epsilon: 1e-7 },
  },
];

/** TensorFlow.js's classes by the names that it saves them under. */
const classes: Readonly<Record<string, new (...given: never[]) => tf.Optimizer>> = {
  RMSProp: tf.RMSPropOptimizer,
  SGD: tf.SGDOptimizer,
  Momentum: tf.MomentumOptimizer,
  Adagrad: tf.AdagradOptimizer,
  Adam: tf.AdamOptimizer,
  Adadelta: tf.AdadeltaOptimizer,
};

/** The class of an optimizer, with its `fromConfig`. */
const classOf = (optimizer: tf.Optimizer) => optimizer.constructor as (typeof classes)[string] & typeof tf.SGDOptimizer;

const closeTo = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5));

describe.each(backendNames)("on %s", (backend) => {
  let x: tf.Variable;
  let optimizers: tf.Optimizer[];
  let tensors: number;

  beforeEach(async () => {
    await useBackend(backend);
    tensors = tf.memory().numTensors;
    x = tf.tidy(() => tf.variable(tf.tensor1d(start), true, "x"));
    optimizers = [];
  });

  afterEach(() => {
    for (const optimizer of optimizers) optimizer.dispose();
    x.dispose();
    // TensorFlow.js's momentum leaves its learning rate behind.
    const builtins: readonly unknown[] = Object.values(classes);
    if (optimizers.some((each) => builtins.includes(each.constructor))) return;
    expect(tf.memory().numTensors).toBe(tensors);
  });

  const made = <O extends tf.Optimizer>(optimizer: O): O => {
    optimizers.push(optimizer);
    return optimizer;
  };

  const minimize = (optimizer: tf.Optimizer): number =>
    tf.tidy(() => (optimizer.minimize(() => loss(x), true) as tf.Scalar).dataSync()[0] as number);

  describe.each(which)("%s", (side) => {
    test.each(rows)("$title: three steps are those of the formula", (row) => {
      const optimizer = made(row[side]());
      const losses: number[] = [];
      let constant = 0;
      for (const [t, expected] of row.x.entries()) {
        losses.push(minimize(optimizer));
        expect([...valuesOf(x)]).toEqual(closeTo(expected));
        if (t === 0) constant = tf.memory().numTensors;
        expect(tf.memory().numTensors).toBe(constant);
      }
      expect(losses).toEqual(closeTo(row.losses));
      expect(optimizer.iterations).toBe(3);
    });

    test.each(rows)("$title: another one goes on with its weights", async (row) => {
      const losses: number[] = [];
      let last: tf.Optimizer | undefined;
      for (const [t, expected] of row.x.entries()) {
        const optimizer = made(row[side]());
        if (last) {
          const weights = await last.getWeights();
          expect(weights.map(({ name }) => name)).toEqual(["iter", ...row.weights.map((suffix) => `x/${suffix}`)]);
          const [iterations] = weights.map(({ tensor }) => tensor as tf.Tensor);
          expect([...valuesOf(iterations as tf.Tensor)]).toEqual([t]);
          await optimizer.setWeights(weights);
          iterations?.dispose();
        }
        losses.push(minimize(optimizer));
        expect(optimizer.iterations).toBe(t + 1);
        expect([...valuesOf(x)]).toEqual(closeTo(expected));
        last = optimizer;
      }
      expect(losses).toEqual(closeTo(row.losses));
    });

    test.each(rows)("$title: its config makes it again", (row) => {
      const optimizer = made(row[side]());
      const config = optimizer.getConfig();
      expect(Object.entries(config)).toEqual(Object.entries(row.config));
      const again = made(classOf(optimizer).fromConfig(classOf(optimizer) as never, config) as tf.Optimizer);
      expect(Object.entries(again.getConfig())).toEqual(Object.entries(config));
      expect(again.getClassName()).toBe(optimizer.getClassName());
    });
  });

  test.each(rows)("$title: either is made of the other's config", (row) => {
    const [theirs, ours] = [made(row.builtin()), made(row.ours())];
    expect(ours.getClassName()).toBe(theirs.getClassName());
    const builtin = classes[theirs.getClassName()] as typeof tf.SGDOptimizer;
    const fromOurs = made(builtin.fromConfig(builtin as never, ours.getConfig()) as tf.Optimizer);
    const fromTheirs = made(classOf(ours).fromConfig(classOf(ours) as never, theirs.getConfig()) as tf.Optimizer);
    expect(fromOurs.getConfig()).toEqual(theirs.getConfig());
    expect(fromTheirs.getConfig()).toEqual(ours.getConfig());
  });
});

describe.each([
  { kind: "RMSProp", ours: () => createRMSProp(tf, {} as never), builtin: () => tf.train.rmsprop(undefined as never) },
  { kind: "SGD", ours: () => createSGD(tf, {} as never), builtin: undefined },
  { kind: "Momentum", ours: () => createMomentum(tf, { momentum: 0.9 } as never), builtin: undefined },
  { kind: "Adagrad", ours: () => createAdagrad(tf, {} as never), builtin: undefined },
])("$kind without a learning rate", ({ kind, ours, builtin }) => {
  test("is refused in TensorFlow.js's words", () => {
    const words = `learningRate for ${kind}Optimizer must be defined.`;
    expect(ours).toThrow(words);
    if (builtin) expect(builtin).toThrow(words);
  });
});

test("Adam and Adadelta have TensorFlow.js's learning rate where none is given", () => {
  expect(createAdam(tf).learningRate).toBe((tf.train.adam() as unknown as { learningRate: number }).learningRate);
  expect(createAdadelta(tf).learningRate).toBe(
    (tf.train.adadelta() as unknown as { learningRate: number }).learningRate,
  );
});

/** Which of three variables a call is to step: 4, 1 and one that the loss does not have. */
interface Choice {
  readonly title: string;
  readonly trainable?: boolean;
  /** Those of `varList`; undefined leaves it out. */
  readonly list?: readonly ("x" | "bias" | "stray")[];
  /** After two steps; undefined where the call throws. */
  readonly expected?: { readonly x: number; readonly bias: number };
}

const choices: readonly Choice[] = [
  { title: "all that the loss has, without a list", expected: { x: 2.56, bias: 0.8 } },
  { title: "those of a list of all", list: ["x", "bias"], expected: { x: 2.56, bias: 0.8 } },
  { title: "those of a list of some", list: ["x"], expected: { x: 2.56, bias: 1 } },
  { title: "trainable ones alone", trainable: false, expected: { x: 4, bias: 0.8 } },
  { title: "none of a list of none", list: [] },
  { title: "none of a list of what is not trainable", trainable: false, list: ["x"] },
];

describe.each(backendNames)("minimize on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  describe.each([
    { side: "builtin", make: () => tf.train.sgd(0.1) },
    { side: "ours", make: () => createSGD(tf, { learningRate: 0.1 }) },
  ])("$side", ({ make }) => {
    test.each(choices)("steps $title", ({ trainable = true, list, expected }) => {
      const before = tf.memory().numTensors;
      const variables = tf.tidy(() => ({
        x: tf.variable(tf.scalar(4), trainable),
        bias: tf.variable(tf.scalar(1)),
        stray: tf.variable(tf.scalar(-1)),
      }));
      const { x, bias, stray } = variables;
      const optimizer = make();
      const f = () => tf.add(tf.square(x), bias) as tf.Scalar;
      const varList = list?.map((name) => variables[name]);
      if (expected) {
        const cost = optimizer.minimize(f, true, varList) as tf.Scalar;
        expect(cost.dataSync()[0]).toBe(17);
        cost.dispose();
        expect(optimizer.minimize(f, false, varList)).toBeNull();
      } else {
        expect(() => optimizer.minimize(f, true, varList)).toThrow();
      }
      const found = { x: x.dataSync()[0], bias: bias.dataSync()[0], stray: stray.dataSync()[0] };
      const { x: ex, bias: eb } = expected ?? { x: 4, bias: 1 };
      expect(found).toEqual({ x: expect.closeTo(ex, 5), bias: expect.closeTo(eb, 5), stray: -1 });
      for (const variable of [x, bias, stray, optimizer]) variable.dispose();
      // A loss that has no gradient leaves its own tensor behind.
      if (expected) expect(tf.memory().numTensors).toBe(before);
    });

    test("refuses a loss that is no scalar", () => {
      const x = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
      expect(() => make().minimize(() => tf.square(x) as never)).toThrow();
      expect([...x.dataSync()]).toEqual([1, 2]);
      x.dispose();
    });

    test("is one of tf.Optimizer", () => {
      expect(make()).toBeInstanceOf(tf.Optimizer);
    });
  });
});
