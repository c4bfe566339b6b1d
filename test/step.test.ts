// step(): what it leaves of parameters and their state, with and without arrays for one call, compared bit for bit with
// the rule over each parameter alone (support/steps.ts).
import { describe, expect, test } from "vitest";
import {
  allocate,
  type FloatArray,
  type NumberType,
  type OptimErrorCode,
  type Parameter,
  RMSprop,
  type RMSpropOptions,
  type StepArrays,
} from "../lib/index.ts";
import { bufferOf } from "../lib/typed-array.ts";
import { arrayType } from "./support/arena.ts";
import {
  arraysOf,
  bytesOf,
  detach,
  drawGradient,
  growable,
  type OwnParameter,
  parameter,
  refuses,
  resizable,
  thrownBy,
  values,
} from "./support/arrays.ts";
import { numberTypes, uniformFrom } from "./support/cases.ts";
import { bitText, Expected, expectedResult, optionSets, optionsAndTypes, resultOf } from "./support/steps.ts";

type Group = RMSprop["paramGroups"][number];
const groupOf = (optimizer: RMSprop, i = 0) => optimizer.paramGroups[i] as Group;

const lengths = [40, 1, 0, 7];

const everything = optionSets.everything as RMSpropOptions;

/** Parameters named a, b, c, …, of these lengths and of number types in turn. */
const make = (types: readonly NumberType[], sizes: readonly number[] = lengths): OwnParameter[] =>
  sizes.map((length, i) => parameter("abcdefgh"[i] as string, length, types[i % types.length], i + 1));

const draw = (parameters: readonly OwnParameter[], seed: number) => {
  parameters.forEach(({ grad }, i) => {
    drawGradient(grad, seed * 131 + i);
  });
};

/** Asserts that an optimizer left of each parameter what is expected. */
function expectResults(optimizer: RMSprop, parameters: readonly Parameter[], expected: readonly Expected[]): void {
  parameters.forEach((p, i) => {
    expect(resultOf(optimizer, p), `'${p.name}'`).toEqual(expectedResult(expected[i] as Expected));
  });
}

// ---- Plain steps ----------------------------------------------------------------------------------------------------

describe("a plain step", () => {
  test.each(optionsAndTypes)("steps each parameter by the rule: $name", ({ options, types }) => {
    const parameters = make(types);
    const expected = parameters.map(({ data }) => new Expected(data, options));
    const optimizer = new RMSprop(parameters, options);
    for (let step = 1; step <= 5; step++) {
      draw(parameters, step);
      const before = parameters.map(({ grad }) => bytesOf(grad));
      optimizer.step();
      expected.forEach((e, i) => {
        e.take((parameters[i] as OwnParameter).grad);
      });
      expect(parameters.map(({ grad }) => bytesOf(grad))).toEqual(before);
      expect(optimizer.lastStep).toEqual({ step, skipped: false });
    }
    expectResults(optimizer, parameters, expected);
  });

  test("steps many groups with options of their own", () => {
    const sets = Object.values(optionSets);
    const parameters = sets.map((_, i) => parameter(`p${i}`, 20 + i, numberTypes[i % 2]));
    const optimizer = new RMSprop(parameters.map((p, i) => ({ params: [p], ...sets[i] })));
    const expected = parameters.map(({ data }, i) => new Expected(data, sets[i]));
    for (let step = 1; step <= 4; step++) {
      draw(parameters, step);
      optimizer.step();
      expected.forEach((e, i) => {
        e.take((parameters[i] as OwnParameter).grad);
      });
    }
    expectResults(optimizer, parameters, expected);
  });

  test("has done nothing before the first", () => {
    expect(new RMSprop([parameter("x")]).lastStep).toBeUndefined();
  });

  test("leaves out what has no gradient, whose step does not advance", () => {
    const [a, b, c] = make(["float32", "float64"], [5, 6, 7]) as [OwnParameter, OwnParameter, OwnParameter];
    const parameters = [a, { ...b, grad: null }, c];
    const expected = parameters.map(({ data }) => new Expected(data, everything));
    const optimizer = new RMSprop(parameters, everything);
    for (let step = 1; step <= 3; step++) {
      draw([a, c], step);
      optimizer.step();
      expected[0]?.take(a.grad);
      expected[2]?.take(c.grad);
    }
    expect(optimizer.state("b").step).toBe(0);
    expect(bitText(b.data)).toEqual(bitText((expected[1] as Expected).data));
    expectResults(optimizer, [a, c], [expected[0] as Expected, expected[2] as Expected]);
    expect(optimizer.lastStep).toEqual({ step: 3, skipped: false });
  });

  test("of nothing but null gradients does nothing, and is none", () => {
    const p = { ...parameter("x"), grad: null };
    const before = bytesOf(p.data);
    const optimizer = new RMSprop([p]);
    optimizer.step();
    optimizer.zeroGrad();
    expect(optimizer.lastStep).toBeUndefined();
    expect(bytesOf(p.data)).toEqual(before);
  });
});

