// States of other systems' layouts, both ways: against layouts written out by hand, and by going on after a way there and back.
import { describe, expect, test } from "vitest";
import { fromKeras, fromTfjs, fromTorch, toKeras, toTfjs, toTorch, type Weights } from "../../lib/checkpoint/index.ts";
import { RMSprop, type RMSpropOptions, type StateDict } from "../../lib/index.ts";
import { asLists, bitsOf, expectRefusal, parameter, thrownBy, train } from "../support/arrays.ts";

const f32 = (...values: number[]) => Float32Array.from(values);
const f64 = (...values: number[]) => Float64Array.from(values);

/** A state of two groups, its options only those that matter here. */
const rmsprop: StateDict = {
  rule: "rmsprop",
  paramGroups: [
    {
      lr: 0.01,
      alpha: 0.9,
      eps: 1e-7,
      epsInSqrt: false,
      momentum: 0.5,
      lrInMomentum: false,
      centered: true,
      weightDecay: 0.1,
      maximize: false,
      params: ["w", "b"],
    },
    {
      lr: 0.01,
      alpha: 0.9,
      eps: 1e-7,
      epsInSqrt: false,
      momentum: 0.5,
      lrInMomentum: false,
      centered: true,
      weightDecay: 0,
      maximize: true,
      params: ["10"],
    },
  ],
  state: {
    w: { step: 3, squareAvg: f32(1, 2), gradAvg: f32(3, 4), momentumBuffer: f32(5, 6) },
    b: { step: 3, squareAvg: f64(0.1), gradAvg: f64(0.2), momentumBuffer: f64(0.3) },
    "10": { step: 3, squareAvg: f32(7), gradAvg: f32(8), momentumBuffer: f32(9) },
  },
};

/** The same with other options in all groups. */
const withOptions = (state: StateDict, options: object): StateDict => ({
  ...state,
  paramGroups: state.paramGroups.map((group) => ({ ...group, ...options })),
});

const sgd: StateDict = {
  rule: "sgd",
  paramGroups: [
    {
      lr: 0.1,
      momentum: 0.9,
      dampening: 0,
      nesterov: true,
      weightDecay: 0,
      decoupledWeightDecay: false,
      maximize: false,
      preset: null,
      params: ["w", "b"],
    },
  ],
  state: { w: { step: 4, momentumBuffer: f32(1, -2) }, b: { step: 4, momentumBuffer: f32(0) } },
};

const adagrad: StateDict = {
  rule: "adagrad",
  paramGroups: [
    {
      lr: 0.1,
      lrDecay: 0.5,
      eps: 1e-10,
      epsInSqrt: false,
      initialAccumulator: 0.1,
      weightDecay: 0,
      maximize: false,
      preset: "torch",
      params: ["w"],
    },
  ],
  state: { w: { step: 2, sum: f32(1, 2) } },
};

const rprop: StateDict = {
  rule: "rprop",
  paramGroups: [{ lr: 0.1, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false, params: ["w"] }],
  state: { w: { step: 2, prev: f32(1, 2), stepSize: f32(3, 4) } },
};

