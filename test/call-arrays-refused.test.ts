// Arrays for one call that do not fit, that overlap, and whose getters run code in the middle of a step.
import { describe, expect, test } from "vitest";
import {
  allocate,
  type FloatArray,
  type NumberType,
  type OptimErrorCode,
  RMSprop,
  type StepArrays,
} from "../lib/index.ts";
import { bufferOf } from "../lib/numbers/typed-array.ts";
import { arrayType } from "./support/arena.ts";
import {
  arraysOf,
  detach,
  growable,
  type OwnParameter,
  own,
  parameter,
  refuses,
  resizable,
  thrownBy,
  values,
} from "./support/arrays.ts";
import { numberTypes } from "./support/cases.ts";
import { Expected, everything, expectResults, groupOf, resultOf } from "./support/steps.ts";

describe("arrays that do not fit are refused whole", () => {
  const kinds = { data: "data", grad: "gradient", out: "out" } as const;
  const bad: readonly [string, OptimErrorCode, RegExp, (type: NumberType) => unknown][] = [
    [
      "an Int32Array",
      "ERR_DTYPE",
      /a Float32Array(,| or) a Float64Array( or null|), but it is an Int32Array/,
      () => new Int32Array(5),
    ],
    ["an array", "ERR_DTYPE", /but it is an array/, () => [0, 0, 0, 0, 0]],
    ["a number", "ERR_DTYPE", /but it is 5/, () => 5],
    ["a proxy", "ERR_DTYPE", /but it is a proxy/, () => new Proxy(new Float32Array(5), {})],
    [
      "of the other number type",
      "ERR_DTYPE",
      /to be float(32|64) like its data, but it is float(64|32)/,
      (type) => new (arrayType(type === "float32" ? "float64" : "float32"))(5),
    ],
    ["too short", "ERR_LENGTH", /to have 5 elements .* but it has 4/, (type) => new (arrayType(type))(4)],
    ["too long", "ERR_LENGTH", /to have 5 elements .* but it has 6/, (type) => new (arrayType(type))(6)],
    ["empty", "ERR_LENGTH", /to have 5 elements .* but it has 0/, (type) => new (arrayType(type))(0)],
    [
      "of a false length",
      "ERR_LENGTH",
      /but it has 4/,
      (type) => Object.defineProperty(new (arrayType(type))(4), "length", { value: 5 }),
    ],
    [
      "following a resizable buffer",
      "ERR_LENGTH",
      /to have a fixed length, but it follows/,
      (type) => new (arrayType(type))(resizable(type === "float32" ? 20 : 40, 64)),
    ],
    [
      "following a growable buffer",
      "ERR_LENGTH",
      /to have a fixed length, but it follows/,
      (type) => new (arrayType(type))(growable(type === "float32" ? 20 : 40, 64) as never),
    ],
    [
      "detached",
      "ERR_DETACHED",
      /to have its memory, but it was disposed/,
      (type) => {
        const array = new (arrayType(type))(5);
        detach(array.buffer);
        return array;
      },
    ],
    [
      "shrunk away from",
      "ERR_DETACHED",
      /to have its memory/,
      (type) => {
        const buffer = resizable(96, 96);
        const array = new (arrayType(type))(buffer, 32, 5);
        buffer.resize(40);
        return array;
      },
    ],
    ...[false, true].map((shared): [string, OptimErrorCode, RegExp, (type: NumberType) => unknown] => [
      shared ? "disposed, though shared" : "disposed",
      "ERR_DETACHED",
      /to have its memory, but it was disposed/,
      (type) => {
        const model = allocate({ x: [5] }, { dtype: type as "float64", shared });
        model.dispose();
        return model.params.x;
      },
    ]),
  ];

  describe.each(bad)("%s", (_, code, message, array) => {
    test.each(Object.keys(kinds) as (keyof typeof kinds)[])("as %s", (key) => {
      for (const type of numberTypes) {
        const [a, b] = [parameter("a", 5, type), parameter("b", 5, type)];
        const optimizer = new RMSprop([a, b], { alpha: 0.9 });
        optimizer.step();
        groupOf(optimizer).momentum = 0.5; // needs a slot, which a refused step does not make
        const good = { data: values(type, 5, 1), grad: values(type, 5, 2), out: values(type, 5, 3) };
        const witnesses = [optimizer, ...arraysOf([a, b]), ...Object.values(good)];
        const whole = new RegExp(`^Expected the ${kinds[key]} of 'b' ${message.source.replace(/^to /, ".*to ")}`);
        const call = () => optimizer.step({ a: good, b: { [key]: array(type) as FloatArray } });
        refuses(call, code, /^Expected the/, witnesses, whole.source);
        refuses(call, code, new RegExp(`the ${kinds[key]} of 'b'.*${message.source}`), witnesses);
        optimizer.step({ a: good, ...own(b) });
        expect([optimizer.state("a").step, optimizer.state("b").step]).toEqual([2, 2]);
      }
    });
  });

  test("null is a gradient's alone", () => {
    const p = parameter("x");
    const optimizer = new RMSprop([p]);
    for (const key of ["data", "out"] as const) {
      const message = new RegExp(`the ${key} of 'x' to be a Float32Array or a Float64Array, but it is null`);
      refuses(() => optimizer.step({ x: { [key]: null as never } }), "ERR_DTYPE", message, [optimizer, p.data]);
    }
  });

  type Arrays = Record<"one" | "two" | "three", Float32Array>;
  const aliased: readonly [string, (own: OwnParameter, arrays: Arrays, optimizer: RMSprop) => StepArrays, RegExp][] = [
    ["data and gradient", (_, { one }) => ({ a: { data: one, grad: one } }), /of 'a' and the \w+ of 'a'/],
    ["out and gradient", (_, { one }) => ({ a: { grad: one, out: one } }), /of 'a' and the \w+ of 'a'/],
    ["data and its own gradient", ({ grad }) => ({ a: { data: grad } }), /of 'a' and the \w+ of 'a'/],
    ["a gradient and its own data", ({ data }) => ({ a: { grad: data } }), /of 'a' and the \w+ of 'a'/],
    [
      "out that begins within its data",
      (_, { one }) => ({ a: { data: one.subarray(0, 5), out: one.subarray(1, 6) } }),
      /the data of 'a' and the out of 'a'/,
    ],
    [
      "out that ends within its data",
      (_, { one }) => ({ a: { data: one.subarray(1, 6), out: one.subarray(0, 5) } }),
      /the out of 'a' and the data of 'a'/,
    ],
    ["one out for two", (_, { one }) => ({ a: { out: one }, b: { out: one } }), /the out of 'a' and the out of 'b'/],
    [
      "one data for two",
      (_, { one }) => ({ a: { data: one }, b: { data: one } }),
      /the data of 'a' and the data of 'b'/,
    ],
    [
      "out in another's data",
      ({ data }) => ({ a: { data }, b: { out: data } }),
      /the \w+ of '[ab]' and the \w+ of '[ab]'/,
    ],
    [
      "out in another's gradient",
      ({ grad }) => ({ a: { grad }, b: { out: grad } }),
      /the \w+ of '[ab]' and the \w+ of '[ab]'/,
    ],
    [
      "out in its own state",
      (_, __, optimizer) => ({ a: { out: optimizer.state("a").squareAvg as FloatArray } }),
      /the \w+ of 'a' and the \w+ of 'a'/,
    ],
    [
      "a gradient in its own state",
      (_, __, optimizer) => ({ a: { grad: optimizer.state("a").squareAvg as FloatArray } }),
      /the \w+ of 'a' and the \w+ of 'a'/,
    ],
    [
      "data in another's state",
      (_, __, optimizer) => ({
        a: { data: optimizer.state("b").squareAvg as FloatArray },
        b: { grad: new Float32Array(5) },
      }),
      /the \w+ of '[ab]' and the \w+ of '[ab]'/,
    ],
  ];
  test.each(aliased)("ERR_ALIASED: %s", (_, arrays, message) => {
    const given: Arrays = {
      one: values("float32", 5, 1),
      two: values("float32", 5, 2),
      three: values("float32", 5, 3),
    };
    const longer = { ...given, one: values("float32", 6, 1) };
    const [a, b] = [parameter("a"), parameter("b")];
    const optimizer = new RMSprop([a, b]);
    optimizer.step();
    const source = /within/.test(_) ? longer : given;
    const witnesses = [optimizer, ...arraysOf([a, b]), ...Object.values(source)];
    refuses(() => optimizer.step(arrays(a, source, optimizer)), "ERR_ALIASED", message, witnesses);
    optimizer.step();
    expect(optimizer.lastStep?.step).toBe(2);
  });
});

