// Parameters and an optimizer in one file: what comes back, what does not fit, and what is in the file.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { safetensors as other } from "@jax-js/loaders";
import { describe, expect, test } from "vitest";
import {
  loadCheckpoint,
  loadCheckpointAsync,
  readSafetensors,
  saveCheckpoint,
  saveCheckpointAsync,
  writeSafetensors,
} from "../../lib/checkpoint/index.ts";
import { formatJson, parseJson } from "../../lib/checkpoint/json.ts";
import * as library from "../../lib/index.ts";
import { allocate, type Parameter, RMSprop, type RMSpropOptions, type StateDict } from "../../lib/index.ts";
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from "../../lib/numbers/codecs.ts";
import { definitions } from "../../lib/optimizers/all.ts";
import {
  arraysOf,
  bitsOf,
  detach,
  drawGradient,
  expectRefusal,
  parameter,
  plain,
  refuses,
  snapshot,
  thrownBy,
  train,
  values,
} from "../support/arrays.ts";
import { temporaryFolder } from "../support/folder.ts";

const options: RMSpropOptions = { lr: 0.01, momentum: 0.9, centered: true };

/** Two groups, both number types, shapes, and a parameter without a gradient. */
function make(seed = 1) {
  const parameters: Parameter[] = [
    { ...parameter("layer.weight", 12, "float32", seed), shape: [3, 4] },
    parameter("layer.bias", 3, "float64", seed + 1),
    { name: "frozen", data: values("float32", 4, seed + 2), grad: null },
    { ...parameter("scalar", 1, "float32", seed + 3), shape: [] },
  ];
  const [weight, bias, frozen, scalar] = parameters as [Parameter, Parameter, Parameter, Parameter];
  const groups = [
    { params: [weight, scalar], weightDecay: 0.1 },
    { params: [bias, frozen], lr: 0.5, epsInSqrt: true },
  ];
  return { parameters, optimizer: new RMSprop(groups, options) };
}

type Made = ReturnType<typeof make>;

const shown = ({ parameters, optimizer }: Made) => snapshot(...parameters.map(({ data }) => data), optimizer);

const forms = {
  sync: {
    save: async (...args: Parameters<typeof saveCheckpoint>) => saveCheckpoint(...args),
    load: async (...args: Parameters<typeof loadCheckpoint>) => loadCheckpoint(...args),
  },
  async: { save: saveCheckpointAsync, load: loadCheckpointAsync },
};