describe("PyTorch", () => {
  test("RMSprop's state is laid out by index over all groups", () => {
    expect(toTorch(rmsprop)).toEqual({
      state: {
        0: { step: 3, square_avg: f32(1, 2), grad_avg: f32(3, 4), momentum_buffer: f32(5, 6) },
        1: { step: 3, square_avg: f64(0.1), grad_avg: f64(0.2), momentum_buffer: f64(0.3) },
        2: { step: 3, square_avg: f32(7), grad_avg: f32(8), momentum_buffer: f32(9) },
      },
      param_groups: [
        {
          lr: 0.01,
          alpha: 0.9,
          eps: 1e-7,
          momentum: 0.5,
          centered: true,
          weight_decay: 0.1,
          maximize: false,
          foreach: null,
          differentiable: false,
          capturable: false,
          params: [0, 1],
        },
        {
          lr: 0.01,
          alpha: 0.9,
          eps: 1e-7,
          momentum: 0.5,
          centered: true,
          weight_decay: 0,
          maximize: true,
          foreach: null,
          differentiable: false,
          capturable: false,
          params: [2],
        },
      ],
    });
  });

  test("SGD's, Adagrad's and Rprop's", () => {
    expect(toTorch(sgd)).toEqual({
      state: { 0: { momentum_buffer: f32(1, -2) }, 1: { momentum_buffer: f32(0) } },
      param_groups: [
        {
          lr: 0.1,
          momentum: 0.9,
          dampening: 0,
          nesterov: true,
          weight_decay: 0,
          maximize: false,
          foreach: null,
          differentiable: false,
          fused: null,
          params: [0, 1],
        },
      ],
    });
    expect(toTorch(adagrad)).toEqual({
      state: { 0: { step: 2, sum: f32(1, 2) } },
      param_groups: [
        {
          lr: 0.1,
          lr_decay: 0.5,
          eps: 1e-10,
          initial_accumulator_value: 0.1,
          weight_decay: 0,
          maximize: false,
          foreach: null,
          differentiable: false,
          fused: null,
          params: [0],
        },
      ],
    });
    expect(toTorch(rprop)).toEqual({
      state: { 0: { step: 2, prev: f32(1, 2), step_size: f32(3, 4) } },
      param_groups: [
        {
          lr: 0.1,
          etas: [0.5, 1.2],
          step_sizes: [1e-6, 50],
          maximize: false,
          foreach: null,
          differentiable: false,
          capturable: false,
          params: [0],
        },
      ],
    });
  });

  test.each([
    ["rmsprop", rmsprop],
    ["adagrad", adagrad],
    ["rprop", rprop],
  ] as const)("%s comes back as it was", (_, state) => {
    expect(fromTorch(toTorch(state), state)).toEqual(state);
    expect(fromTorch(asLists(toTorch(state)), state)).toEqual(state);
  });

  test("SGD comes back but for its steps, which PyTorch does not count", () => {
    const steps = (step: number) => ({ ...sgd, state: { w: { ...sgd.state.w, step }, b: { ...sgd.state.b, step } } });
    expect(fromTorch(toTorch(sgd), sgd)).toEqual(steps(1));
    expect(fromTorch(toTorch(sgd), sgd, { step: 4 })).toEqual(sgd);
    const fresh = {
      ...sgd,
      state: { w: { step: 0, momentumBuffer: f32(0, 0) }, b: { step: 0, momentumBuffer: f32(0) } },
    };
    const without = { state: { 0: { momentum_buffer: null as never } }, param_groups: toTorch(sgd).param_groups };
    expect(fromTorch(without, fresh).state).toEqual({ w: { step: 0 }, b: fresh.state.b });
  });

  test("takes what PyTorch's tensors become: numbers, arrays of one, nested lists; and parameters that took no step", () => {
    const like = withOptions({ ...rmsprop, state: { ...rmsprop.state, b: { step: 0, squareAvg: f64(0) } } }, { lr: 1 });
    const torch = {
      state: {
        0: { step: f32(7), square_avg: [[1], [2]], grad_avg: [3, 4], momentum_buffer: f64(5, 6) },
        2: { step: 9, square_avg: [7], grad_avg: [8], momentum_buffer: [9] },
      },
      param_groups: [
        { lr: f64(0.25), momentum: 0.75, initial_lr: 3, params: [0, 1] },
        { lr: 0.5, momentum: 0.75, params: [2] },
      ],
    };
    const state = fromTorch(torch, like);
    expect(state.state).toEqual({
      w: { step: 7, squareAvg: f32(1, 2), gradAvg: f32(3, 4), momentumBuffer: f32(5, 6) },
      b: like.state.b,
      "10": { step: 9, squareAvg: f32(7), gradAvg: f32(8), momentumBuffer: f32(9) },
    });
    expect(state.paramGroups.map(({ lr, momentum, alpha }) => [lr, momentum, alpha])).toEqual([
      [0.25, 0.75, 0.9],
      [0.5, 0.75, 0.9],
    ]);
  });

  test("a group whose rate is a function keeps it", () => {
    const { lr: _, ...group } = adagrad.paramGroups[0] as { lr: number; params: string[] };
    const state = fromTorch(toTorch(adagrad), { ...adagrad, paramGroups: [group] });
    expect("lr" in (state.paramGroups[0] as object)).toBe(false);
  });

  const torch = toTorch(rmsprop);
  const group = (index: number, change: object) => ({
    ...torch,
    param_groups: torch.param_groups.map((found, i) => (i === index ? { ...found, ...change } : found)),
  });
  const first = (change: object) => ({ ...torch, state: { ...torch.state, 0: { ...torch.state[0], ...change } } });
  const refused: [string, () => unknown, RegExp][] = [
    ["an unknown rule", () => toTorch({ ...rmsprop, rule: "no such rule" }), /of rmsprop, .*"no such rule"/],
    ["a rule of the prototype", () => toTorch({ ...rmsprop, rule: "constructor" }), /"constructor"/],
    [
      "an option that PyTorch lacks",
      () => toTorch(withOptions(rmsprop, { epsInSqrt: true })),
      /'epsInSqrt' of group 0 to be off.*true/,
    ],
    ["the rate in the buffer", () => toTorch(withOptions(rmsprop, { lrInMomentum: true })), /'lrInMomentum'/],
    [
      "decay that is decoupled",
      () => toTorch(withOptions(rmsprop, { decoupledWeightDecay: true })),
      /'decoupledWeightDecay'/,
    ],
    [
      "a slot that PyTorch lacks",
      () => toTorch({ ...rprop, state: { w: { ...rprop.state.w, step: 1, gains: f32(1, 1) } } }),
      /"w".*'gains'/,
    ],
    [
      "options of the optimizer that PyTorch lacks",
      () => fromTorch(torch, withOptions(rmsprop, { nesterov: true })),
      /'nesterov' of group 0/,
    ],
    [
      "a buffer with the rate in it",
      () => toTorch(withOptions(sgd, { preset: "keras" })),
      /group 0.*preset is "keras"/,
    ],
    ["Rprop of the step before", () => toTorch(withOptions(rprop, { preset: "optax" })), /group 0.*preset is "optax"/],
    ["nothing", () => fromTorch(null as never, rmsprop), /\{ state, param_groups \}.*null/],
    ["no groups", () => fromTorch({ state: {} } as never, rmsprop), /param_groups/],
    [
      "other groups",
      () => fromTorch({ ...torch, param_groups: torch.param_groups.slice(1) }, rmsprop),
      /2 groups.*has 1/,
    ],
    ["other parameters", () => fromTorch(group(0, { params: [0] }), rmsprop), /group 0 to have 2 parameters.*1/],
    ["an unknown option", () => fromTorch(group(1, { amsgrad: false }), rmsprop), /group 1.*'amsgrad'/],
    ["a rate that is text", () => fromTorch(group(0, { lr: "1" }), rmsprop), /lr of group 0.*number.*"1"/],
    ["an unknown slot", () => fromTorch(first({ exp_avg: [1, 2] }), rmsprop), /"w".*'exp_avg'/],
    [
      "an array of other length",
      () => fromTorch(first({ square_avg: [1] }), rmsprop),
      /square_avg of "w" to have 2 elements.*1/,
    ],
    ["an array of text", () => fromTorch(first({ square_avg: ["1", "2"] }), rmsprop), /square_avg of "w".*numbers/],
    [
      "values that would be rounded",
      () => fromTorch(first({ square_avg: [0.1, 1] }), rmsprop),
      /float32 holds, but element 0 is 0\.1/,
    ],
    ["half a step", () => fromTorch(first({ step: 1.5 }), rmsprop), /step of "w".*whole number.*1\.5/],
    ["a parameter without state", () => fromTorch({ ...torch, state: {} }, rmsprop), /one of "w".*3 steps/],
  ];
  test.each(refused)("is refused: %s", (_, convert, message) => {
    expectRefusal(thrownBy(convert), "ERR_STATE", message);
  });
});