describe("lr functions", () => {
  const recorded = () => {
    const calls: unknown[][] = [];
    const lr = (...args: unknown[]) => {
      calls.push(args);
      return 0.1;
    };
    return { calls, lr };
  };
  /** What was asked since the last time. */
  const taken = (calls: unknown[][]) => calls.splice(0).map(([step]) => step);

  test("are called with the step, from 1, once a step", () => {
    const { calls, lr } = recorded();
    const optimizer = new RMSprop(make(["float32", "float64"]), { lr });
    for (let step = 0; step < 3; step++) optimizer.step();
    expect(calls).toEqual([[1], [2], [3]]);
  });

  test("are called for each group on its own", () => {
    const [first, second] = [recorded(), recorded()];
    const [a, b, c] = make(["float32"], [1, 2, 3]) as [OwnParameter, OwnParameter, OwnParameter];
    const groups = [
      { params: [a], lr: first.lr },
      { params: [b], lr: second.lr },
      { params: [c], lr: second.lr },
    ];
    new RMSprop(groups).step();
    expect([taken(first.calls), taken(second.calls)]).toEqual([[1], [1, 1]]);
  });

  test("are called once for parameters whose step is equal, whatever parted them, and not for empty groups", () => {
    const { calls, lr } = recorded();
    const [a, b, c] = make(["float32", "float64"], [1, 2, 3]) as [OwnParameter, OwnParameter, OwnParameter];
    const optimizer = new RMSprop([{ params: [a, b, c] }, { params: [] }], { lr });
    optimizer.step();
    expect(taken(calls)).toEqual([1]);
    optimizer.step({ a: {} });
    expect(taken(calls)).toEqual([2]);
    optimizer.step();
    expect(taken(calls)).toEqual([3, 2]);
    optimizer.step({ b: {}, c: {} });
    expect(taken(calls)).toEqual([3]);
    optimizer.step(); // all are at 4 again
    expect(taken(calls)).toEqual([4]);
    optimizer.freeze("b");
    optimizer.step();
    expect(taken(calls)).toEqual([5]);
    optimizer.unfreeze("b");
    optimizer.step();
    expect(taken(calls).sort()).toEqual([5, 6]);
    expect(["a", "b", "c"].map((name) => optimizer.state(name).step)).toEqual([6, 5, 6]);
    optimizer.step({});
    expect(taken(calls)).toEqual([]);
  });

  test("are not called for a group whose parameters have no gradient or are frozen", () => {
    const { calls, lr } = recorded();
    const [a, b] = [parameter("a"), { ...parameter("b"), grad: null }];
    const optimizer = new RMSprop([{ params: [a] }, { params: [b], lr }]);
    optimizer.step();
    optimizer.freeze("a");
    optimizer.step();
    expect(calls).toEqual([]);
    expect(optimizer.state("a").step).toBe(1);
  });

  test.each([
    ["-1", -1],
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["undefined", undefined],
    ["null", null],
    ['"0.1"', "0.1"],
    ["1n", 1n],
    ["an object", Promise.resolve(0.1)],
    ["a function", () => 0.1],
  ])("that give %s refuse the step, for all groups", (found, rate) => {
    const [a, b] = [parameter("a"), parameter("b", 7, "float64")];
    let bad = false;
    const optimizer = new RMSprop([{ params: [a] }, { params: [b], lr: () => (bad ? rate : 0.1) as number }], {
      momentum: 0.5,
    });
    optimizer.step();
    bad = true;
    groupOf(optimizer).centered = true; // needs a slot, which a refused step does not make
    const message = new RegExp(`^Expected lr\\(2\\) to be a finite number of 0 or more, but it is ${found}\\.$`);
    const witnesses = [optimizer, ...arraysOf([a, b])];
    refuses(() => optimizer.step(), "ERR_OPTION", message, witnesses);
    refuses(() => optimizer.step({ a: {}, b: {} }), "ERR_OPTION", message, witnesses);
    bad = false;
    optimizer.step();
    expect([optimizer.state("a").step, optimizer.state("b").step]).toEqual([2, 2]);
  });

  test("that throw do so through the step, which changes nothing", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const error = new RangeError("mine");
    let bad = false;
    const lr = () => {
      if (bad) throw error;
      return 0.1;
    };
    const optimizer = new RMSprop([{ params: [a] }, { params: [b], lr }], everything);
    optimizer.step();
    const expected = [a, b].map(({ name, data }) => resultOf(optimizer, { name, data }));
    bad = true;
    expect(thrownBy(() => optimizer.step())).toBe(error);
    expect(thrownBy(() => optimizer.step({ b: {} }))).toBe(error);
    expect([a, b].map((p) => resultOf(optimizer, p))).toEqual(expected);
    bad = false;
    optimizer.step();
    expect(optimizer.lastStep).toEqual({ step: 2, skipped: false });
  });

  test("are what they were when the step began: what they set is for the next", () => {
    const [p, q] = [parameter("p"), parameter("p")];
    const asked: number[] = [];
    const optimizer = new RMSprop([p], {
      lr: (step) => {
        asked.push(step);
        groupOf(optimizer).lr = 0.25;
        return 0.5;
      },
    });
    const expected = new Expected(q.data, { lr: 0.5 });
    for (const lr of [0.5, 0.25, 0.25]) {
      optimizer.step();
      expected.options.lr = lr;
      expected.take(p.grad);
    }
    expect(asked).toEqual([1]);
    expectResults(optimizer, [p], [expected]);
  });
});