describe.each(["sync", "async"] as const)("%s", (form) => {
  const { save, load } = forms[form];

  test("parameters, state, steps and options come back, and the training goes on to the same bits", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    const whole = make();
    train(whole.optimizer, whole.parameters, 3);
    await save(path, { ...whole, metadata: { epoch: "7" } });
    const rest = make(100);
    expect(await load(path, rest)).toEqual({ metadata: { epoch: "7" }, missing: [], unexpected: [] });
    expect(rest.optimizer.stateDict()).toEqual(whole.optimizer.stateDict());
    for (const { parameters, optimizer } of [whole, rest]) train(optimizer, parameters, 3, 4);
    expect(shown(rest)).toEqual(shown(whole));
  });

  test("parameters alone, and those of an optimizer without it", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    const whole = make();
    train(whole.optimizer, whole.parameters, 1);
    await save(path, { parameters: whole.parameters });
    const rest = make(100);
    const state = plain(rest.optimizer.stateDict());
    await load(path, { parameters: rest.parameters });
    expect(rest.parameters.map(({ data }) => data)).toEqual(whole.parameters.map(({ data }) => data));
    await save(path, whole);
    await load(path, { parameters: make(50).parameters });
    expect(plain(rest.optimizer.stateDict())).toEqual(state);
    await expect(
      save(path, { parameters: whole.parameters.slice(1), optimizer: whole.optimizer }),
    ).rejects.toMatchObject({
      code: "ERR_NAME",
      message: expect.stringMatching(/"layer\.weight" is not among them/),
    });
  });

  test("what comes before the first step, and slots that an option brought in later", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    const parameters = [parameter("w")];
    const optimizer = new RMSprop(parameters, { lr: 0.1, initialSquareAvg: 0.25 });
    await save(path, { parameters, optimizer });
    const group = optimizer.paramGroups[0] as (typeof optimizer.paramGroups)[0];
    group.momentum = 0.5;
    train(optimizer, parameters, 2);
    await save(`${path}2`, { parameters, optimizer });
    const rest = [parameter("w", 5, "float32", 9)];
    const resumed = new RMSprop(rest, { lr: 0.2 });
    await load(`${path}2`, { parameters: rest, optimizer: resumed });
    expect(resumed.stateDict()).toEqual(optimizer.stateDict());
    await load(path, { parameters: rest, optimizer: resumed });
    expect(resumed.state("w")).toMatchObject({ step: 0, squareAvg: Float32Array.of(0.25, 0.25, 0.25, 0.25, 0.25) });
    expect(resumed.paramGroups[0]).toMatchObject({ momentum: 0, lr: 0.1, initialSquareAvg: 0.25 });
  });

  test("names of all kinds, as of parameters and of their state", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    const names = [
      "__proto__",
      "__metadata__",
      "constructor",
      "a.b",
      "a",
      "a.step",
      "optimizer.a.square_avg",
      "optimizer",
      "rmsprop.checksum",
      "parameter.a",
      "parameter.parameter.a",
      "",
      ".",
      "0",
      "вес ✓",
      "\ud800",
    ];
    const from = (seed: number) => {
      const parameters = names.map((name, i) => parameter(name, 1 + (i % 3), "float32", seed + i));
      return { parameters, optimizer: new RMSprop(parameters, options) };
    };
    const whole = from(1);
    train(whole.optimizer, whole.parameters, 2);
    await save(path, whole);
    const rest = from(100);
    await load(path, rest);
    expect(rest.parameters.map(({ data }) => data)).toEqual(whole.parameters.map(({ data }) => data));
    for (const name of names) expect(rest.optimizer.state(name)).toEqual(whole.optimizer.state(name));
  });

  test("memory of every kind, no elements, and none of an array's own properties", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    class Liar extends Float32Array {
      override get length(): number {
        return 1;
      }
      override slice(): never {
        throw new Error("asked");
      }
    }
    const liar = new Liar([1, 2, 3]);
    const shared = new Float64Array(new SharedArrayBuffer(24), 8);
    shared.set([4, 5]);
    const model = allocate({ own: [2, 3], empty: [0] });
    model.params.own.set([1, 2, 3, 4, 5, 6]);
    const parameters = [
      ...model.parameters,
      { name: "liar", data: liar, grad: null },
      { name: "shared", data: shared, grad: null },
    ];
    await save(path, { parameters });
    for (const { data } of parameters) Float64Array.prototype.fill.call(data, 9);
    await load(path, { parameters });
    expect([...model.params.own]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(bitsOf(liar)).toEqual(bitsOf(Float32Array.of(1, 2, 3)));
    expect([...shared]).toEqual([4, 5]);
    model.dispose();
  });

  test.each(["bf16", "f16", "float32", "float64"] as const)(
    "parameters rounded to %s, state as it is",
    async (dtype) => {
      const path = join(temporaryFolder(), "checkpoint");
      const whole = make();
      train(whole.optimizer, whole.parameters, 2);
      await save(path, { ...whole, dtype });
      const round = {
        bf16: (value: number) => decodeBf16(encodeBf16(value)),
        f16: (value: number) => decodeF16(encodeF16(value)),
        float32: Math.fround,
        float64: (value: number) => value,
      }[dtype];
      const rest = make(100);
      if (dtype === "float64") {
        // A float32 parameter would round it.
        await expect(load(path, rest)).rejects.toMatchObject({
          code: "ERR_CHECKPOINT",
          message: expect.stringMatching(/values that float32 holds, but they are F64/),
        });
        return;
      }
      await load(path, rest);
      for (const [i, { data }] of rest.parameters.entries()) {
        expect(Array.from(data)).toEqual(Array.from(whole.parameters[i]?.data as Float32Array, round));
      }
      expect(rest.optimizer.stateDict()).toEqual(whole.optimizer.stateDict());
    },
  );

  test("a learning rate that is a function stays that of the optimizer", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    const parameters = [parameter("w")];
    const rate = (step: number) => 1 / step;
    await save(path, { parameters, optimizer: new RMSprop(parameters, { lr: 0.5 }) });
    const optimizer = new RMSprop(parameters, { lr: rate });
    await save(`${path}2`, { parameters, optimizer });
    await load(`${path}2`, { parameters, optimizer });
    expect(optimizer.paramGroups[0]?.lr).toBe(rate);
    await load(path, { parameters, optimizer });
    expect(optimizer.paramGroups[0]?.lr).toBe(0.5);
  });

  test("a foreign file without a checksum loads into parameters", async () => {
    const path = join(temporaryFolder(), "foreign");
    const header = JSON.stringify({
      __metadata__: { format: "pt" },
      "optimizer.w": { dtype: "BF16", shape: [2], data_offsets: [0, 4] },
      b: { dtype: "F32", shape: [1, 2], data_offsets: [4, 12] },
    });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const data = Buffer.concat([
      Buffer.from(Uint16Array.of(0x3f80, 0xc000).buffer),
      Buffer.from(Float32Array.of(3, 4).buffer),
    ]);
    writeFileSync(path, Buffer.concat([length, Buffer.from(header), data]));
    const parameters = [parameter("optimizer.w", 2), { ...parameter("b", 2, "float64"), shape: [1, 2] }];
    expect(await load(path, { parameters })).toEqual({ metadata: { format: "pt" }, missing: [], unexpected: [] });
    expect(parameters.map(({ data }) => Array.from(data))).toEqual([
      [1, -2],
      [3, 4],
    ]);
  });
});

