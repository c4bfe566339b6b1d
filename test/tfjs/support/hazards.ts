// What could go wrong where a step writes variables by another way than TensorFlow.js's: programs, and what each gives.
import { type Pair, rmsprop } from "./optimizers.ts";
import { differing, tf, useBackend, valuesOf } from "./tensorflow.ts";

/** Makes an optimizer, TensorFlow.js's or ours; of itself momentum 0.5 with learning rate 0.5. */
export type Make = (pair?: Pair) => tf.Optimizer;

/** Ways in which a step is tried. */
export const ways = {
  "cpu, replace": { backend: "cpu", write: "replace" },
  "cpu, in place": { backend: "cpu", write: "inPlace" },
  "wasm, in place": { backend: "wasm", write: "auto" },
  "wasm, replace": { backend: "wasm", write: "replace" },
} as const;
export type Way = keyof typeof ways;

/** Results: plain values, or the code or class of what is thrown. */
export interface Hazard {
  readonly title: string;
  readonly run: (make: Make, backend: "cpu" | "wasm") => unknown;
  /** What TensorFlow.js's own gives, exactly. */
  readonly builtin: unknown;
  /** What ours gives; as TensorFlow.js's where it is left out. */
  readonly ours?: unknown;
  /** What ours gives in place on cpu, where that is another thing. */
  readonly inPlaceOnCpu?: unknown;
}

/** A variable whose initial tensor is gone. */
export const variable = (values: readonly number[], name?: string): tf.Variable =>
  tf.tidy(() => tf.variable(tf.tensor1d([...values]), true, name));

const list = (tensor: tf.Tensor) => [...valuesOf(tensor)];

/** Steps variables by the same gradients, [1, 2, …] each, some times over. */
function step(optimizer: tf.Optimizer, variables: readonly tf.Variable[], times = 1): void {
  const gradients = variables.map(({ name, size }) => {
    return { name, tensor: tf.tensor1d(Array.from({ length: size }, (_, k) => k + 1)) };
  });
  try {
    for (let i = 0; i < times; i++) optimizer.applyGradients(gradients);
  } finally {
    for (const { tensor } of gradients) tensor.dispose();
  }
}

/** What a call throws: a code of ours, or the name of another error. */
export function thrown(call: () => void): string {
  try {
    call();
  } catch (error) {
    const { code, name } = error as { readonly code?: string; readonly name: string };
    return code ?? name;
  }
  return "nothing";
}

/** [1, 2] after 1, 2 and 3 steps. */
const [once, twice, thrice] = [
  [0.5, 1],
  [-0.25, -0.5],
  [-1.125, -2.25],
];

const held = (title: string, hold: (v: tf.Variable) => tf.Tensor): Hazard => ({
  title: `${title}, held over a step`,
  run: (make) => {
    const [v, optimizer] = [variable([1, 2]), make()];
    step(optimizer, [v]);
    const tensor = hold(v);
    step(optimizer, [v]);
    const before = list(tensor);
    step(optimizer, [v]);
    return [before, list(tensor), list(v)];
  },
  builtin: [once, once, thrice],
});

