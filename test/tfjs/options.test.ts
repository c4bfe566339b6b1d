// Options: TensorFlow.js's beside those of ours, what is refused, and what each of ours does over tensors: the same as over
// arrays.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LearningRate, type OptimizerOptions, RMSprop, type RMSpropOptions, schedules } from "../../lib/index.ts";
import {
  createAdam,
  createMomentum,
  createRMSProp,
  createSGD,
  type TfOptimizer,
  type TfRMSPropOptions,
  type Write,
} from "../../lib/tfjs/index.ts";
import { thrown, variable } from "./support/hazards.ts";
import { rmsprop } from "./support/optimizers.ts";
import { backendNames, differing, tf, useBackend, valuesOf } from "./support/tensorflow.ts";

let tensors: number;

beforeEach(async () => {
  await useBackend("cpu");
  tensors = tf.memory().numTensors;
});

afterEach(async () => {
  await useBackend("cpu");
  tf.disposeVariables();
});

const message = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    return `${code}: ${message}`;
  }
  return "nothing";
};

/** Not inside tidy(), which would hide what a step leaves behind. */
function apply(optimizer: tf.Optimizer, gradients: Readonly<Record<string, ArrayLike<number>>>): void {
  const tensors = Object.entries(gradients).map(([name, values]) => ({
    name,
    tensor: tf.tensor1d(Float32Array.from(values)),
  }));
  try {
    optimizer.applyGradients(tensors);
  } finally {
    for (const { tensor } of tensors) tensor.dispose();
  }
}

const step = (optimizer: tf.Optimizer, v: tf.Variable, gradient: readonly number[]) =>
  apply(optimizer, { [v.name]: gradient });