describe("every optimizer and preset", () => {
  const all = definitions.flatMap(({ name, presets }) =>
    [null, ...Object.keys(presets)].map((preset) => [name, preset] as const),
  );
  test.each(all)("%s, preset %s, goes on to the same bits", (name, preset) => {
    const path = join(temporaryFolder(), "checkpoint");
    const Class = (library as unknown as Record<string, typeof RMSprop>)[name] as typeof RMSprop;
    const more = { RMSprop: { momentum: 0.9, centered: true }, SGD: { momentum: 0.9 } }[name] ?? {};
    const own = name === "RMSprop" && preset === null ? { gains: {}, biasCorrection: true } : {};
    const from = (seed: number) => {
      const parameters = [parameter("w", 9, "float32", seed), parameter("b", 4, "float64", seed)];
      return { parameters, optimizer: new Class(parameters, { ...more, ...own, preset: preset as never }) };
    };
    const whole = from(1);
    train(whole.optimizer, whole.parameters, 3);
    saveCheckpoint(path, whole);
    const rest = from(50);
    loadCheckpoint(path, rest);
    expect(rest.optimizer.stateDict()).toEqual(whole.optimizer.stateDict());
    for (const { parameters, optimizer } of [whole, rest]) train(optimizer, parameters, 3, 4);
    expect(rest.parameters.map(({ data }) => bitsOf(data))).toEqual(whole.parameters.map(({ data }) => bitsOf(data)));
  });
});