describe("zeroGrad", () => {
  test("sets gradients to +0, also of frozen parameters, and nothing else", () => {
    const parameters = [...make(["float32", "float64"]), { ...parameter("null"), grad: null }];
    const optimizer = new RMSprop(parameters, everything);
    for (const { grad } of parameters) grad?.fill(-0);
    optimizer.freeze("b");
    const before = parameters.map(({ data }) => bytesOf(data));
    optimizer.zeroGrad();
    for (const { grad } of parameters) {
      if (grad) expect(bytesOf(grad)).toEqual(new Uint8Array(grad.byteLength));
    }
    expect(parameters.map(({ data }) => bytesOf(data))).toEqual(before);
  });

  test("leaves alone an array without elements, whose buffer may be detached", () => {
    const buffer = new ArrayBuffer(8);
    const empty = { name: "empty", data: new Float32Array(0), grad: new Float32Array(buffer, 4, 0) };
    const other = parameter("other");
    const optimizer = new RMSprop([empty, other]);
    detach(buffer);
    optimizer.zeroGrad();
    optimizer.step();
    expect(other.grad.every((value) => value === 0)).toBe(true);
  });
});

// ---- Arrays for one call --------------------------------------------------------------------------------------------

const subsets: readonly (readonly ("data" | "grad" | "out")[])[] = [
  [],
  ["data"],
  ["grad"],
  ["out"],
  ["data", "grad"],
  ["data", "out"],
  ["grad", "out"],
  ["data", "grad", "out"],
];

describe("arrays for one call", () => {
  describe.each(subsets.map((given) => [given.join(", ") || "nothing", given] as const))("%s given", (_, given) => {
    test.each(optionsAndTypes)("$name", ({ options, types }) => {
      const parameters = make(types);
      const expected = parameters.map(({ data }) => new Expected(data, options));
      const optimizer = new RMSprop(parameters, options);
      const plainStep = (seed: number) => {
        draw(parameters, seed);
        optimizer.step();
        expected.forEach((e, i) => {
          e.take((parameters[i] as OwnParameter).grad);
        });
      };
      plainStep(1);
      for (let call = 0; call < 2; call++) {
        const arrays = Object.fromEntries(
          parameters.map(({ name, data: { length } }, i) => {
            const array = (seed: number) => values(types[i % types.length] as NumberType, length, seed + 100 * call);
            const all = { data: array(40 + i), grad: array(60 + i), out: array(80 + i) };
            return [name, Object.fromEntries(given.map((key) => [key, all[key]]))];
          }),
        ) as Record<string, { data?: FloatArray; grad?: FloatArray; out?: FloatArray }>;
        const copies = parameters.map(({ name }) => {
          const { data, grad, out } = arrays[name] as (typeof arrays)[string];
          return { data: data?.slice(), grad: grad?.slice(), out: out?.slice() };
        });
        draw(parameters, 10 + call);
        optimizer.step(arrays);
        parameters.forEach(({ name, grad }, i) => {
          const copy = copies[i] as (typeof copies)[number];
          (expected[i] as Expected).take(copy.grad ?? grad, copy.data, copy.out);
          for (const key of given) {
            const found = arrays[name]?.[key] as FloatArray;
            expect(bitText(found), `${key} of '${name}'`).toEqual(bitText(copy[key] as FloatArray));
          }
        });
      }
      expectResults(optimizer, parameters, expected);
      plainStep(20);
      plainStep(21);
      expectResults(optimizer, parameters, expected);
      expect(optimizer.lastStep).toEqual({ step: 5, skipped: false });
    });
  });

  test.each(numberTypes)("out may be the data itself, or another view of its place: %s", (type) => {
    for (const given of [false, true]) {
      for (const view of [(array: FloatArray) => array, (array: FloatArray) => array.subarray(0)]) {
        const p = parameter("x", 9, type);
        const data = given ? values(type, 9, 77) : p.data;
        const own = p.data.slice();
        const copy = data.slice();
        const expected = new Expected(own, everything);
        const optimizer = new RMSprop([p], everything);
        optimizer.step({ x: given ? { data, out: view(data) } : { out: view(data) } });
        expected.take(p.grad, given ? copy : expected.data);
        expect(bitText(data)).toEqual(bitText(given ? copy : expected.data));
        expectResults(optimizer, [p], [expected]);
      }
    }
  });

  test("data may be the gradient, where the result goes elsewhere", () => {
    const p = parameter("x", 9);
    const both = values("float32", 9, 5);
    const out = new Float32Array(9);
    const optimizer = new RMSprop([p], everything);
    const expected = new Expected(p.data, everything);
    optimizer.step({ x: { data: both, grad: both, out } });
    const wanted = new Float32Array(9);
    expected.take(both.slice(), both.slice(), wanted);
    expect(bitText(out)).toEqual(bitText(wanted));
    expectResults(optimizer, [p], [expected]);
  });

  test("two parameters may read one array, also a part of it, but not write one", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const one = values("float32", 8, 3);
    const [left, right] = [one.subarray(0, 5), one.subarray(2, 7)];
    const optimizer = new RMSprop([a, b], everything);
    const outs = [new Float32Array(5), new Float32Array(5)] as const;
    optimizer.step({ a: { data: left, grad: left, out: outs[0] }, b: { data: right, grad: left, out: outs[1] } });
    const expected = [a, b].map(({ data }) => new Expected(data, everything)) as [Expected, Expected];
    const wanted = [new Float32Array(5), new Float32Array(5)] as const;
    expected[0].take(left, left, wanted[0]);
    expected[1].take(left, right, wanted[1]);
    expect(outs.map(bitText)).toEqual(wanted.map(bitText));
    expectResults(optimizer, [a, b], expected);
  });

  test("a parameter may be built without memory worth stepping: its gradient comes with each call", () => {
    const p = { ...parameter("x", 9), grad: null };
    const expected = new Expected(p.data, everything);
    const optimizer = new RMSprop([p], everything);
    for (let call = 1; call <= 3; call++) {
      const grad = values("float32", 9, call);
      optimizer.step({ x: { grad } });
      expected.take(grad);
      optimizer.step(); // has none of its own
    }
    expectResults(optimizer, [p], [expected]);
  });

  test("arrays of every call may be new ones, and earlier ones may go", () => {
    const p = parameter("x", 9);
    const expected = new Expected(p.data, everything);
    const optimizer = new RMSprop([p], everything);
    for (let call = 1; call <= 3; call++) {
      const grad = values("float32", 9, call);
      optimizer.step({ x: { grad } });
      expected.take(grad);
      detach(grad.buffer);
    }
    expectResults(optimizer, [p], [expected]);
  });
});