const tensorflow = withOptions(rmsprop, { lrInMomentum: true, epsInSqrt: true });
const slotsOf = (names: readonly string[], slot: string, state = tensorflow) =>
  names.map((name) => state.state[name]?.[slot]);
const three = ["w", "b", "10"];

describe("Keras", () => {
  test("lists iterations, learning rate, and slot after slot", () => {
    const all = [
      3,
      0.01,
      ...slotsOf(three, "squareAvg"),
      ...slotsOf(three, "momentumBuffer"),
      ...slotsOf(three, "gradAvg"),
    ];
    expect(toKeras(tensorflow)).toEqual(all);
    const plain = withOptions(tensorflow, { momentum: 0, centered: false });
    expect(toKeras(plain)).toEqual([3, 0.01, ...slotsOf(three, "squareAvg")]);
    const order = ["10", "b", "w"];
    expect(toKeras(plain, order)).toEqual([3, 0.01, ...slotsOf(order, "squareAvg")]);
    expect(toKeras(withOptions(sgd, { preset: "keras" }))).toEqual([4, 0.1, f32(-1, 2), f32(-0)]);
    expect(toKeras(withOptions(sgd, { momentum: 0 }))).toEqual([4, 0.1]);
    expect(toKeras(adagrad)).toEqual([2, 0.1, f32(1, 2)]);
  });

  test.each([
    ["rmsprop", tensorflow],
    ["sgd", withOptions(sgd, { preset: "keras" })],
    ["adagrad", adagrad],
  ] as const)("%s comes back as it was", (_, state) => {
    const blank = Object.fromEntries(Object.entries(state.state).map(([name, slots]) => [name, { ...slots, step: 0 }]));
    const like = { ...withOptions(state, { lr: 9 }), state: blank } as StateDict;
    expect(fromKeras(toKeras(state), like)).toEqual(state);
    expect(fromKeras(asLists(toKeras(state)), like)).toEqual(state);
    const [step, ...rest] = toKeras(state);
    expect(fromKeras([BigInt64Array.of(BigInt(step as number)) as never, ...rest], like)).toEqual(state);
  });

  test("without a learning rate of its own a group keeps its function", () => {
    const groups = tensorflow.paramGroups.map(({ lr: _, ...group }) => group) as StateDict["paramGroups"];
    const like = { ...tensorflow, paramGroups: groups };
    expect(toKeras(like).length).toBe(1 + 9);
    expect(fromKeras(toKeras(like), like)).toEqual(like);
    expect(fromKeras(toKeras(tensorflow), like)).toEqual(like);
  });
});