describe("the file", () => {
  test("has PyTorch's names, shapes and types, for another reader too", () => {
    const path = join(temporaryFolder(), "checkpoint");
    const made = make();
    train(made.optimizer, made.parameters, 2);
    saveCheckpoint(path, made);
    const { tensors } = other.parse(new Uint8Array(readFileSync(path)));
    const rows = Object.entries(tensors).map(([name, { dtype, shape }]) => `${name} ${dtype} ${JSON.stringify(shape)}`);
    const slots = ["square_avg", "grad_avg", "momentum_buffer"];
    const state = (name: string, dtype: string, shape: string) => [
      ...slots.map((slot) => `optimizer.${name}.${slot} ${dtype} ${shape}`),
      `optimizer.${name}.step F64 []`,
    ];
    expect(rows.sort()).toEqual(
      [
        "layer.weight F32 [3,4]",
        "layer.bias F64 [3]",
        "frozen F32 [4]",
        "scalar F32 []",
        ...state("layer.weight", "F32", "[3,4]"),
        ...state("layer.bias", "F64", "[3]"),
        ...state("frozen", "F32", "[4]"),
        ...state("scalar", "F32", "[1]"),
        "rmsprop.checksum U8 [48]",
      ].sort(),
    );
    expect(Array.from(tensors["optimizer.layer.weight.square_avg"]?.data as Float32Array)).toEqual(
      Array.from(made.optimizer.state("layer.weight").squareAvg as Float32Array),
    );
    expect(tensors["optimizer.layer.bias.step"]?.data[0]).toBe(2);
  });

  test("is the same for NaNs of other bits", () => {
    const folder = temporaryFolder();
    const bytes = [0x7fc00000, 0xffc54321].map((bits, i) => {
      const parameters = [{ ...parameter("w", 2), data: new Float32Array(Uint32Array.of(bits, 1).buffer) }];
      const optimizer = new RMSprop(parameters, options);
      const state = optimizer.stateDict();
      Object.assign(state.state.w as object, { squareAvg: parameters[0]?.data });
      optimizer.loadStateDict(state);
      saveCheckpoint(join(folder, `${i}`), { parameters, optimizer });
      return readFileSync(join(folder, `${i}`));
    });
    expect(bytes[1]).toEqual(bytes[0]);
  });

  test("JSON keeps every number, and refuses what is no plain data", () => {
    const value = {
      a: [Infinity, -Infinity, NaN, -0, 0, 5e-324, 0.1],
      b: { ["__proto__"]: -0 },
      c: null,
      d: "x",
      e: true,
    };
    expect(parseJson(formatJson(value, "it"))).toEqual(value);
    for (const foreign of [() => 1, Symbol("x"), 1n, new Float32Array(1), new Map()]) {
      expectRefusal(
        thrownBy(() => formatJson({ foreign }, "the state")),
        "ERR_OPTION",
        /Expected the state to be plain data/,
      );
    }
    expectRefusal(
      thrownBy(() => formatJson({ $number: "1" }, "the state")),
      "ERR_OPTION",
      /\$number/,
    );
  });
});