describe("a partial step", () => {
  test("leaves out what is not named, whose step does not advance; each later step uses its own", () => {
    const [a, b, c] = make(["float32", "float64"], [5, 6, 7]) as [OwnParameter, OwnParameter, OwnParameter];
    const options = { ...everything, lr: (step: number) => 1 / (1 + step) };
    const expected = [a, b, c].map(({ data }) => new Expected(data, options)) as [Expected, Expected, Expected];
    const optimizer = new RMSprop([a, b, c], options);
    const calls: (StepArrays | undefined)[] = [
      ...[undefined, { a: {} }, { b: {}, c: {} }, {}, undefined, { c: {} }, { a: { grad: null }, b: {} }],
      ...[undefined, { c: {}, a: {}, b: {} }, { a: {} }, undefined, { b: {}, c: {} }, undefined],
    ];
    calls.forEach((arrays, i) => {
      draw([a, b, c], i);
      optimizer.step(arrays);
      [a, b, c].forEach(({ name, grad }, e) => {
        const named = arrays === undefined || (Object.hasOwn(arrays, name) && arrays[name]?.grad !== null);
        if (named) expected[e]?.take(grad);
      });
      expectResults(optimizer, [a, b, c], expected);
    });
    expect([a, b, c].map(({ name }) => optimizer.state(name).step)).toEqual([8, 9, 9]);
  });

  test("is the last step, with the highest count of those it stepped", () => {
    const optimizer = new RMSprop(make(["float32"], [1, 2, 3]));
    optimizer.step();
    optimizer.step({ a: {} });
    expect(optimizer.lastStep).toEqual({ step: 2, skipped: false });
    optimizer.step({ b: {} });
    optimizer.step({ b: {} });
    optimizer.step({ c: {} });
    expect(optimizer.lastStep).toEqual({ step: 2, skipped: false });
    optimizer.step({ c: {}, b: {} });
    expect(optimizer.lastStep).toEqual({ step: 4, skipped: false });
    optimizer.step();
    expect(optimizer.lastStep).toEqual({ step: 5, skipped: false });
  });

  test("skips a frozen parameter and one whose gradient is null, though named", () => {
    const [a, b] = [parameter("a"), { ...parameter("b"), grad: null }];
    const optimizer = new RMSprop([a, b], everything);
    optimizer.freeze("a");
    const before = arraysOf([a, b]).map(bytesOf);
    optimizer.step({ a: {}, b: {} });
    optimizer.step({ a: { grad: values("float32", 5, 1) } });
    expect(arraysOf([a, b]).map(bytesOf)).toEqual(before);
    expect([optimizer.state("a").step, optimizer.state("b").step]).toEqual([0, 0]);
    expect(optimizer.lastStep).toBeUndefined();
  });

  test("makes the slots that options have come to need, for all of the group", () => {
    const [a, b] = [parameter("a"), parameter("b", 7, "float64")];
    const expected = [a, b].map(({ data }) => new Expected(data)) as [Expected, Expected];
    const optimizer = new RMSprop([a, b]);
    optimizer.step();
    for (const [i, p] of [a, b].entries()) expected[i]?.take(p.grad);
    Object.assign(groupOf(optimizer), { momentum: 0.5, centered: true });
    for (const e of expected) Object.assign(e.options, { momentum: 0.5, centered: true });
    optimizer.step({ a: {} });
    expected[0].take(a.grad);
    optimizer.step();
    for (const [i, p] of [a, b].entries()) expected[i]?.take(p.grad);
    expectResults(optimizer, [a, b], expected);
  });
});

