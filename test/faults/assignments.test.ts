// Assignments that nobody would read are refused. Each test has the number under which the fault was reported.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { allocate, backend, type Parameter, RMSprop, SGD, schedules } from "../../lib/index.ts";
import { definitions } from "../../lib/optimizers/all.ts";
import { optimizerOptions } from "../../lib/options/stages.ts";
import { bitsOf, parameter, refuses, thrownBy } from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";
import { classOf } from "../support/classes.ts";
import { root } from "../support/compile.ts";

// biome-ignore lint/suspicious/noExplicitAny: what is assigned is wrong
type Wrong = any;

describe("S5: the arrays of a parameter that an optimizer has", () => {
  for (const type of numberTypes) {
    for (const length of [5, 1, 0]) {
      it(`S5: other ones are refused, by a sentence, and those that are there are stepped: ${type}, ${length}`, () => {
        const p = { ...parameter("w", length, type) };
        const before = { ...p };
        const optimizer = new SGD([p], { lr: 1 });
        for (const key of ["data", "grad"] as const) {
          const message = new RegExp(
            `^Expected '${key}' of 'w' to stay the array .*step\\(\\{ "w": \\{ ${key} \\} \\}\\).*remove\\("w"\\)`,
          );
          for (const other of [p[key].slice(), null, undefined, [1]]) {
            const isNoGradient = key === "grad" && other === null;
            const expected = isNoGradient
              ? /^Expected 'grad' of 'w' .* null: .*freeze\("w"\).*step\(\{ "w": null/
              : message;
            refuses(() => Object.assign(p, { [key]: other }), "ERR_OPTION", expected, [optimizer, p.data, p.grad]);
          }
          Object.assign(p, { [key]: before[key] }); // the same array is no loss
          expect(p[key]).toBe(before[key]);
        }
        optimizer.step();
        expect(optimizer.state("w").step).toBe(1);
      });
    }
  }

  it("S5: a gradient that was null when the parameter was given is not set later in silence", () => {
    const p = { name: "w", data: new Float32Array(2), grad: null as Float32Array | null };
    const optimizer = new SGD([p]);
    refuses(() => Object.assign(p, { grad: new Float32Array(2) }), "ERR_OPTION", /'grad' of 'w' to stay/, [optimizer]);
    optimizer.remove("w");
    p.grad = new Float32Array(2).fill(1);
    optimizer.addParamGroup({ params: [p] });
    optimizer.step();
    expect(optimizer.state("w").step).toBe(1);
  });

  it("S5: what a parameter is spread, cloned, compared and written as stays the same", () => {
    const p = { ...parameter("w"), shape: [5], mine: 1 };
    const before = { ...p };
    new SGD([p]);
    expect({ ...p }).toEqual(before);
    expect(structuredClone(p)).toEqual(before);
    expect(JSON.stringify(p)).toBe(JSON.stringify(before));
    expect(Object.keys(p)).toEqual(Object.keys(before));
    p.mine = 2;
    const copy = { ...p };
    copy.grad = new Float32Array(5); // a copy is the user's own
    expect(new SGD([copy]).paramGroups[0]?.params).toEqual(["w"]);
  });

  it("S5: two optimizers over one object hold it until both are gone; then both arrays may be others again", () => {
    const p = { ...parameter("w") };
    const [first, second] = [new SGD([p]), new RMSprop([{ params: [p] }])];
    const assign = (key: "data" | "grad") => () => Object.assign(p, { [key]: new Float32Array(5) });
    first.dispose();
    refuses(assign("grad"), "ERR_OPTION", /'grad' of 'w'/);
    second.remove("w");
    assign("grad")();
    assign("data")();
    expect(Object.getOwnPropertyDescriptor(p, "data")).toMatchObject({ writable: true, enumerable: true });
    const third = new SGD([p], { lr: 1 });
    refuses(assign("data"), "ERR_OPTION", /'data' of 'w'/);
    p.grad.fill(1);
    third.step();
    expect(Array.from(p.data)).toEqual([-1, -1, -1, -1, -1]);
  });

  it.each(["data", "grad"] as const)(
    "S5: one that was dropped without dispose() is freed and holds %s on, and the sentence says what to do",
    async (key) => {
      setFlagsFromString("--expose-gc");
      const collect = runInNewContext("gc") as () => void;
      const p = { ...parameter("w") };
      const dropped = (() => new WeakRef(new RMSprop([p])))();
      const second = new SGD([p], { lr: 1 });
      for (let i = 0; i < 50 && dropped.deref(); i++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        collect();
      }
      expect(dropped.deref()).toBeUndefined();
      second.dispose();
      const other = parameter("w", 5, "float32", 3)[key] as Float32Array;
      const message = new RegExp(
        `no longer used .* by dispose\\(\\); .* a new object, \\{ \\.\\.\\.parameter, ${key} \\}\\.$`,
      );
      for (const value of [other, null]) refuses(() => Object.assign(p, { [key]: value }), "ERR_OPTION", message);
      const next = { ...p, [key]: other };
      new SGD([next], { lr: 1 }).step();
      expect([next[key], p[key] === other]).toEqual([other, false]);
    },
  );

  it("S5: a construction that is refused guards nothing", () => {
    const p = { ...parameter("w") };
    const attempts = [
      () => new SGD([p, { ...parameter("w") }]),
      () => new SGD([p], { lr: -1 }),
      () => new SGD([p, { ...p, name: "v" }]),
    ];
    for (const attempt of attempts) {
      thrownBy(attempt);
      p.grad = new Float32Array(5);
      expect(Object.getOwnPropertyDescriptor(p, "grad")?.writable).toBe(true);
    }
  });

  it("S5: what is frozen, sealed, a proxy, of a class or computes its arrays is left as it is", () => {
    class Layer {
      readonly name: string;
      data = new Float32Array(2);
      grad = new Float32Array(2);
      constructor(name: string) {
        this.name = name;
      }
    }
    const traps: string[] = [];
    const proxy = new Proxy(
      { ...parameter("proxy") },
      {
        defineProperty: () => traps.push("defineProperty") > 0,
        getOwnPropertyDescriptor: () => void traps.push("get"),
      },
    );
    const getter = {
      ...parameter("getter"),
      get grad() {
        return null;
      },
    };
    const sealed = Object.seal({ ...parameter("sealed") });
    const params = [Object.freeze({ ...parameter("frozen") }), sealed, proxy, getter, new Layer("layer")];
    const before = params.slice(0, 2).map((p) => Object.getOwnPropertyDescriptors(p));
    new SGD(params);
    expect(params.slice(0, 2).map((p) => Object.getOwnPropertyDescriptors(p))).toEqual(before);
    (params[4] as Layer).grad = new Float32Array(2);
    expect(traps).toEqual([]);
  });

  it("S5: what inherits from a parameter's object takes arrays of its own", () => {
    const p = { ...parameter("w") };
    new SGD([p]);
    const derived = Object.create(p) as typeof p;
    expect(bitsOf(derived.grad)).toEqual(bitsOf(p.grad));
    derived.grad = new Float32Array(5);
    expect([Object.hasOwn(derived, "grad"), derived.grad === p.grad]).toEqual([true, false]);
  });
});

describe("S5: an optimizer takes no new properties", () => {
  for (const { name, options } of definitions) {
    it(`S5: ${name} says where its options are set`, () => {
      const p = parameter("w");
      const optimizer = new (classOf(name))([p]);
      for (const option of [...Object.keys(options), ...Object.keys(optimizerOptions)]) {
        const place =
          option in optimizerOptions || option === "preset" ? "" : "set on a group, optimizer\\.paramGroups\\[i\\]\\.";
        const message = new RegExp(
          `^Expected '${option}' to be ${place && `${place}${option}, or `}given to the constructor`,
        );
        refuses(() => Reflect.set(optimizer, option, 0), "ERR_OPTION", message, [optimizer]);
        expect((optimizer as Wrong)[option]).toBe(option === "lossScale" ? 1 : undefined);
      }
      for (const other of ["learningRate", "learning_rate"]) {
        const message = new RegExp(`^Expected 'lr' to be set on a group.*but '${other}' is set on the optimizer`);
        refuses(() => Reflect.set(optimizer, other, 0), "ERR_OPTION", message, [optimizer]);
      }
      const wide = /^Expected 'clipGlobalNorm' to be given to the constructor, but 'max_norm' is set/;
      refuses(() => Reflect.set(optimizer, "max_norm", 0), "ERR_OPTION", wide, [optimizer]);
      expect(() => Object.assign(optimizer, { rate: 0 })).toThrow(TypeError);
      expect(Object.keys(optimizer)).toEqual([]);
    });
  }

  it("S5: a program may freeze the classes before it makes the first optimizer", () => {
    const path = JSON.stringify(pathToFileURL(join(root, "dist/index.js")).href);
    const script = `
      import { SGD } from ${path};
      Object.freeze(SGD.prototype);
      const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
      const optimizer = new SGD([w], { lr: 0.5 });
      optimizer.step();
      try { optimizer.lr = 0; } catch (error) { console.log(w.data[0], error.name); }`;
    expect(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })).toBe(
      "0.5 TypeError\n",
    );
  });

  it("S5: a user's own class may have fields, of options' names too, and steps as its parent does", () => {
    class Mine extends RMSprop {
      readonly #secret = 1;
      calls = 0;
      momentum = "mine";
      constructor(params: Iterable<Parameter>) {
        super(params, { lr: 0.5 });
        (this as Wrong).lr = "mine too";
      }
      override step(): void {
        this.calls += this.#secret;
        super.step();
      }
    }
    const [mine, theirs] = [parameter("w"), parameter("w")];
    const [optimizer, plain] = [new Mine([mine]), new RMSprop([theirs], { lr: 0.5 })];
    optimizer.step();
    plain.step();
    expect(bitsOf(mine.data)).toEqual(bitsOf(theirs.data));
    expect({ ...optimizer }).toEqual({ calls: 1, momentum: "mine", lr: "mine too" });
    expect(optimizer.paramGroups[0]).toMatchObject({ momentum: 0, lr: 0.5 });
  });

  const model = allocate({ w: [1] });
  const optimizer = new RMSprop(model.parameters);
  optimizer.step();
  const plateau = schedules.reduceOnPlateau(0.1);
  const others: readonly [string, object, string][] = [
    ["a model's params", model, "params"],
    ["a model's array", model.params, "w"],
    ["a model's gradient", model.grads, "w"],
    ["a model's parameter", model.parameters[0] as object, "grad"],
    ["another property of a model", model, "param"],
    ["a slot of the state", optimizer.state("w"), "squareAvg"],
    ["the last step", optimizer.lastStep as object, "step"],
    ["the list of groups", optimizer.paramGroups, "0"],
    ["the length of that list", optimizer.paramGroups, "length"],
    ["a group's names", optimizer.paramGroups[0]?.params as object, "0"],
    ["the optimizer's list of groups", optimizer, "paramGroups"],
    ["the optimizer's last step", optimizer, "lastStep"],
    ["the backend's name", backend, "name"],
    ["a schedule", schedules, "cosine"],
    ["a schedule's rate", plateau, "rate"],
    ["another property of a schedule", plateau, "lr"],
  ];
  it.each(others)("S5: %s is not assigned in silence", (_, object, key) => {
    const before = Reflect.get(object, key);
    expect(() => Object.assign(object, { [key]: 0 })).toThrow(TypeError);
    expect(Reflect.get(object, key)).toEqual(before);
  });

  it("S5: a group is not pushed, and threads are set by a method", () => {
    refuses(() => (optimizer.paramGroups as Wrong).push({ params: [] }), "ERR_OPTION", /addParamGroup\(\)/, [
      optimizer,
    ]);
    refuses(() => Object.assign(backend, { threads: 1 }), "ERR_OPTION", /backend\.setThreads\(n\)/);
  });
});
