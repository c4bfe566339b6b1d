// Parameters without arrays of their own: what comes with each call is stepped as a parameter's own arrays are, to the bit.
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { saveCheckpoint } from "../lib/checkpoint/index.ts";
import { allocate, type FloatArray, type NumberType, type Parameter, RMSprop, SGD } from "../lib/index.ts";
import { arrayType } from "./support/arena.ts";
import { bitsOf, plain, refuses, values } from "./support/arrays.ts";
import { numberTypes } from "./support/cases.ts";
import { classes, classOf } from "./support/classes.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";
import { temporaryFolder } from "./support/folder.ts";
import { rejects } from "./support/steps.ts";

afterEach(useOwnBackend);

const shapes: Readonly<Record<string, readonly number[]>> = { a: [3, 5], b: [], c: [0], d: [1031] };
const names = Object.keys(shapes);
const sizeOf = (name: string) => (shapes[name] as readonly number[]).reduce((x, y) => x * y, 1);

const placeholders = (dtype: NumberType) =>
  names.map((name) => ({ name, data: null, shape: shapes[name] as readonly number[], dtype }));

const placed = (type: NumberType) =>
  names.map((name, i) => ({ name, data: values(type, sizeOf(name), i), grad: values(type, sizeOf(name), 0) }));

type Call = Record<string, { readonly data: FloatArray; readonly grad: FloatArray }>;

/** Arrays for a call: copies of where parameters are now, in other memory each time, and the gradients of a step. */
function arraysOf(type: NumberType, data: Readonly<Record<string, FloatArray>>, step: number, only = names): Call {
  const entries = only.map((name, i) => [
    name,
    { data: data[name] as FloatArray, grad: values(type, sizeOf(name), 10 * step + i) },
  ]);
  return Object.fromEntries(entries);
}

const optionSets: Readonly<Record<string, object>> = {
  plain: {},
  averages: { ema: { decay: 0.5 } },
  stages: { clipGlobalNorm: 0.5, skipNonFinite: true, weightDecay: 0.1, ema: { decay: 0.9 } },
  accumulated: { gradientAccumulationSteps: 2 },
};

describe.each(Object.keys(everyBackend))("on %s", (backend) => {
  describe.each(Object.keys(classes))("%s", (name) => {
    test.each(Object.keys(optionSets))("leaves the bits of a parameter with arrays: %s", (set) => {
      for (const type of numberTypes) {
        useBackend(everyBackend[backend] as never);
        const own = placed(type);
        const options = { lr: 0.1, ...optionSets[set] };
        const usual = new (classOf(name))(own, options);
        const without = new (classOf(name))(placeholders(type), options);
        let data = Object.fromEntries(own.map(({ name, data }) => [name, data.slice()]));
        for (let step = 1; step <= 5; step++) {
          const only = step === 3 ? names.slice(1) : names;
          const call = arraysOf(type, data, step, only);
          usual.step(Object.fromEntries(Object.entries(call).map(([name, { grad }]) => [name, grad])));
          without.step(call);
          expect(without.lastStep).toEqual(usual.lastStep);
          for (const { name, data: expected } of own) {
            expect(bitsOf(data[name] as FloatArray), `${name} after ${step}`).toEqual(bitsOf(expected));
          }
          data = Object.fromEntries(names.map((name) => [name, (data[name] as FloatArray).slice()])); // elsewhere from now on
        }
        expect(plain(without.stateDict())).toEqual(plain(usual.stateDict()));
      }
    });
  });
});

describe("a step without arrays", () => {
  test("leaves them out, and steps the others", () => {
    const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
    const optimizer = new SGD([w, { name: "p", data: null, shape: [2] }], { lr: 0.5 });
    optimizer.step();
    optimizer.step();
    expect(w.data[0]).toBe(0);
    expect([optimizer.state("w").step, optimizer.state("p").step]).toEqual([2, 0]);
    const alone = new SGD([{ name: "p", data: null, shape: [2] }], { lr: 0.5 });
    alone.step();
    expect(alone.lastStep).toBeUndefined();
  });

  test("a call with a null or without a gradient leaves one out", () => {
    const optimizer = new SGD([{ name: "p", data: null, shape: [2] }]);
    const data = Float32Array.of(1, 2);
    optimizer.step({ p: null });
    optimizer.step({ p: { data } });
    optimizer.step({ p: { data, grad: null } });
    expect(optimizer.state("p").step).toBe(0);
    expect([...data]).toEqual([1, 2]);
  });

  test("frozen ones are left out, and removed ones are unknown", () => {
    const optimizer = new SGD([{ name: "p", data: null, shape: [1] }], { lr: 1 });
    const [data, grad] = [Float32Array.of(1), Float32Array.of(1)];
    optimizer.freeze("p");
    optimizer.step({ p: { data, grad } });
    expect(data[0]).toBe(1);
    optimizer.unfreeze("p");
    optimizer.step({ p: { data, grad } });
    expect(data[0]).toBe(0);
    optimizer.remove("p");
    refuses(() => optimizer.step({ p: { data, grad } }), "ERR_NAME", /none is named 'p'|none is named "p"/, [data]);
  });
});