/** Somebody else has a variable's memory. */
const sharing: readonly Hazard[] = [
  {
    title: "an array that dataSync() gave before the first step, the initial tensor still there",
    run: (make) => {
      const initial = tf.tensor1d([1, 2]);
      const v = tf.variable(initial);
      const array = v.dataSync();
      step(make(), [v]);
      return [[...array], list(initial), list(v)];
    },
    builtin: [[1, 2], [1, 2], once],
  },
  {
    title: "an array that data() gave before the first step, the initial tensor still there",
    run: async (make) => {
      const initial = tf.tensor1d([1, 2]);
      const v = tf.variable(initial);
      const array = await v.data();
      step(make(), [v]);
      return [[...array], list(initial), list(v)];
    },
    builtin: [[1, 2], [1, 2], once],
  },
  {
    title: "an array that dataSync() gave after a step",
    run: (make) => {
      const [v, optimizer] = [variable([1, 2]), make()];
      step(optimizer, [v]);
      const array = v.dataSync();
      step(optimizer, [v]);
      return [[...array], list(v)];
    },
    builtin: [once, twice],
    inPlaceOnCpu: [twice, twice],
  },
  held("a clone", (v) => v.clone()),
  held("a reshaped tensor", (v) => tf.reshape(v, [2, 1])),
  held("an identity", (v) => tf.cast(v, "float32")),
  {
    title: "an array that a variable was made from",
    run: (make) => {
      const array = Float32Array.of(1, 2);
      const v = tf.tidy(() => tf.variable(tf.tensor1d(array)));
      step(make(), [v]);
      return [[...array], list(v)];
    },
    builtin: [[1, 2], once],
    inPlaceOnCpu: [once, once],
  },
  {
    title: "an array that two variables were made from, one of them trained",
    run: (make) => {
      const array = Float32Array.of(1, 2);
      const [a, b] = tf.tidy(() => [tf.variable(tf.tensor1d(array)), tf.variable(tf.tensor1d(array))]);
      step(make(), [a as tf.Variable]);
      return [list(a as tf.Variable), list(b as tf.Variable)];
    },
    builtin: [once, [1, 2]],
    inPlaceOnCpu: [once, once],
  },
  {
    title: "an array that two variables were made from, both trained",
    run: (make) => {
      const array = Float32Array.of(1, 2);
      const [a, b] = tf.tidy(() => [tf.variable(tf.tensor1d(array)), tf.variable(tf.tensor1d(array))]);
      const error = thrown(() => step(make(), [a as tf.Variable, b as tf.Variable]));
      return [error, list(a as tf.Variable), list(b as tf.Variable)];
    },
    builtin: ["nothing", once, once],
    inPlaceOnCpu: ["ERR_ALIASED", [1, 2], [1, 2]],
  },
  {
    title: "a variable that was assigned from the one that is trained",
    run: (make) => {
      const [online, target, optimizer] = [variable([1, 2]), variable([0, 0]), make()];
      const seen: number[][] = [];
      for (let i = 0; i < 2; i++) {
        target.assign(online);
        step(optimizer, [online]);
        seen.push(list(target), list(online));
      }
      return seen;
    },
    builtin: [[1, 2], once, once, twice],
  },
  {
    title: "two variables with one tensor, both trained",
    run: (make) => {
      const [a, b, optimizer] = [variable([1, 2]), variable([0, 0]), make()];
      b.assign(a);
      step(optimizer, [a, b]);
      const first = [list(a), list(b)];
      step(optimizer, [a, b]);
      return [...first, list(a), list(b)];
    },
    builtin: [once, once, twice, twice],
  },
  {
    title: "an array that a variable and its gradient were made from",
    run: (make) => {
      const array = Float32Array.of(1, 2);
      const v = tf.tidy(() => tf.variable(tf.tensor1d(array)));
      const optimizer = make();
      const error = thrown(() => optimizer.applyGradients({ [v.name]: tf.tensor1d(array) }));
      return [error, list(v), [...array]];
    },
    builtin: ["nothing", once, [1, 2]],
    inPlaceOnCpu: ["ERR_ALIASED", [1, 2], [1, 2]],
  },
  {
    title: "a tensor that was assigned in the middle and is kept",
    run: (make) => {
      const [v, optimizer] = [variable([0, 0]), make()];
      step(optimizer, [v]);
      const tensor = tf.tensor1d([1, 2]);
      v.assign(tensor);
      step(optimizer, [v]);
      return [list(tensor), list(v)];
    },
    builtin: [[1, 2], twice.map((value, i) => value - (once[i] as number) + i + 1)],
  },
  {
    title: "weights that a model listed before, which are its variables",
    run: (make) => {
      const model = tf.sequential({
        layers: [tf.layers.dense({ units: 1, useBias: false, kernelInitializer: "ones", inputShape: [2] })],
      });
      const [kernel] = model.getWeights() as tf.Variable[];
      const gradient = tf.tensor2d([1, 2], [2, 1]);
      make().applyGradients([{ name: (kernel as tf.Variable).name, tensor: gradient }]);
      return [list(kernel as tf.Variable), list(model.getWeights()[0] as tf.Tensor)];
    },
    builtin: [
      [0.5, 0],
      [0.5, 0],
    ],
  },
  {
    title: "a float32 tensor that was cast from int32, whose array is no Float32Array",
    run: (make) => {
      const v = tf.tidy(() => tf.variable(tf.cast(tf.tensor1d([1, 2], "int32"), "float32")));
      const optimizer = make();
      step(optimizer, [v]);
      const first = list(v);
      step(optimizer, [v]);
      return [first, list(v)];
    },
    builtin: [once, twice],
  },
];

