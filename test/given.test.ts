// The path of rmsprop/tfjs: steps over arrays of which the caller knows what overlaps, whose plan is kept between calls.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { backend, type OptimError, RMSprop } from "../lib/index.ts";
import { stepGiven } from "../lib/optimizer.ts";

const sizes = { a: 5, b: 3, c: 1025, empty: 0 } as const;
type Name = keyof typeof sizes;
const names = Object.keys(sizes) as Name[];

/** An optimizer over placeholders, and data that its calls are given. */
function trained(options: object) {
  const params = names.map((name) => ({ name, data: null, shape: [sizes[name]] }));
  const optimizer = new RMSprop([{ params: params.slice(0, 2) }, { params: params.slice(2), lr: 0.02 }], options);
  const data = Object.fromEntries(names.map((name) => [name, new Float32Array(sizes[name]).fill(1)]));
  return { optimizer, data: data as Record<Name, Float32Array> };
}
type Trained = ReturnType<typeof trained>;

const gradientOf = (name: Name, call: number) =>
  Float32Array.from({ length: sizes[name] }, (_, i) => Math.sin(1 + i + 7 * call) * (call === 3 ? Number.NaN : 1));

type Call = (given: Trained, names: readonly Name[], call: number) => void;

const byGiven: Call = ({ optimizer, data }, names, call) => {
  const arrays = names.map((name) => ({ name, data: data[name], grad: gradientOf(name, call), out: data[name] }));
  expect(stepGiven(optimizer, arrays)).toBe(optimizer.lastStep?.applied);
};

const byStep: Call = ({ optimizer, data }, names, call) =>
  optimizer.step(Object.fromEntries(names.map((name) => [name, { data: data[name], grad: gradientOf(name, call) }])));

/** What happens between calls, and which parameters a call names. */
const histories: Readonly<Record<string, (given: Trained, step: Call) => void>> = {
  "the same parameters": (given, step) => {
    for (let call = 0; call < 6; call++) step(given, names, call);
  },
  "others in turn": (given, step) => {
    for (let call = 0; call < 8; call++) step(given, call % 3 === 0 ? names : ["c", "a"], call);
  },
  "another order": (given, step) => {
    for (let call = 0; call < 6; call++) step(given, call % 2 ? [...names].reverse() : names, call);
  },
  "none, and all again": (given, step) => {
    for (let call = 0; call < 4; call++) step(given, call === 2 ? [] : names, call);
  },
  "steps by the public way between": (given, step) => {
    for (let call = 0; call < 8; call++) (call % 3 === 1 ? byStep : step)(given, call % 4 === 1 ? ["a"] : names, call);
  },
  "options that are set": (given, step) => {
    const [first] = given.optimizer.paramGroups;
    for (let call = 0; call < 9; call++) {
      if (call === 2 && first) first.lr = 0.5;
      if (call === 4 && first) first.momentum = 0.9;
      if (call === 6 && first) first.clipNorm = 0.1;
      step(given, names, call);
    }
  },
  "a state that is loaded": (given, step) => {
    step(given, names, 0);
    const state = given.optimizer.stateDict();
    for (let call = 1; call < 3; call++) step(given, names, call);
    given.optimizer.loadStateDict(state);
    for (let call = 1; call < 3; call++) step(given, names, call);
    given.optimizer.loadStateDict({ ...state, state: { ...state.state, a: { ...state.state.a, step: 41 } as never } });
    step(given, names, 4);
  },
  "parameters that go and come": (given, step) => {
    step(given, names, 0);
    given.optimizer.remove("a");
    step(given, ["b", "c"], 1);
    given.optimizer.addParamGroup({ params: [{ name: "a", data: null, shape: [sizes.a] }] });
    for (let call = 2; call < 4; call++) step(given, names, call);
  },
  "frozen parameters": (given, step) => {
    step(given, names, 0);
    given.optimizer.freeze("b");
    step(given, names, 1);
    given.optimizer.unfreeze("b");
    step(given, names, 2);
  },
};

const optionSets = [
  { lr: 0.1 },
  { lr: (step: number) => 0.1 / step, biasCorrection: true, centered: true },
  { lr: 0.1, skipNonFinite: true, clipGlobalNorm: 1, ema: { decay: 0.9 } },
  { lr: 0.1, gradientAccumulationSteps: 2, diagnostics: ["updateNorm"] },
] as const;

const bytesOf = (array: Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("hex");

/** All that a history has left. */
const leftBy = ({ optimizer, data }: Trained) => ({
  data: names.map((name) => bytesOf(data[name])),
  state: JSON.stringify(optimizer.stateDict(), (_, value) => (value instanceof Float32Array ? bytesOf(value) : value)),
  last: optimizer.lastStep,
});

for (const [history, run] of Object.entries(histories)) {
  test.each(optionSets)(`${history}: the bits of the public way, %j`, (options) => {
    const [given, named] = [trained(options), trained(options)];
    run(given, byGiven);
    run(named, byStep);
    expect(leftBy(given)).toEqual(leftBy(named));
  });
}

test("refused arrays change nothing, and the kept plan goes on", () => {
  const [given, named] = [trained({ lr: 0.1 }), trained({ lr: 0.1 })];
  const { optimizer, data } = given;
  byGiven(given, names, 0);
  const whole = { name: "a", data: data.a, grad: gradientOf("a", 1), out: data.a };
  const gone = new Float32Array(sizes.a);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  const refused = [
    [{ ...whole, name: "x" }, "ERR_NAME"],
    [{ ...whole, grad: new Float64Array(sizes.a) }, "ERR_DTYPE"],
    [{ ...whole, grad: new Float32Array(4) }, "ERR_LENGTH"],
    [{ ...whole, out: new Float32Array(6) }, "ERR_LENGTH"],
    [{ ...whole, data: gone }, "ERR_DETACHED"],
  ] as const;
  for (const [arrays, code] of refused) {
    const others = [{ name: "b", data: data.b, grad: gradientOf("b", 1), out: data.b }, arrays];
    let found: unknown;
    try {
      stepGiven(optimizer, others);
    } catch (error) {
      found = error;
    }
    expect((found as OptimError).code).toBe(code);
  }
  byStep(named, names, 0);
  for (const [each, step] of [
    [given, byGiven],
    [named, byStep],
  ] as const)
    step(each, names, 1);
  expect(leftBy(given)).toEqual(leftBy(named));
});

test("arrays are let go of after the call, whether it was taken or refused", async () => {
  const optimizer = new RMSprop([{ name: "w", data: null, shape: [4] }], { lr: 0.1 });
  const seen: WeakRef<object>[] = [];
  const step = (length: number) => {
    const [data, grad] = [new Float32Array(4), new Float32Array(length)];
    seen.push(new WeakRef(data.buffer), new WeakRef(grad.buffer));
    stepGiven(optimizer, [{ name: "w", data, grad, out: data }]);
  };
  step(4);
  expect(() => step(3)).toThrow("to have 4 elements");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  // The other backends keep the arrays of the last step, which they may be told to take again.
  const expected = backend.name === "native" ? seen : seen.slice(2);
  expect(expected.filter((each) => each.deref())).toEqual([]);
});