describe("names in a call", () => {
  const odd = ["__proto__", "constructor", "toString", "hasOwnProperty", "", "0", "data", "名前"];

  test.each(odd)("%j is a parameter's", (name) => {
    const [p, other] = [parameter(name, 5), parameter("other")];
    const expected = new Expected(p.data, everything);
    const optimizer = new RMSprop([p, other], everything);
    const grad = values("float32", 5, 1);
    optimizer.step(Object.fromEntries([[name, { grad }]]));
    expected.take(grad);
    optimizer.step();
    expected.take(p.grad);
    expectResults(optimizer, [p], [expected]);
    expect(optimizer.state("other").step).toBe(1);
  });

  test.each([...odd, "X", " x", "x "])("%j is unknown where no parameter has it", (name) => {
    const p = parameter("x");
    const optimizer = new RMSprop([p], everything);
    optimizer.step();
    const arrays = Object.fromEntries([
      ["x", {}],
      [name, { grad: new Float32Array(5) }],
    ]);
    const message = /^Expected arrays for parameters by name, but none is named ".*"\.$/;
    refuses(() => optimizer.step(arrays), "ERR_NAME", message, [optimizer, ...arraysOf([p])]);
  });

  test("a removed parameter's is unknown", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const optimizer = new RMSprop([a, b]);
    optimizer.remove("a");
    refuses(() => optimizer.step({ a: {} }), "ERR_NAME", /none is named "a"/, [optimizer, ...arraysOf([a, b])]);
  });

  test("symbols, inherited and hidden properties are no names", () => {
    const p = parameter("x");
    const optimizer = new RMSprop([p]);
    const before = bytesOf(p.data);
    optimizer.step({ [Symbol("x")]: {} } as never);
    optimizer.step(Object.create({ x: {} }));
    optimizer.step(Object.defineProperty({}, "x", { value: {} }));
    expect([optimizer.state("x").step, bytesOf(p.data)]).toEqual([0, before]);
  });

  test.each([
    ["null", null],
    ["5", 5],
    ['"x"', "x"],
    ["true", true],
    ["a function", () => undefined],
    ["a symbol", Symbol("x")],
  ])("%s is no object of arrays", (found, given) => {
    const p = parameter("x");
    const optimizer = new RMSprop([p], everything);
    const witnesses = [optimizer, ...arraysOf([p])];
    const whole = new RegExp(`^Expected the arrays of a step to be an object .* but they are ${found}\\.$`);
    refuses(() => optimizer.step(given as never), "ERR_DTYPE", whole, witnesses);
    const one = new RegExp(`^Expected the arrays of 'x' to be \\{ data, grad, out \\}, but they are ${found}\\.$`);
    refuses(() => optimizer.step({ x: given as never }), "ERR_DTYPE", one, witnesses);
  });
});