/** Gradients that are something else too. */
const gradients: readonly Hazard[] = [
  ...[
    { title: "the variable itself is its gradient", of: (v: tf.Variable): tf.Tensor => v },
    { title: "the variable's clone is its gradient", of: (v: tf.Variable) => v.clone() },
  ].map(
    ({ title, of }): Hazard => ({
      title,
      run: (make) => {
        const [v, optimizer] = [variable([1, 2]), make()];
        optimizer.applyGradients({ [v.name]: of(v) });
        const first = list(v);
        optimizer.applyGradients({ [v.name]: of(v) });
        return [first, list(v)];
      },
      builtin: [once, [0, 0]],
    }),
  ),
  {
    title: "each of two variables is the other's gradient",
    run: (make) => {
      const [a, b] = [variable([1]), variable([2])];
      make().applyGradients({ [a.name]: b, [b.name]: a });
      return [list(a), list(b)];
    },
    builtin: [[0], [2]], // the second sees the first's new value
    ours: [[0], [1.5]],
  },
  {
    title: "one tensor is the gradient of two",
    run: (make) => {
      const [a, b, gradient] = [variable([1, 2]), variable([3, 5]), tf.tensor1d([1, 2])];
      make().applyGradients({ [a.name]: gradient, [b.name]: gradient });
      return [list(a), list(b), list(gradient)];
    },
    builtin: [once, [2.5, 4], [1, 2]],
  },
  {
    title: "a gradient of another shape, which broadcasts",
    run: (make) => {
      const [v, optimizer, gradient] = [variable([1, 2]), make(), tf.tensor1d([4])];
      optimizer.applyGradients({ [v.name]: gradient });
      const [first, before] = [list(v), tf.memory().numTensors];
      optimizer.applyGradients({ [v.name]: gradient });
      return [first, list(v), tf.memory().numTensors - before];
    },
    builtin: [[-1, 0], [-4, -3], 0],
  },
  {
    title: "a gradient of int32",
    run: (make) => {
      const [v, optimizer, gradient] = [variable([1, 2]), make(), tf.tensor1d([1, 2], "int32")];
      optimizer.applyGradients({ [v.name]: gradient });
      const [first, before] = [list(v), tf.memory().numTensors];
      optimizer.applyGradients({ [v.name]: gradient });
      return [first, list(v), tf.memory().numTensors - before];
    },
    builtin: [once, twice, 0],
  },
  {
    title: "a gradient that does not fit, after one that does",
    run: (make) => {
      const [a, b] = [variable([1, 2]), variable([3, 4, 5])];
      const tensors = { [a.name]: tf.tensor1d([1, 2]), [b.name]: tf.tensor1d([1, 2]) };
      const optimizer = make();
      const before = tf.memory().numTensors;
      const error = thrown(() => optimizer.applyGradients(tensors));
      // TensorFlow.js has made a slot for each of the two.
      return [error, list(a), list(b), tf.memory().numTensors - before];
    },
    builtin: ["Error", once, [3, 4, 5], 2],
    ours: ["ERR_LENGTH", [1, 2], [3, 4, 5], 0],
  },
  {
    title: "a gradient by a name that no variable has",
    run: (make) => {
      const v = variable([1, 2]);
      const error = thrown(() =>
        make().applyGradients([...[v.name, "none"].map((name) => ({ name, tensor: tf.ones([2]) }))]),
      );
      return [error, list(v)];
    },
    builtin: ["Error", [0.5, 1.5]],
    ours: ["ERR_NAME", [1, 2]],
  },
  {
    title: "two gradients for one variable",
    run: (make) => {
      const v = variable([1, 2]);
      const error = thrown(() => step(make(), [v, v]));
      return [error, list(v)];
    },
    builtin: ["nothing", [0, 0]],
    ours: ["ERR_NAME", [1, 2]],
  },
];