describe("what does not fit is refused, and nothing changes", () => {
  const folderWith = (made: Made, change: { parameters?: Parameter[] } = {}) => {
    const path = join(temporaryFolder(), "checkpoint");
    train(made.optimizer, made.parameters, 2);
    saveCheckpoint(path, { ...made, ...change });
    return path;
  };
  const edited = (edit: (tensors: Map<string, { data: Float32Array }>, metadata: Record<string, string>) => void) => {
    const path = folderWith(make());
    const { tensors, metadata } = readSafetensors(path);
    const changed = { ...metadata };
    edit(tensors as never, changed);
    writeSafetensors(path, tensors, changed);
    return path;
  };
  const withState = (change: (json: StateDict) => object) =>
    edited((_, metadata) => {
      metadata["rmsprop.optimizer"] = JSON.stringify(change(JSON.parse(metadata["rmsprop.optimizer"] as string)));
    });
  const target = make(100);
  const refusedBy = (path: string, message: RegExp, given: object = target) => {
    const arrays = arraysOf(target.parameters);
    refuses(() => loadCheckpoint(path, given as never), "ERR_CHECKPOINT", message, [...arrays, target.optimizer]);
    expect((thrownBy(() => loadCheckpoint(path, given as never)) as Error).message).toContain(JSON.stringify(path));
  };

  const cases: [string, () => string, RegExp][] = [
    [
      "a missing parameter",
      () => edited((tensors) => tensors.delete("frozen")),
      /tensor of the parameter "frozen", but there is none/,
    ],
    [
      "an extra tensor",
      () => edited((tensors) => tensors.set("extra", { data: Float32Array.of(1) })),
      /given parameters alone, but there is "extra"/,
    ],
    [
      "another shape",
      () => edited((tensors) => tensors.set("layer.weight", { data: new Float32Array(12) })),
      /"layer\.weight" to have the shape \[3, 4\], but it has \[12\]/,
    ],
    [
      "another length",
      () => edited((tensors) => tensors.set("frozen", { data: new Float32Array(3) })),
      /"frozen" to have the shape \[4\], but it has \[3\]/,
    ],
    [
      "whole numbers",
      () => edited((tensors) => tensors.set("frozen", { data: new Int32Array(4) as never })),
      /"frozen" to have values that float32 holds, but they are I32/,
    ],
    [
      "doubles for float32",
      () => edited((tensors) => tensors.set("frozen", { data: new Float64Array(4) as never })),
      /"frozen".*F64/,
    ],
    [
      "a missing slot",
      () => edited((tensors) => tensors.delete("optimizer.frozen.square_avg")),
      /'frozen' to have 'squareAvg'/,
    ],
    [
      "a missing step",
      () => edited((tensors) => tensors.delete("optimizer.frozen.step")),
      /step of 'frozen'.*undefined/,
    ],
    [
      "an unknown slot",
      () => edited((tensors) => tensors.set("optimizer.frozen.exp_avg", { data: new Float32Array(4) })),
      /'expAvg'/,
    ],
    [
      "state of an unknown parameter",
      () => edited((tensors) => tensors.set("optimizer.x.step", { data: Float32Array.of(1) })),
      /'x'/,
    ],
    [
      "a slot of another length",
      () => edited((tensors) => tensors.set("optimizer.frozen.square_avg", { data: new Float32Array(3) })),
      /squareAvg of 'frozen'.*4 elements.*3/,
    ],
    ["another rule", () => withState((json) => ({ ...json, rule: "adam" })), /rule rmsprop.*"adam"/],
    ["other groups", () => withState((json) => ({ ...json, paramGroups: json.paramGroups.slice(1) })), /2 groups.*1/],
    [
      "an option outside its domain",
      () => withState((json) => ({ ...json, paramGroups: json.paramGroups.map((group) => ({ ...group, alpha: 2 })) })),
      /'alpha'.*2/,
    ],
    ["options that are no object", () => withState(() => null as never), /options to be an object.*null/],
    [
      "options that are no JSON",
      () =>
        edited((_, metadata) => {
          metadata["rmsprop.optimizer"] = "{";
        }),
      /options to be JSON/,
    ],
    [
      "no optimizer",
      () =>
        edited((_, metadata) => {
          delete metadata["rmsprop.optimizer"];
        }),
      /state of an optimizer, but there is none/,
    ],
    [
      "a later version",
      () =>
        edited((_, metadata) => {
          metadata["rmsprop.checkpoint"] = "2";
        }),
      /version 1.*"2"/,
    ],
  ];
  test.each(cases)("%s", (_, file, message) => {
    refusedBy(file(), message);
  });

  test("parameters of other names", () => {
    const path = folderWith(make());
    const parameters = target.parameters.map((found, i) => (i === 0 ? { ...found, name: "other" } : found));
    refusedBy(path, /tensor of the parameter "other"/, { parameters });
  });

  test("a file that is not there is the file system's error", () => {
    expect(thrownBy(() => loadCheckpoint(join(temporaryFolder(), "none"), target))).toMatchObject({ code: "ENOENT" });
  });
});

describe("bad calls are refused, and make no file", () => {
  const bad: [string, (made: Made) => object | undefined, string, RegExp][] = [
    ["nothing", () => undefined, "ERR_OPTION", /\{ parameters, … \}.*undefined/],
    [
      "a misspelled option",
      (made) => ({ ...made, optimiser: made.optimizer }),
      "ERR_OPTION",
      /no option 'optimiser'; did you mean 'optimizer'\?/,
    ],
    ["no parameters", () => ({}), "ERR_DTYPE", /'parameters' to be an iterable.*undefined/],
    ["a parameter that is none", () => ({ parameters: [1] }), "ERR_DTYPE", /parameter 0.*1/],
    ["two of one name", () => ({ parameters: [parameter("w"), parameter("w")] }), "ERR_NAME", /'w'/],
    [
      "an optimizer that is none",
      (made) => ({ ...made, optimizer: {} }),
      "ERR_OPTION",
      /'optimizer' to be an optimizer.*object/,
    ],
  ];
  const saving: typeof bad = [
    ["an unknown dtype", (made) => ({ ...made, dtype: "int8" }), "ERR_OPTION", /'dtype'.*"bf16", "f16".*"int8"/],
    [
      "metadata of ours",
      (made) => ({ ...made, metadata: { "rmsprop.x": "" } }),
      "ERR_OPTION",
      /do not begin with "rmsprop\."/,
    ],
    ["metadata that are numbers", (made) => ({ ...made, metadata: { epoch: 1 } }), "ERR_OPTION", /"epoch".*string.*1/],
  ];
  test.each([...bad, ...saving])("saving %s", async (_, given, code, message) => {
    const folder = temporaryFolder();
    const path = join(folder, "checkpoint");
    const made = make();
    expectRefusal(
      thrownBy(() => saveCheckpoint(path, given(made) as never)),
      code as never,
      message,
    );
    await expect(saveCheckpointAsync(path, given(made) as never)).rejects.toMatchObject({ code });
    expect(readdirSync(folder)).toEqual([]);
  });
  test.each(bad)("loading %s", async (_, given, code, message) => {
    const path = join(temporaryFolder(), "checkpoint");
    const made = make();
    saveCheckpoint(path, made);
    expectRefusal(
      thrownBy(() => loadCheckpoint(path, given(made) as never)),
      code as never,
      message,
    );
    await expect(loadCheckpointAsync(path, given(made) as never)).rejects.toMatchObject({ code });
  });
});