describe("user code in a call's arrays", () => {
  const error = new Error("mine");
  const fail = (): never => {
    throw error;
  };

  test("each property is read once, in any object", () => {
    const reads: string[] = [];
    const counted = <T extends object>(target: T, label: string): T =>
      new Proxy(target, {
        get(object, name, receiver) {
          reads.push(`${label}.${String(name)}`);
          return Reflect.get(object, name, receiver);
        },
      });
    const p = parameter("x");
    const optimizer = new RMSprop([p]);
    optimizer.step(counted({ x: counted({ grad: values("float32", 5, 1) }, "x") }, "arrays"));
    expect(reads.sort()).toEqual(["arrays.x", "x.data", "x.grad", "x.out"]);
  });

  test("what a getter throws comes through, and nothing is changed", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const optimizer = new RMSprop([a, b], everything);
    optimizer.step();
    const before = [a, b].map((p) => resultOf(optimizer, p));
    for (const key of ["data", "grad", "out"]) {
      const arrays = { ...own(a), b: Object.defineProperty({}, key, { get: fail }) };
      expect(thrownBy(() => optimizer.step(arrays))).toBe(error);
    }
    const whole = Object.defineProperty(own(a), "b", { enumerable: true, get: fail });
    expect(thrownBy(() => optimizer.step(whole))).toBe(error);
    expect([a, b].map((p) => resultOf(optimizer, p))).toEqual(before);
    optimizer.step();
    expect(optimizer.lastStep?.step).toBe(2);
  });

  const attacks: readonly [string, (victim: Float32Array) => void][] = [
    ["detaches", (victim) => detach(bufferOf(victim))],
    ["shrinks", (victim) => (bufferOf(victim) as unknown as { resize(bytes: number): void }).resize(4)],
  ];
  test.each(attacks)("a getter that %s an array read before it is noticed", (_, attack) => {
    const victims = ["data", "grad", "out", "own data", "own grad"];
    for (const victim of victims) {
      const array = () => new Float32Array(resizable(20, 64), 0, 5);
      const a = { name: "a", data: array(), grad: array() };
      const b = parameter("b");
      const optimizer = new RMSprop([a, b], { momentum: 0.5 });
      optimizer.step();
      const given = { data: array(), grad: array(), out: array() };
      const isOwn = victim.startsWith("own ");
      const source = isOwn ? a : given;
      const target = source[victim.replace("own ", "") as "data"];
      const arrays = {
        a: isOwn ? { out: given.out } : given,
        get b() {
          attack(target);
          return { grad: b.grad };
        },
      };
      // Of an optimizer whose own array is gone there is no state dict to compare.
      const witnesses = isOwn ? [optimizer.state("a").squareAvg as FloatArray] : [optimizer];
      refuses(() => optimizer.step(arrays), "ERR_DETACHED", /of 'a'/, [...witnesses, ...arraysOf([b])], victim);
      if (!isOwn) optimizer.step();
    }
  });

  const entries: readonly [string, (optimizer: RMSprop) => unknown][] = [
    ["step", (optimizer) => optimizer.step()],
    ["step with arrays", (optimizer) => optimizer.step({ a: null })],
    ["zeroGrad", (optimizer) => optimizer.zeroGrad()],
    ["stateDict", (optimizer) => optimizer.stateDict()],
    ["loadStateDict", (optimizer) => optimizer.loadStateDict({ rule: "rmsprop", paramGroups: [], state: {} })],
    ["addParamGroup", (optimizer) => optimizer.addParamGroup({ params: [parameter("new")] })],
    ["freeze", (optimizer) => optimizer.freeze("a")],
    ["unfreeze", (optimizer) => optimizer.unfreeze("a")],
    ["remove", (optimizer) => optimizer.remove("a")],
    ["dispose", (optimizer) => optimizer.dispose()],
    ["using", (optimizer) => optimizer[Symbol.dispose]()],
  ];
  test.each(entries)("%s from within a getter or an lr function is ERR_STEP_IN_FLIGHT", (_, enter) => {
    for (const from of ["getter", "lr"]) {
      const p = parameter("a");
      let ran = 0;
      const code = () => {
        ran++;
        refuses(() => enter(optimizer), "ERR_STEP_IN_FLIGHT", /no step to be under way/, arraysOf([p]));
      };
      const lr = () => {
        if (from === "lr") code();
        return 0.1;
      };
      const optimizer = new RMSprop([p], { lr });
      const expected = new Expected(p.data, { lr: 0.1 });
      const arrays = {
        get a() {
          if (from === "getter") code();
          return p.grad;
        },
      };
      optimizer.step(arrays);
      expected.take(p.grad);
      expect(ran).toBe(1);
      expectResults(optimizer, [p], [expected]);
    }
  });
});