test("two of them, and others, may be given one array at different calls", () => {
  const optimizer = new SGD(
    [
      { name: "p", data: null, shape: [1] },
      { name: "q", data: null, shape: [1] },
    ],
    { lr: 1 },
  );
  const [data, grad] = [Float32Array.of(5), Float32Array.of(1)];
  optimizer.step({ p: { data, grad } });
  optimizer.step({ q: { data, grad } });
  expect(data[0]).toBe(3);
  refuses(() => optimizer.step({ p: { data, grad }, q: { data, grad } }), "ERR_ALIASED", /the data of 'p'/, [data]);
});

test("stepAsync takes arrays of allocate(), and out", async () => {
  const { params, grads } = allocate({ x: [3], to: [3] });
  const optimizer = new SGD([{ name: "p", data: null, shape: [3] }], { lr: 1 });
  params.x.fill(2);
  grads.x.fill(1);
  await optimizer.stepAsync({ p: { data: params.x, grad: grads.x, out: params.to } });
  expect([...params.x, ...params.to]).toEqual([2, 2, 2, 1, 1, 1]);
});

describe("their state", () => {
  test.each(numberTypes)("goes to a parameter with arrays, and back: %s", (type) => {
    const without = new RMSprop(placeholders(type), { momentum: 0.5 });
    const data = Object.fromEntries(placed(type).map(({ name, data }) => [name, data]));
    for (let step = 1; step <= 2; step++) without.step(arraysOf(type, data, step));
    const usual = new RMSprop(placed(type), { momentum: 0.5 });
    usual.loadStateDict(without.stateDict());
    expect(plain(usual.stateDict())).toEqual(plain(without.stateDict()));
    const again = new RMSprop(placeholders(type));
    again.loadStateDict(usual.stateDict());
    expect(plain(again.stateDict())).toEqual(plain(without.stateDict()));
  });

  test("is asked for and added to while no array is there", () => {
    const model = allocate({ x: [2] });
    const optimizer = new SGD([{ name: "p", data: null, shape: [2] }], { lr: 1, momentum: 0.5 });
    optimizer.step({ p: { data: model.params.x, grad: model.grads.x } });
    model.dispose();
    optimizer.zeroGrad();
    optimizer.addParamGroup({ params: [{ name: "q", data: null, shape: [1] }] });
    expect(Object.keys(optimizer.stateDict().state)).toEqual(["p", "q"]);
    expect(optimizer.paramGroups.map(({ params }) => params)).toEqual([["p"], ["q"]]);
  });

  test("averages and windows that are exchanged or flushed over a parameter's own data are refused", () => {
    const options = { lr: 1, ema: { decay: 0.5 }, gradientAccumulationSteps: 2 };
    const optimizer = new SGD([{ name: "p", data: null, shape: [1] }], options);
    const [data, grad] = [Float32Array.of(1), Float32Array.of(1)];
    for (let call = 0; call < 3; call++) optimizer.step({ p: { data, grad } });
    for (const each of [optimizer, loaded(optimizer, options)]) {
      refuses(() => each.swapEma(), "ERR_STATE", /the average of 'p' to be one of its own data.*state\(\)/, [
        each,
        data,
      ]);
      refuses(() => each.flushAccumulated(), "ERR_STATE", /accumulated for its own data/, [each, data]);
      each.dropAccumulated();
    }
  });

  /** A new optimizer that has its state from a load, and has taken no step. */
  function loaded(from: SGD, options: object): SGD {
    const optimizer = new SGD([{ name: "p", data: null, shape: [1] }], options);
    optimizer.loadStateDict(from.stateDict());
    return optimizer;
  }
});