describe("while other things happen", () => {
  test("an asynchronous save holds what was there when it was called", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    const made = make();
    train(made.optimizer, made.parameters, 2);
    const before = shown(made);
    const saving = saveCheckpointAsync(path, made);
    train(made.optimizer, made.parameters, 2, 3);
    await saving;
    loadCheckpoint(path, made);
    expect((shown(made) as unknown[]).slice(0, 4)).toEqual((before as unknown[]).slice(0, 4));
    expect(made.optimizer.state("layer.weight").step).toBe(2);
  });

  test("two saves at once leave one of the two, whole", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "checkpoint");
    const data = [1, 2].map((value) => ({
      parameters: [{ name: "w", data: new Float32Array(400_000).fill(value), grad: null }],
    }));
    await Promise.all(data.map((one) => saveCheckpointAsync(path, one)));
    expect(readdirSync(folder)).toEqual(["checkpoint"]);
    const found = readSafetensors(path).tensors.get("w")?.data as Float32Array;
    expect(new Set(found).size).toBe(1);
  });

  test("a step in flight refuses saves and loads, and they change nothing", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "checkpoint");
    const model = allocate({ w: [300_000] });
    const optimizer = new RMSprop(model.parameters, options);
    const made = { parameters: model.parameters, optimizer };
    saveCheckpoint(path, made);
    drawGradient(model.grads.w, 1);
    const stepping = optimizer.stepAsync();
    expectRefusal(
      thrownBy(() => saveCheckpoint(`${path}2`, made)),
      "ERR_STEP_IN_FLIGHT",
      /step/,
    );
    expectRefusal(
      thrownBy(() => loadCheckpoint(path, made)),
      "ERR_STEP_IN_FLIGHT",
      /step/,
    );
    // Without the optimizer it is the memory that tells.
    const { parameters } = model;
    for (const act of [() => saveCheckpoint(`${path}2`, { parameters }), () => loadCheckpoint(path, { parameters })]) {
      expectRefusal(thrownBy(act), "ERR_STEP_IN_FLIGHT", /memory/);
    }
    await stepping;
    expect(readdirSync(folder)).toEqual(["checkpoint"]);
    expect(optimizer.state("w").step).toBe(1);
    model.dispose();
  });

  test("memory that is taken away while a load reads is refused, and the rest stays", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    const made = make();
    saveCheckpoint(path, made);
    const target = make(100);
    train(target.optimizer, target.parameters, 1);
    const before = target.parameters.slice(1).map(({ data }) => data.slice());
    const state = () => target.parameters.map(({ name }) => plain(target.optimizer.state(name)));
    const stateBefore = state();
    const loading = loadCheckpointAsync(path, target);
    detach((target.parameters[0] as Parameter).data.buffer);
    await expect(loading).rejects.toMatchObject({ code: "ERR_DETACHED" });
    expect(target.parameters.slice(1).map(({ data }) => data)).toEqual(before);
    expect(state()).toEqual(stateBefore);
  });

  test("without an optimizer too, and the parameters before it stay", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    saveCheckpoint(path, make());
    const { parameters } = make(100);
    const before = parameters.slice(0, -1).map(({ data }) => data.slice());
    const loading = loadCheckpointAsync(path, { parameters });
    detach((parameters.at(-1) as Parameter).data.buffer);
    await expect(loading).rejects.toMatchObject({ code: "ERR_DETACHED" });
    expect(parameters.slice(0, -1).map(({ data }) => data)).toEqual(before);
  });
});