/** Which variables come, and in which order. */
const coming: readonly Hazard[] = [
  {
    title: "variables in another order, of other shapes",
    run: (make) => {
      const [a, b, optimizer] = [variable([1, 2]), variable([1, 2, 3]), make()];
      step(optimizer, [a, b]);
      return [thrown(() => step(optimizer, [b, a])), list(a), list(b)];
    },
    builtin: ["Error", once, [0.5, 1, 1.5]],
    ours: ["nothing", twice, [-0.25, -0.5, -0.75]],
  },
  {
    title: "variables in another order, of one shape",
    run: (make) => {
      const [a, b, optimizer] = [variable([1, 2]), variable([1, 2]), make()];
      const gradients = [
        { name: a.name, tensor: tf.tensor1d([1, 2]) },
        { name: b.name, tensor: tf.tensor1d([8, 8]) },
      ];
      optimizer.applyGradients(gradients);
      optimizer.applyGradients(gradients.toReversed());
      return [list(a), list(b)];
    },
    builtin: [
      [-2, -2],
      [-7.25, -6.5],
    ], // each takes the other's momentum
    ours: [twice, [-9, -8]],
  },
  {
    title: "some of the variables",
    run: (make) => {
      const [a, b, optimizer] = [variable([1, 2]), variable([1, 2]), make()];
      optimizer.applyGradients({ [a.name]: tf.tensor1d([8, 8]), [b.name]: tf.tensor1d([1, 2]) });
      step(optimizer, [b]);
      return [list(a), list(b)];
    },
    builtin: [
      [-3, -2],
      [-2, -2],
    ], // the second takes the first's momentum
    ours: [[-3, -2], twice],
  },
  {
    title: "a variable that comes later",
    run: (make) => {
      const [a, b, optimizer] = [variable([1, 2]), variable([1, 2]), make()];
      step(optimizer, [a]);
      step(optimizer, [a, b]);
      return [list(a), list(b), optimizer.iterations];
    },
    builtin: [twice, once, 2],
  },
  {
    title: "null for a gradient",
    run: async (make) => {
      const [a, b, optimizer] = [variable([1, 2]), variable([1, 2]), make()];
      const one = tf.tensor1d([1, 2]);
      optimizer.applyGradients({ [a.name]: one, [b.name]: null as never });
      optimizer.applyGradients([
        { name: a.name, tensor: null as never },
        { name: b.name, tensor: one },
      ] as never);
      // It has weights for both, in this order.
      const weights = (await optimizer.getWeights()).slice(1).map(({ tensor }) => list(tensor as tf.Tensor));
      return [list(a), list(b), weights];
    },
    builtin: [
      once,
      once,
      [
        [1, 2],
        [1, 2],
      ],
    ],
  },
  {
    title: "null for the gradient of a variable of int32",
    run: (make) => {
      const [v, optimizer] = [variable([1, 2]), make()];
      const whole = tf.tidy(() => tf.variable(tf.tensor1d([1, 2], "int32")));
      optimizer.applyGradients([
        { name: whole.name, tensor: null as never },
        { name: v.name, tensor: tf.tensor1d([1, 2]) },
      ] as never);
      return [list(v), list(whole)];
    },
    builtin: [once, [1, 2]],
  },
  {
    title: "no gradient at all",
    run: (make) => {
      const [v, optimizer] = [variable([1, 2]), make()];
      optimizer.applyGradients({});
      optimizer.applyGradients([] as never);
      return [list(v), optimizer.iterations];
    },
    builtin: [[1, 2], 2],
  },
  {
    title: "a scalar and a variable without elements",
    run: (make) => {
      const [a, b] = tf.tidy(() => [tf.variable(tf.scalar(1)), tf.variable(tf.zeros([0, 3]))]) as [
        tf.Variable,
        tf.Variable,
      ];
      const optimizer = make();
      for (let i = 0; i < 2; i++) optimizer.applyGradients({ [a.name]: tf.scalar(1), [b.name]: tf.zeros([0, 3]) });
      return [list(a), a.shape, list(b), b.shape];
    },
    builtin: [[-0.25], [], [], [0, 3]],
  },
  {
    title: "a variable that was disposed, and another of its name and of another shape",
    run: (make) => {
      const optimizer = make();
      const first = variable([1, 2], "again");
      step(optimizer, [first]);
      first.dispose();
      const second = variable([1, 2, 3], "again");
      const error = thrown(() => step(optimizer, [second], 2));
      return [error, list(second)];
    },
    builtin: ["Error", [1, 2, 3]],
    ours: ["nothing", [-0.25, -0.5, -0.75]],
  },
  {
    title: "disposeVariables(), and variables of the same names",
    run: (make) => {
      const optimizer = make();
      step(optimizer, [variable([1, 2], "again")], 2);
      tf.disposeVariables();
      const second = variable([1, 2], "again");
      return [thrown(() => step(optimizer, [second])), list(second)];
    },
    builtin: ["TypeError", [1, 2]],
    ours: ["nothing", once],
  },
];