describe("refused, in TensorFlow.js's names", () => {
  const given = (options: object) => () => createRMSProp(tf, { learningRate: 0.1, ...options } as TfRMSPropOptions);

  test.each<[() => unknown, string]>([
    [
      given({ zeroGrads: true }),
      "Expected no 'zeroGrads', because TensorFlow.js makes new gradients for each step, but it is given.",
    ],
    [
      given({ lossScale: "dynamic" }),
      "Expected no 'lossScale', because TensorFlow.js computes in float32, and the loss is scaled by none, but it is given.",
    ],
    [given({ lr: 0.1 }), "Expected 'learningRate', as in TensorFlow.js, but found 'lr'."],
    [given({ alpha: 0.9 }), "Expected 'decay', as in TensorFlow.js, but found 'alpha'."],
    [given({ eps: 1e-7 }), "Expected 'epsilon', as in TensorFlow.js, but found 'eps'."],
    [
      () => createMomentum(tf, { learningRate: 0.1, momentum: 0.9, nesterov: true } as never),
      "Expected 'useNesterov', as in TensorFlow.js, but found 'nesterov'.",
    ],
    [given({ decai: 0.9 }), "RMSProp has no option 'decai'; did you mean 'decay'?"],
    [given({ learningrate: 0.9 }), "RMSProp has no option 'learningrate'; did you mean 'learningRate'?"],
    [given({ weigthDecay: 0.9 }), "RMSProp has no option 'weigthDecay'; did you mean 'weightDecay'?"],
    [() => createAdam(tf, { beta_1: 0.9 } as never), "Adam has no option 'beta_1'; did you mean 'beta1'?"],
    [given({ decay: 2 }), "Expected 'decay' to be a number from 0 to 1, but it is 2."],
    [given({ epsilon: -1 }), "Expected 'epsilon' to be a finite number of 0 or more, but it is -1."],
    [given({ momentum: "x" }), "Expected 'momentum' to be a number from 0 to 1, but it is \"x\"."],
    [given({ clipNorm: -1 }), "Expected 'clipNorm' to be a finite number above 0, or null, but it is -1."],
    [given({ write: "inplace" }), 'Expected \'write\' to be "auto", "replace" or "inPlace", but it is "inplace".'],
    [
      given({ learningRate: -1 }),
      "Expected 'learningRate' to be a number of 0 or more, a schedule, or a function of the step (1, 2, …) that returns " +
        "such a number, but it is -1.",
    ],
  ])("%o: %s", (call, sentence) => {
    expect(message(call)).toBe(`ERR_OPTION: ${sentence}`);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  test("of the options that there are none is refused", () => {
    const sentence = message(given({ banana: 1 }));
    expect(sentence).toMatch(
      /^ERR_OPTION: RMSProp has no option 'banana'; it has learningRate, decay, momentum, epsilon, /,
    );
    for (const name of ["lr", "alpha", "eps", "zeroGrads", "lossScale"]) expect(sentence).not.toMatch(` ${name}[,.]`);
  });

  test("what is set later, before the first step and after it", () => {
    const [optimizer, v] = [createMomentum(tf, { learningRate: 0.5, momentum: 0.5 }), variable([1, 2])];
    for (let i = 0; i < 2; i++) {
      expect(message(() => optimizer.setLearningRate(-1))).toMatch(/^ERR_OPTION: Expected 'learningRate' to be /);
      expect(message(() => optimizer.setMomentum(2))).toMatch(/^ERR_OPTION: Expected 'momentum' to be /);
      expect([optimizer.learningRate, optimizer.getConfig()["momentum"]]).toEqual([0.5, 0.5]);
      step(optimizer, v, [1, 2]);
    }
    expect([...valuesOf(v)]).toEqual([-0.25, -0.5]);
  });
});

describe.each<{ title: string; learningRate: LearningRate; rates: readonly number[] }>([
  { title: "a function of the step", learningRate: (step) => 1 / 2 ** step, rates: [0.5, 0.25, 0.125, 0.0625] },
  {
    title: "a schedule",
    learningRate: schedules.exponential(0.5, { gamma: 0.5 }),
    rates: [0.5, 0.25, 0.125, 0.0625],
  },
])("a learning rate that is $title", ({ learningRate, rates }) => {
  test("steps by it, and tells the coming step's", () => {
    const [optimizer, v] = [createSGD(tf, { learningRate }), variable([1])];
    let expected = 1;
    for (const rate of rates) {
      expect(optimizer.learningRate).toBe(rate);
      step(optimizer, v, [1]);
      expected -= rate;
      expect([...valuesOf(v)]).toEqual([expected]);
    }
  });

  test("counts steps, not the calls that accumulate for them", () => {
    const [optimizer, v] = [createSGD(tf, { learningRate, gradientAccumulationSteps: 2 }), variable([1])];
    let expected = 1;
    for (const rate of rates) {
      step(optimizer, v, [1]);
      expect([...valuesOf(v)]).toEqual([expected]);
      expect(optimizer.learningRate).toBe(rate);
      step(optimizer, v, [1]);
      expected -= rate;
      expect([...valuesOf(v)]).toEqual([expected]);
    }
    expect(optimizer.iterations).toBe(2 * rates.length);
  });

  test("goes on at its step with weights, or with a state, of an optimizer that accumulates", async () => {
    const make = () => createMomentum(tf, { learningRate, momentum: 0.5, gradientAccumulationSteps: 2 });
    const v = variable([1]);
    const first = make();
    for (let call = 0; call < 4; call++) step(first, v, [1]);
    const [byWeights, byState, whole] = [make(), make(), valuesOf(v)];
    await byWeights.setWeights((await first.getWeights()) as never);
    byState.loadStateDict(first.stateDict());
    const ends = [first, byWeights, byState].map((optimizer) => {
      v.assign(tf.tensor1d(whole));
      expect([optimizer.iterations, optimizer.learningRate]).toEqual([4, rates[2]]);
      step(optimizer, v, [1]);
      step(optimizer, v, [1]);
      expect([optimizer.iterations, optimizer.learningRate]).toEqual([6, rates[3]]);
      return [...valuesOf(v)];
    });
    expect(ends[0]).not.toEqual([...whole]);
    expect(ends).toEqual([ends[0], ends[0], ends[0]]);
  });

  test("may be assigned in the middle", () => {
    const [optimizer, v] = [createSGD(tf, { learningRate: 0.25 }), variable([1])];
    step(optimizer, v, [1]);
    optimizer.learningRate = learningRate;
    expect(optimizer.learningRate).toBe(rates[1]);
    step(optimizer, v, [1]);
    expect([...valuesOf(v)]).toEqual([0.5]);
  });
});

test("a function whose rate is none: the sentence has TensorFlow.js's name, and nothing is changed", () => {
  const [optimizer, v] = [createSGD(tf, { learningRate: () => Number.NaN }), variable([1])];
  tensors = tf.memory().numTensors;
  expect(message(() => step(optimizer, v, [1]))).toBe(
    "ERR_OPTION: Expected learningRate(1) to be a finite number of 0 or more, but it is NaN.",
  );
  expect([...valuesOf(v)]).toEqual([1]);
  expect([tf.memory().numTensors, optimizer.iterations]).toEqual([tensors, 0]);
});

/** Options beside TensorFlow.js's, with what a step over arrays has the same. */
const beside: readonly { readonly title: string; readonly options: OptimizerOptions & Partial<RMSpropOptions> }[] = [
  { title: "weightDecay", options: { weightDecay: 0.1 } },
  { title: "decoupledWeightDecay", options: { weightDecay: 0.1, decoupledWeightDecay: true } },
  { title: "maximize", options: { maximize: true } },
  { title: "gradScale", options: { gradScale: 0.5 } },
  { title: "clipValue", options: { clipValue: 0.3 } },
  { title: "clipNorm", options: { clipNorm: 0.3 } },
  { title: "clipGlobalNorm", options: { clipGlobalNorm: 0.3 } },
  { title: "skipNonFinite", options: { skipNonFinite: true } },
  { title: "gradientAccumulationSteps", options: { gradientAccumulationSteps: 3 } },
  { title: "both of these", options: { skipNonFinite: true, gradientAccumulationSteps: 2, clipGlobalNorm: 0.5 } },
  { title: "diagnostics", options: { diagnostics: true, clipValue: 0.3 } },
  { title: "ema", options: { ema: { decay: 0.5, start: 2, every: 2 } } },
  { title: "biasCorrection", options: { biasCorrection: true } },
  { title: "preset torch", options: { preset: "torch", weightDecay: 0.1 } },
];

const modes: readonly (readonly [(typeof backendNames)[number], Write])[] = backendNames.flatMap((backend) =>
  (["replace", "inPlace"] as const).map((write) => [backend, write] as const),
);

describe.each(modes)("on %s, write: %s", (backend, write) => {
  const lengths = { a: 5, b: 1029 };
  const names = ["a", "b"] as const;

  test.each(beside)("$title does to tensors what it does to arrays", async ({ options }) => {
    await useBackend(backend);
    const value = (seed: number) => (k: number) => Math.sin(seed + 1.7 * k) + (k % 2 ? 0.01 : -0.01);
    const start = (name: "a" | "b") => Float32Array.from({ length: lengths[name] }, (_, k) => value(lengths[name])(k));
    const arrays = { a: start("a"), b: start("b") };
    const core = new RMSprop(
      names.map((name) => ({ name, data: arrays[name], grad: new Float32Array(lengths[name]) })),
      {
        lr: 0.01,
        ...(options.preset ? {} : { alpha: 0.9, eps: 1e-7, epsInSqrt: true, lrInMomentum: true }),
        ...options,
      },
    );
    const optimizer = createRMSProp(tf, { learningRate: 0.01, write, ...options } as TfRMSPropOptions);
    const variables = names.map((name) => tf.tidy(() => tf.variable(tf.tensor1d(start(name)), true, name)));
    let constant: number | undefined;
    for (let call = 1; call <= 9; call++) {
      const gradients = names.map((name) => Float32Array.from({ length: lengths[name] }, (_, k) => value(call)(k)));
      if (call === 4 && options.skipNonFinite) gradients[1]?.fill(Number.NaN, 7, 9);
      const byName = { a: gradients[0] as Float32Array, b: gradients[1] as Float32Array };
      core.step(byName);
      apply(optimizer, byName);
      for (const [i, name] of names.entries()) {
        const expected = arrays[name];
        expect(differing(valuesOf(variables[i] as tf.Variable), expected)).toBe(0);
        expect(expected.every(Number.isFinite)).toBe(true);
      }
      expect(optimizer.lastStep).toEqual(core.lastStep);
      expect(optimizer.iterations).toBe(call);
      constant ??= tf.memory().numTensors;
      expect(tf.memory().numTensors).toBe(constant);
    }
    const { state } = optimizer.stateDict();
    expect(state).toEqual(core.stateDict().state);
    core.dispose();
    optimizer.dispose();
  });

  test("the tests around begin with what TensorFlow.js has: each option changes its bits", async () => {
    await useBackend(backend);
    const run = (options: object) => {
      const v = variable([1, -2, 3]);
      const optimizer = createRMSProp(tf, { learningRate: 0.01, write, ...options });
      for (let call = 1; call <= 9; call++) step(optimizer, v, [call / 3, 1, call === 4 ? Number.NaN : -1]);
      return valuesOf(v);
    };
    const plain = run({});
    const same = beside.filter(({ options }) => differing(run(options), plain) === 0).map(({ title }) => title);
    expect(same).toEqual(["ema"]); // which changes nothing but the averages
  });

  test("averages are exchanged with the weights and back, and nothing else goes on in between", async () => {
    await useBackend(backend);
    const optimizer = createSGD(tf, { learningRate: 0.5, write, ema: { decay: 0.5 } });
    const v = variable([1, 2]);
    const held = v.clone();
    step(optimizer, v, [1, 2]); // [0.5, 1], and the average begins there
    step(optimizer, v, [1, 2]); // [0, 0], and the average is [0.25, 0.5]
    tensors = tf.memory().numTensors;
    for (let i = 0; i < 2; i++) {
      optimizer.swapEma();
      expect([...valuesOf(v)]).toEqual([0.25, 0.5]);
      const words = /^ERR_STATE: Expected the variables to be in their place, but swapEma\(\) has put averages there/;
      expect(message(() => step(optimizer, v, [1, 2]))).toMatch(words);
      await expect(optimizer.getWeights()).rejects.toThrow(/swapEma\(\) has put averages there/);
      expect(message(() => optimizer.stateDict())).toMatch(words);
      expect([...valuesOf(v)]).toEqual([0.25, 0.5]);
      optimizer.swapEma();
      expect([...valuesOf(v)]).toEqual([0, 0]);
      expect(tf.memory().numTensors).toBe(tensors);
    }
    step(optimizer, v, [1, 2]); // [-0.5, -1], and the average is [-0.125, -0.25]
    optimizer.swapEma();
    expect([...valuesOf(v)]).toEqual([-0.125, -0.25]);
    expect([...valuesOf(held)]).toEqual([1, 2]);
    held.dispose();
  });
});

describe("averages", () => {
  test("of variables that were disposed are left out", () => {
    const optimizer = createSGD(tf, { learningRate: 0.5, ema: { decay: 0.5 } });
    const [a, b] = [variable([1]), variable([1])];
    for (const v of [a, b, a, b]) step(optimizer, v, [1]);
    a.dispose();
    optimizer.swapEma();
    expect([...valuesOf(b)]).toEqual([0.25]);
    optimizer.swapEma();
    expect([...valuesOf(b)]).toEqual([0]);
  });

  test("are exchanged only where they are asked for", () => {
    const optimizer = createSGD(tf, { learningRate: 0.5 });
    const sentence = "Expected the option 'ema' to exchange weights with averages, but it is not given.";
    expect(message(() => optimizer.swapEma())).toBe(`ERR_OPTION: ${sentence}`);
  });
});

describe("another backend", () => {
  /** The cpu backend under another name. */
  async function use(name: string): Promise<void> {
    await useBackend("cpu");
    if (!tf.findBackend(name)) {
      const Cpu = tf.findBackend("cpu").constructor as new () => tf.KernelBackend;
      tf.copyRegisteredKernels("cpu", name);
      tf.registerBackend(name, () => new Cpu());
    }
    await tf.setBackend(name);
  }

  test.each(["webgl", "webgpu"])("%s is refused: its values are on a GPU", async (name) => {
    await use(name);
    const [optimizer, v, gradient] = [createRMSProp(tf, { learningRate: 0.1 }), variable([1, 2]), tf.tensor1d([1, 2])];
    tensors = tf.memory().numTensors;
    expect(message(() => optimizer.applyGradients({ [v.name]: gradient }))).toBe(
      `ERR_OPTION: Expected TensorFlow.js to run on its wasm or cpu backend, but it runs on "${name}", whose values are on ` +
        "the GPU: a step would have to fetch them all. Use TensorFlow.js's own optimizer there, or tf.setBackend.",
    );
    expect([...valuesOf(v)]).toEqual([1, 2]);
    expect([tf.memory().numTensors, optimizer.iterations]).toEqual([tensors, 0]);
    await useBackend("cpu");
    optimizer.applyGradients({ [v.name]: gradient });
    expect([...valuesOf(v)]).not.toEqual([1, 2]);
  });

  test("is stepped through copies, to the same bits", async () => {
    await use("another");
    const pair = rmsprop("", { learningRate: 0.1, momentum: 0.5 });
    const run = (optimizer: tf.Optimizer) => {
      const values = Float32Array.of(1, 2, 3);
      const v = tf.tidy(() => tf.variable(tf.tensor1d(values)));
      step(optimizer, v, [1, 2, 3]);
      const [held, array] = [v.clone(), v.dataSync() as Float32Array];
      tensors = tf.memory().numTensors;
      for (let i = 1; i < 9; i++) step(optimizer, v, [i, -1, 0.5]);
      expect(tf.memory().numTensors).toBe(tensors);
      expect([...values]).toEqual([1, 2, 3]);
      expect(differing(array, valuesOf(held))).toBe(0);
      return valuesOf(v);
    };
    const expected = run(pair.builtin());
    for (const write of ["auto", "replace", "inPlace"] as const) {
      expect(differing(run(pair.ours({ write })), expected)).toBe(0);
    }
  });
});

describe.each(modes)("errors on %s, write: %s", (backend, write) => {
  test.each<[string, string, (optimizer: TfOptimizer, v: tf.Variable) => void]>([
    [
      "an unknown name",
      "ERR_NAME",
      (o, v) =>
        o.applyGradients([
          { name: v.name, tensor: v },
          { name: "x", tensor: v },
        ]),
    ],
    ["two gradients for one", "ERR_NAME", (o, v) => o.applyGradients([v, v].map(({ name }) => ({ name, tensor: v })))],
    [
      "a gradient of another length, after an int32 one",
      "ERR_LENGTH",
      (o, v) => {
        const b = tf.tidy(() => tf.variable(tf.zeros([3])));
        const [whole, long] = [tf.zeros([3], "int32"), tf.zeros([3])];
        try {
          o.applyGradients({ [b.name]: whole, [v.name]: long });
        } finally {
          tf.dispose([whole, long]);
        }
      },
    ],
    [
      "a variable of int32",
      "ERR_DTYPE",
      (o) => {
        const whole = tf.tidy(() => tf.variable(tf.zeros([2], "int32")));
        apply(o, { [whole.name]: [0, 0] });
      },
    ],
    [
      "a learning rate that throws",
      "RangeError",
      (o, v) => {
        o.learningRate = () => {
          throw new RangeError("no rate");
        };
        apply(o, { [v.name]: [0, 0] });
      },
    ],
  ])("%s: nothing is changed, and no tensor is left", async (_, code, call) => {
    await useBackend(backend);
    const [optimizer, v] = [createRMSProp(tf, { learningRate: 0.5, write }), variable([1, 2])];
    step(optimizer, v, [1, 2]);
    const before = valuesOf(v);
    const { state } = optimizer.stateDict();
    const kept = structuredClone(state[v.name]);
    const known = new Set(Object.keys(tf.engine().registeredVariables));
    tensors = tf.memory().numTensors;
    expect(thrown(() => call(optimizer, v))).toBe(code);
    const others = Object.keys(tf.engine().registeredVariables).filter((name) => !known.has(name));
    expect(tf.memory().numTensors - others.length).toBe(tensors);
    expect(differing(valuesOf(v), before)).toBe(0);
    expect(optimizer.stateDict().state[v.name]).toEqual(kept);
    expect(optimizer.iterations).toBe(1);
    optimizer.dispose();
  });
});