describe("arrays that do not fit are refused whole", () => {
  const kinds = { data: "data", grad: "gradient", out: "out" } as const;
  const bad: readonly [string, OptimErrorCode, RegExp, (type: NumberType) => unknown][] = [
    ["an Int32Array", "ERR_DTYPE", /a Float32Array or a Float64Array, but it is Int32Array/, () => new Int32Array(5)],
    ["an array", "ERR_DTYPE", /but it is an array/, () => [0, 0, 0, 0, 0]],
    ["a number", "ERR_DTYPE", /but it is 5/, () => 5],
    ["a proxy", "ERR_DTYPE", /but it is an object/, () => new Proxy(new Float32Array(5), {})],
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
        optimizer.step({ a: good, b: {} });
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
    ["out in another's data", ({ data }) => ({ a: {}, b: { out: data } }), /the \w+ of '[ab]' and the \w+ of '[ab]'/],
    [
      "out in another's gradient",
      ({ grad }) => ({ a: {}, b: { out: grad } }),
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
      (_, __, optimizer) => ({ a: { data: optimizer.state("b").squareAvg as FloatArray }, b: {} }),
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
      const arrays = { a: {}, b: Object.defineProperty({}, key, { get: fail }) };
      expect(thrownBy(() => optimizer.step(arrays))).toBe(error);
    }
    const whole = Object.defineProperty({ a: {} }, "b", { enumerable: true, get: fail });
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
      const own = victim.startsWith("own ");
      const source = own ? a : given;
      const target = source[victim.replace("own ", "") as "data"];
      const arrays = {
        a: own ? {} : given,
        get b() {
          attack(target);
          return {};
        },
      };
      // Of an optimizer whose own array is gone there is no state dict to compare.
      const witnesses = own ? [optimizer.state("a").squareAvg as FloatArray] : [optimizer];
      refuses(() => optimizer.step(arrays), "ERR_DETACHED", /of 'a'/, [...witnesses, ...arraysOf([b])], victim);
      if (!own) optimizer.step();
    }
  });

  const entries: readonly [string, (optimizer: RMSprop) => unknown][] = [
    ["step", (optimizer) => optimizer.step()],
    ["step with arrays", (optimizer) => optimizer.step({ a: {} })],
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
          return {};
        },
      };
      optimizer.step(arrays);
      expected.take(p.grad);
      expect(ran).toBe(1);
      expectResults(optimizer, [p], [expected]);
    }
  });
});

// ---- Parameters that come and go ------------------------------------------------------------------------------------

describe("a plain step over arrays that lost their memory", () => {
  const preparations: readonly [string, (optimizer: RMSprop) => void][] = [
    ["nothing", () => undefined],
    ["a new option", (optimizer) => Object.assign(groupOf(optimizer), { momentum: 0.5, centered: true })],
    ["freeze", (optimizer) => optimizer.freeze("b")],
    ["remove", (optimizer) => optimizer.remove("b")],
    ["loadStateDict", (optimizer) => optimizer.loadStateDict(optimizer.stateDict())],
    ["addParamGroup", (optimizer) => optimizer.addParamGroup({ params: [parameter("c")] })],
    ["a partial step", (optimizer) => optimizer.step({ b: {} })],
  ];
  test.each(preparations)("is ERR_DETACHED and changes nothing, after %s", (_, prepare) => {
    for (const kind of ["data", "gradient"]) {
      for (const way of ["detached", "shrunk at an offset"]) {
        const [buffer, other] = [resizable(64, 128), resizable(64, 128)];
        const a = { name: "a", data: new Float32Array(buffer, 32, 5), grad: new Float32Array(other, 32, 5) };
        const b = parameter("b");
        const optimizer = new RMSprop([a, b]);
        optimizer.step();
        prepare(optimizer);
        const gone = kind === "data" ? buffer : other;
        if (way === "detached") detach(gone);
        else gone.resize(40);
        const witnesses = [optimizer, ...arraysOf([b])];
        const refused = (action: () => unknown) =>
          refuses(action, "ERR_DETACHED", new RegExp(`the ${kind} of 'a'`), witnesses, `${kind} ${way}`);
        refused(() => optimizer.step());
        refused(() => optimizer.step({ a: {} }));
        refused(() => optimizer.zeroGrad());
        refused(() => optimizer.stateDict());
        refused(() => optimizer.addParamGroup({ params: [parameter("d")] }));
      }
    }
  });
});