describe("what does not fit is refused", () => {
  // biome-ignore lint/suspicious/noExplicitAny: what is given is wrong
  const wrong: [string, any, string, RegExp][] = [
    ["no shape", { data: null }, "ERR_DTYPE", /the data of 'p' to be .*, but it is null; null needs a shape/],
    ["no shape, but a gradient", { data: null, grad: null }, "ERR_DTYPE", /null needs a shape/],
    [
      "a gradient",
      { data: null, grad: new Float32Array(2), shape: [2] },
      "ERR_DTYPE",
      /'p', whose data is null, .* grad/,
    ],
    ["another number type", { data: null, shape: [2], dtype: "int8" }, "ERR_DTYPE", /the dtype of 'p' .* "int8"/],
    [
      "a shape of fractions",
      { data: null, shape: [1.5] },
      "ERR_LENGTH",
      /the shape of 'p' .* whole number of 0 or more/,
    ],
    ["a shape that is a number", { data: null, shape: 5 }, "ERR_LENGTH", /the shape of 'p' .* but it is 5/],
    ["a shape too large", { data: null, shape: [2 ** 30, 2 ** 30] }, "ERR_LENGTH", /the shape of 'p'/],
  ];
  test.each(wrong)("%s", (_, given, code, message) => {
    refuses(() => new SGD([{ name: "p", ...given }]), code as never, message, []);
    const optimizer = new SGD([]);
    refuses(() => optimizer.addParamGroup({ params: [{ name: "p", ...given }] }), code as never, message, [optimizer]);
  });

  test.each(numberTypes)("arrays of a call: %s", (dtype) => {
    const other = dtype === "float32" ? "float64" : "float32";
    const make = (type: NumberType, length: number) => new (arrayType(type))(length);
    const optimizer = new SGD([{ name: "p", data: null, shape: [2], dtype }], { momentum: 0.5 });
    const [data, grad] = [make(dtype, 2), make(dtype, 2)];
    const calls: [object, string, RegExp][] = [
      [{ p: grad }, "ERR_DTYPE", /the data of 'p' beside its gradient, .* step\(\{ "p": \{ data, grad \} \}\)/],
      [{ p: { grad } }, "ERR_DTYPE", /the data of 'p' beside its gradient/],
      [{ p: { grad, out: data } }, "ERR_DTYPE", /the data of 'p' beside its gradient/],
      [
        { p: { data: null, grad } },
        "ERR_DTYPE",
        /the data of 'p' to be a Float32Array or a Float64Array, but it is null/,
      ],
      [{ p: { data: make(other, 2), grad } }, "ERR_DTYPE", /the data of 'p' to be \w+ as its shape and dtype say/],
      [
        { p: { data: make(dtype, 3), grad } },
        "ERR_LENGTH",
        /the data of 'p' to have 2 elements as its shape and dtype say/,
      ],
      [{ p: { data, grad: make(dtype, 3) } }, "ERR_LENGTH", /the gradient of 'p' to have 2 elements like its data/],
      [
        { p: { data, grad: data } },
        "ERR_ALIASED",
        /the data of 'p' and the gradient of 'p'|the gradient of 'p' and the data/,
      ],
    ];
    for (const [call, code, message] of calls) {
      refuses(() => optimizer.step(call as never), code as never, message, [optimizer, data, grad]);
    }
  });

  test("an assignment that no step would read", () => {
    const p = { name: "p", data: null as null | Float32Array, shape: [1] };
    const optimizer = new SGD([p as { name: string; data: null; shape: number[] }]);
    const set = () => Object.assign(p, { data: new Float32Array(1) });
    refuses(set, "ERR_OPTION", /^Expected 'data' of 'p' to stay null, .*step\(\{ "p": \{ data, grad \} \}\)/, [
      optimizer,
    ]);
    optimizer.dispose();
    set();
    expect(p.data).toBeInstanceOf(Float32Array);
  });

  test("a checkpoint of parameters without data", async () => {
    const path = join(temporaryFolder(), "model.safetensors");
    const parameters = [{ name: "p", data: null, shape: [1] }] as unknown as Parameter[];
    await rejects(
      async () => saveCheckpoint(path, { parameters }),
      "ERR_DTYPE",
      /the data of 'p', which a checkpoint holds/,
    );
  });
});

test("two of one name, or with the name of a parameter with arrays, are refused", () => {
  const p = { name: "p", data: null, shape: [1] } as const;
  refuses(() => new SGD([p, { ...p }]), "ERR_NAME", /two are named 'p'/, []);
  const own = { name: "p", data: new Float32Array(1), grad: null };
  refuses(() => new SGD([p, own]), "ERR_NAME", /two are named 'p'/, []);
});