describe("TensorFlow.js", () => {
  test("lists iterations and slot after slot, momentums always", () => {
    const names = ["b", "w", "10"];
    const all = [3, ...slotsOf(names, "squareAvg"), ...slotsOf(names, "momentumBuffer"), ...slotsOf(names, "gradAvg")];
    expect(toTfjs(tensorflow, names)).toEqual(all);
    const plain: StateDict = {
      ...withOptions(tensorflow, { momentum: 0, centered: false, lrInMomentum: false }),
      state: {
        w: { step: 3, squareAvg: f32(1, 2) },
        b: { step: 3, squareAvg: f64(0.5) },
        "10": { step: 3, squareAvg: f32(4) },
      },
    };
    expect(toTfjs(plain)).toEqual([3, f32(1, 2), f64(0.5), f32(4), f32(0, 0), f64(0), f32(0)]);
    expect(fromTfjs(toTfjs(plain), plain)).toEqual(plain);
    expect(toTfjs(sgd)).toEqual([4, f32(1, -2), f32(0)]);
    expect(toTfjs(adagrad)).toEqual([2, f32(1, 2)]);
  });

  test.each([
    ["rmsprop", tensorflow],
    ["sgd", sgd],
    ["adagrad", adagrad],
  ] as const)("%s comes back as it was", (_, state) => {
    expect(fromTfjs(toTfjs(state), state)).toEqual(state);
    expect(fromTfjs(asLists(toTfjs(state)), state)).toEqual(state);
  });
});

describe("lists of weights are refused", () => {
  const weights = toKeras(tensorflow);
  const uneven = { ...tensorflow, state: { ...tensorflow.state, b: { ...tensorflow.state.b, step: 2 } } } as StateDict;
  const refused: [string, () => unknown, RegExp][] = [
    ["rprop", () => toKeras(rprop), /rmsprop, sgd, adagrad, which Keras has.*"rprop"/],
    ["a buffer without the rate", () => toKeras(rmsprop), /'lrInMomentum'/],
    ["the same, read", () => fromTfjs(toTfjs(tensorflow), rmsprop), /'lrInMomentum'/],
    ["SGD's buffer without the rate", () => toKeras(sgd), /preset "keras"/],
    ["SGD's buffer with it", () => toTfjs(withOptions(sgd, { preset: "keras" })), /another preset/],
    ["steps that differ", () => toTfjs(uneven), /same number of steps.*"w" took 3 and "b" 2/],
    [
      "rates that differ",
      () => toKeras({ ...tensorflow, paramGroups: tensorflow.paramGroups.map((group, i) => ({ ...group, lr: i })) }),
      /one learning rate.*0, 1/,
    ],
    [
      "groups that differ",
      () =>
        toKeras({
          ...tensorflow,
          paramGroups: tensorflow.paramGroups.map((group, i) => ({ ...group, centered: i === 0 })),
        }),
      /same slots/,
    ],
    ["a slot that is not there", () => toKeras({ ...adagrad, state: { w: { step: 1 } } }), /"w" to have 'sum'/],
    [
      "too few",
      () => fromKeras(weights.slice(0, -2), tensorflow),
      /iterations, the learning rate and 9 arrays, but there are 9/,
    ],
    [
      "too many",
      () => fromTfjs([...toTfjs(tensorflow), f32(1)], tensorflow),
      /iterations and 9 arrays, but there are 11/,
    ],
    ["no list", () => fromKeras(undefined as never, tensorflow), /it is undefined/],
    ["iterations that are none", () => fromKeras([-1, ...weights.slice(1)], tensorflow), /iterations.*-1/],
    ["a rate that is none", () => fromKeras([3, "x" as never, ...weights.slice(2)], tensorflow), /learning rate.*"x"/],
    [
      "an array of other length",
      () => fromKeras([3, 0.1, f32(1), ...weights.slice(3)] as Weights, tensorflow),
      /Keras's squareAvg of "w" to have 2.*1/,
    ],
    ["another order", () => toKeras(tensorflow, ["w", "b"]), /order/],
    ["an order with one twice", () => toKeras(tensorflow, ["w", "b", "b"]), /order/],
    ["an order with another", () => fromKeras(weights, tensorflow, ["w", "b", "c"]), /order/],
  ];
  test.each(refused)("%s", (_, convert, message) => {
    expectRefusal(thrownBy(convert), "ERR_STATE", message);
  });
});