describe("freeze, unfreeze, remove and addParamGroup", () => {
  test("a frozen parameter keeps its state and its step until it comes back", () => {
    const [a, b] = [parameter("a"), parameter("b", 7, "float64")];
    const expected = [a, b].map(({ data }) => new Expected(data, everything)) as [Expected, Expected];
    const optimizer = new RMSprop([a, b], everything);
    const step = (seed: number, ...of: number[]) => {
      draw([a, b], seed);
      optimizer.step();
      for (const i of of) expected[i]?.take(([a, b][i] as OwnParameter).grad);
      expectResults(optimizer, [a, b], expected);
    };
    step(1, 0, 1);
    optimizer.freeze("a");
    step(2, 1);
    optimizer.freeze("a", "b");
    step(3);
    optimizer.unfreeze("b", "b");
    step(4, 1);
    optimizer.unfreeze("a");
    step(5, 0, 1);
    optimizer.freeze();
    step(6, 0, 1);
    expect(optimizer.lastStep).toEqual({ step: 5, skipped: false });
  });

  test.each(["freeze", "unfreeze", "remove"] as const)(
    "%s refuses an unknown name, and takes none of the others",
    (way) => {
      const [a, b] = [parameter("a"), parameter("b")];
      const optimizer = new RMSprop([a, b]);
      if (way === "unfreeze") optimizer.freeze("a");
      for (const name of ["c", "__proto__", "toString", "constructor", "", undefined, 5, null]) {
        refuses(() => optimizer[way]("a", name as string), "ERR_NAME", /but none is named /, [optimizer]);
      }
      optimizer.step();
      expect([optimizer.state("a").step, optimizer.state("b").step]).toEqual([way === "unfreeze" ? 0 : 1, 1]);
    },
  );

  test("a removed parameter is left alone, the others go on, and its name may come again with fresh state", () => {
    const [a, b, c] = make(["float32", "float64"], [5, 6, 7]) as [OwnParameter, OwnParameter, OwnParameter];
    const expected = [a, b, c].map(({ data }) => new Expected(data, everything)) as [Expected, Expected, Expected];
    const optimizer = new RMSprop([a, b, c], everything);
    optimizer.step();
    expected.forEach((e, i) => {
      e.take(([a, b, c][i] as OwnParameter).grad);
    });
    optimizer.remove("b", "b");
    const left = bytesOf(b.data);
    optimizer.step();
    expected[0].take(a.grad);
    expected[2].take(c.grad);
    expectResults(optimizer, [a, c], [expected[0], expected[2]]);
    expect(bytesOf(b.data)).toEqual(left);
    expect(groupOf(optimizer).params).toEqual(["a", "c"]);
    expect({ ...groupOf(optimizer) }.params).toEqual(["a", "c"]);
    refuses(() => optimizer.state("b"), "ERR_NAME", /none is named "b"/);

    optimizer.addParamGroup({ params: [b] });
    const fresh = new Expected(b.data, everything);
    optimizer.step();
    expected[0].take(a.grad);
    expected[2].take(c.grad);
    fresh.take(b.grad);
    expectResults(optimizer, [a, b, c], [expected[0], fresh, expected[2]]);
  });

  test("a group may lose its last parameter, and its state's memory goes with it", () => {
    const [a, b, c] = make(["float32", "float64"], [5, 6, 7]) as [OwnParameter, OwnParameter, OwnParameter];
    const optimizer = new RMSprop([{ params: [a, b] }, { params: [c] }], everything);
    optimizer.step();
    const states = [a, b, c].map(({ name }) => optimizer.state(name).squareAvg as FloatArray);
    const lengthsNow = () => states.map(({ length }) => length);
    optimizer.remove("a");
    expect(lengthsNow()).toEqual([0, 6, 7]);
    optimizer.remove("b");
    expect(lengthsNow()).toEqual([0, 0, 7]);
    expect(optimizer.paramGroups.map(({ params }) => params)).toEqual([[], ["c"]]);
    groupOf(optimizer).momentum = 0.75;
    optimizer.step();
    expect(optimizer.state("c").step).toBe(2);
    optimizer.loadStateDict(optimizer.stateDict());
    optimizer.remove("c");
    optimizer.step();
    expect(lengthsNow()).toEqual([0, 0, 0]);
    expect(optimizer.stateDict().state).toEqual({});
    optimizer.addParamGroup({ params: [a], ...everything });
    const expected = new Expected(a.data, everything);
    optimizer.step();
    expected.take(a.grad);
    expectResults(optimizer, [a], [expected]);
    expect(optimizer.lastStep).toEqual({ step: 1, skipped: false });
  });

  test("parameters of one number type share memory until the last of them is gone", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const optimizer = new RMSprop([a, b]);
    optimizer.step();
    const state = optimizer.state("a").squareAvg as FloatArray;
    optimizer.remove("a");
    expect(state.length).toBe(5);
    optimizer.step();
    optimizer.remove("b");
    expect(state.length).toBe(0);
    optimizer.dispose();
  });

  test("two may have the place of one that was removed", () => {
    const whole = values("float32", 10, 1);
    const grad = values("float32", 10, 2);
    const part = (name: string, from: number, to: number) => ({
      name,
      data: whole.subarray(from, to),
      grad: grad.subarray(from, to),
    });
    const optimizer = new RMSprop([part("whole", 0, 10)], everything);
    optimizer.step();
    const halves = [part("left", 0, 5), part("right", 5, 10)];
    refuses(() => optimizer.addParamGroup({ params: halves }), "ERR_ALIASED", /'whole'/, [optimizer, whole]);
    optimizer.remove("whole");
    const expected = halves.map(({ data }) => new Expected(data, everything));
    optimizer.addParamGroup({ params: halves });
    optimizer.step();
    expected.forEach((e, i) => {
      e.take((halves[i] as { grad: FloatArray }).grad);
    });
    expectResults(optimizer, halves, expected);
  });
});

// ---- All of it in any order -----------------------------------------------------------------------------------------