/** Where and when steps are taken. */
const surroundings: readonly Hazard[] = [
  {
    title: "tidy() around a step",
    run: (make) => {
      const [v, optimizer] = [variable([1, 2]), make()];
      step(optimizer, [v]);
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        optimizer.minimize(() => tf.sum(tf.mul(v, tf.tensor1d([1, 2]))) as tf.Scalar, true);
      });
      return [list(v), tf.memory().numTensors - before];
    },
    builtin: [twice, 0],
  },
  {
    title: "an optimizer that is made inside tidy(), and takes its first step there",
    run: (make) => {
      const pair = rmsprop("RMSProp with momentum", { learningRate: 0.5, momentum: 0.5 });
      const [v, same] = [variable([1, 2]), variable([1, 2])];
      const [optimizer] = tf.tidy(() => {
        const inside = make(pair);
        step(inside, [v]);
        return [inside as never];
      });
      step(optimizer, [v]);
      step(make(pair), [same], 2);
      return differing(valuesOf(v), valuesOf(same));
    },
    builtin: 0,
  },
  {
    title: "two optimizers on one variable",
    run: (make) => {
      const [v, a, b] = [variable([1, 2]), make(), make()];
      step(a, [v]);
      step(b, [v]);
      step(a, [v]);
      return list(v);
    },
    builtin: [-0.75, -1.5],
  },
  {
    title: "a learning rate that is set in the middle",
    run: (make) => {
      const [v, optimizer] = [variable([1, 2]), make()];
      step(optimizer, [v]);
      (optimizer as tf.SGDOptimizer).setLearningRate(0.25);
      step(optimizer, [v]);
      return list(v);
    },
    builtin: [0.125, 0.25],
  },
  {
    title: "a step while the memory grew since the last",
    run: (make) => {
      const [v, optimizer] = [variable([1, 2]), make()];
      step(optimizer, [v]);
      const before = heapBytes();
      for (let i = 0; heapBytes() === before && before > 0; i++) tf.fill([2 ** 20], i);
      step(optimizer, [v]);
      return list(v);
    },
    builtin: twice,
  },
  {
    title: "another backend in the middle, and back",
    run: async (make, backend) => {
      const [v, optimizer] = [variable([1, 2]), make()];
      step(optimizer, [v]);
      await useBackend(backend === "cpu" ? "wasm" : "cpu");
      step(optimizer, [v]);
      const second = list(v);
      await useBackend(backend);
      step(optimizer, [v]);
      return [second, list(v)];
    },
    builtin: [twice, thrice],
  },
];

/** The bytes of the wasm backend's memory; 0 on another. */
export function heapBytes(): number {
  const { wasm } = tf.backend() as unknown as { readonly wasm?: { readonly HEAPU8: Uint8Array } };
  return wasm?.HEAPU8.buffer.byteLength ?? 0;
}

export const hazards: readonly Hazard[] = [...sharing, ...gradients, ...coming, ...surroundings];