test("what surrounds a step stays here: averages and gradients that wait do not travel, and are no hindrance", () => {
  const stages = { gradScale: 0.5, clipValue: 1, clipNorm: 1, clipGlobalNorm: 1, ema: { decay: 0.9 }, zeroGrads: true };
  const options = { ...stages, gradientAccumulationSteps: 2, momentum: 0.9, lrInMomentum: true };
  const make = (given: RMSpropOptions) => {
    const parameters = [parameter("w", 4)];
    const optimizer = new RMSprop(parameters, given);
    train(optimizer, parameters, 5);
    return optimizer.stateDict();
  };
  const state = make(options);
  expect(Object.keys(state.state["w"] as object).sort()).toEqual(
    ["step", "squareAvg", "momentumBuffer", "ema", "averaged", "gradAccumulator", "accumulated"].sort(),
  );
  const theirs = toTorch(make({ ...options, lrInMomentum: false }));
  expect(Object.keys(theirs.state["0"] as object).sort()).toEqual(["momentum_buffer", "square_avg", "step"]);
  for (const weights of [toKeras(state), toTfjs(state)]) {
    expect(weights.filter((weight) => ArrayBuffer.isView(weight)).length).toBe(2);
  }
  const backs: [StateDict, RMSpropOptions][] = [
    [fromTorch(theirs, make({ ...options, lrInMomentum: false })), { ...options, lrInMomentum: false }],
    [fromKeras(toKeras(state), state), options],
    [fromTfjs(toTfjs(state), state), options],
  ];
  for (const [back, given] of backs) {
    const optimizer = new RMSprop([parameter("w", 4)], given);
    optimizer.loadStateDict(back);
    expect(optimizer.state("w")).toMatchObject({ step: 2, squareAvg: state.state["w"]?.["squareAvg"] });
  }
});

describe("a training goes on to the same bits after a way there and back", () => {
  const ways: [string, object, (state: StateDict, like: StateDict) => StateDict][] = [
    ["PyTorch", { momentum: 0.9, centered: true }, (state, like) => fromTorch(asLists(toTorch(state)), like)],
    [
      "Keras",
      { momentum: 0.9, centered: true, lrInMomentum: true, epsInSqrt: true },
      (state, like) => fromKeras(asLists(toKeras(state)), like),
    ],
    ["TensorFlow.js", { lr: 0.1 }, (state, like) => fromTfjs(asLists(toTfjs(state)), like)],
  ];
  test.each(ways)("%s", (_, options, way) => {
    const make = () => [parameter("w", 33), parameter("b", 5, "float64"), parameter("7", 3)];
    const whole = make();
    const optimizer = new RMSprop(whole, options);
    train(optimizer, whole, 5);
    const rest = make();
    for (const [i, { data }] of rest.entries()) data.set(whole[i]?.data as Float32Array);
    const resumed = new RMSprop(rest, options);
    resumed.loadStateDict(way(optimizer.stateDict(), resumed.stateDict()));
    train(optimizer, whole, 5, 6);
    train(resumed, rest, 5, 6);
    expect(rest.map(({ data }) => bitsOf(data))).toEqual(whole.map(({ data }) => bitsOf(data)));
    expect(resumed.stateDict()).toEqual(optimizer.stateDict());
  });
});