describe("plain and partial steps, frozen, removed and added parameters, options set, in a drawn order", () => {
  test.each([1, 2, 3, 4, 5, 6])("leave of each parameter what it alone would get: seed %i", (seed) => {
    const uniform = uniformFrom(seed);
    const pick = (count: number) => Math.floor(uniform() * count);
    const sizes = [3, 40, 0, 1025, 1, 17];
    const pool = make(["float32", "float64", "float32"], sizes);
    const present = new Map<string, { p: OwnParameter; e: Expected; frozen: boolean; group: number }>();
    const groupOptions: RMSpropOptions[] = [];
    const optimizer = new RMSprop([], {});
    const add = (params: OwnParameter[], options: RMSpropOptions) => {
      optimizer.addParamGroup({ params, ...options });
      groupOptions.push(options);
      for (const p of params) {
        present.set(p.name, { p, e: new Expected(p.data, options), frozen: false, group: groupOptions.length });
      }
    };
    add(pool.slice(0, 2), { lr: (step) => 0.1 / step });
    add(pool.slice(2, 5), everything);
    const changes: readonly RMSpropOptions[] = [
      ...[{ lr: 0.02 }, { lr: (step: number) => 0.05 * step }, { momentum: 0.9 }, { centered: true }],
      ...[{ centered: false }, { weightDecay: 0.1 }, { decoupledWeightDecay: true }, { maximize: true }],
    ];
    let steps = 0;
    for (let action = 0; action < 150; action++) {
      draw(pool, 1000 * seed + action);
      const names = [...present.keys()];
      const name = names[pick(names.length)] as string;
      const kind = pick(12);
      if (kind < 3) {
        optimizer.step();
        steps++;
        for (const { p, e, frozen } of present.values()) if (!frozen) e.take(p.grad);
      } else if (kind < 8) {
        const chosen = names.filter(() => uniform() < 0.5);
        const arrays: Record<string, { data?: FloatArray; grad?: FloatArray | null; out?: FloatArray }> = {};
        const checks: (() => void)[] = [];
        for (const key of chosen) {
          const { p, e, frozen } = present.get(key) as { p: OwnParameter; e: Expected; frozen: boolean };
          const type = p.data instanceof Float64Array ? "float64" : "float32";
          const given = (share: number) => (uniform() < share ? values(type, p.data.length, pick(1e6)) : undefined);
          const [data, grad, out] = [given(0.3), uniform() < 0.1 ? null : given(0.5), given(0.3)];
          arrays[key] = { ...(data && { data }), ...(grad !== undefined && { grad }), ...(out && { out }) };
          if (frozen || grad === null) continue;
          const [dataCopy, outCopy] = [data?.slice(), out?.slice()];
          const gradient = (grad ?? p.grad).slice();
          checks.push(() => {
            e.take(gradient, dataCopy, outCopy);
            if (data) expect(bitText(data)).toEqual(bitText(dataCopy as FloatArray));
            if (out) expect(bitText(out)).toEqual(bitText(outCopy as FloatArray));
          });
        }
        optimizer.step(arrays);
        steps++;
        for (const check of checks) check();
      } else if (kind === 8 && name) {
        const entry = present.get(name) as { frozen: boolean };
        entry.frozen = !entry.frozen;
        if (entry.frozen) optimizer.freeze(name);
        else optimizer.unfreeze(name);
      } else if (kind === 9 && name) {
        optimizer.remove(name);
        present.delete(name);
      } else if (kind === 10) {
        const absent = pool.filter((p) => !present.has(p.name));
        if (absent.length > 0) add(absent.slice(0, 1 + pick(absent.length)), everything);
      } else {
        const group = pick(groupOptions.length);
        const change = changes[pick(changes.length)] as RMSpropOptions;
        Object.assign(groupOf(optimizer, group + 1), change); // the constructor's own group is empty
        for (const { e, group: own } of present.values()) if (own === group + 1) Object.assign(e.options, change);
      }
      for (const { p, e } of present.values()) {
        const { step } = optimizer.state(p.name);
        expect([step, bitText(p.data)], `'${p.name}' after action ${action}`).toEqual([e.step, bitText(e.data)]);
      }
    }
    expect(steps).toBeGreaterThan(20);
  });

  test("as optimizers of one parameter each would, one by one", () => {
    const parameters = make(["float32", "float64"]);
    const alone = make(["float32", "float64"]);
    const optimizer = new RMSprop(parameters, everything);
    const own = alone.map((p) => new RMSprop([p], everything));
    const uniform = uniformFrom(9);
    for (let step = 0; step < 30; step++) {
      draw(parameters, step);
      draw(alone, step);
      const chosen = parameters.filter(() => uniform() < 0.5);
      if (step % 3 === 0) optimizer.step();
      else optimizer.step(Object.fromEntries(chosen.map(({ name }) => [name, {}])));
      parameters.forEach((p, i) => {
        if (step % 3 === 0 || chosen.includes(p)) own[i]?.step();
      });
    }
    parameters.forEach((p, i) => {
      expect(resultOf(optimizer, p)).toEqual(resultOf(own[i] as RMSprop, alone[i] as OwnParameter));
    });
  });
});
