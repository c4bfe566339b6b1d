// Arrays for one call: their values, the parameters' and their state's after a step; partial steps, and names.
import { describe, expect, test } from "vitest";
import { type FloatArray, type NumberType, RMSprop, type StepArrays } from "../lib/index.ts";
import { arraysOf, bytesOf, detach, type OwnParameter, own, parameter, refuses, values } from "./support/arrays.ts";
import { numberTypes } from "./support/cases.ts";
import {
  bitText,
  drawGradients,
  Expected,
  everything,
  expectResults,
  groupOf,
  optionsAndTypes,
  parametersOf,
} from "./support/steps.ts";

const subsets: readonly (readonly ("data" | "grad" | "out")[])[] = [
  ["data"],
  ["grad"],
  ["out"],
  ["data", "grad"],
  ["data", "out"],
  ["grad", "out"],
  ["data", "grad", "out"],
];

describe("arrays for one call", () => {
  describe.each(subsets.map((given) => [given.join(", "), given] as const))("%s given", (_, given) => {
    test.each(optionsAndTypes)("$name", ({ options, types }) => {
      const parameters = parametersOf(types);
      const expected = parameters.map(({ data }) => new Expected(data, options));
      const optimizer = new RMSprop(parameters, options);
      const plainStep = (seed: number) => {
        drawGradients(parameters, seed);
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
        drawGradients(parameters, 10 + call);
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
      expect(optimizer.lastStep).toEqual({ step: 5, applied: true, skipped: false });
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
    const [a, b, c] = parametersOf(["float32", "float64"], [5, 6, 7]) as [OwnParameter, OwnParameter, OwnParameter];
    const options = { ...everything, lr: (step: number) => 1 / (1 + step) };
    const expected = [a, b, c].map(({ data }) => new Expected(data, options)) as [Expected, Expected, Expected];
    const optimizer = new RMSprop([a, b, c], options);
    const calls: (StepArrays | undefined)[] = [
      ...[
        undefined,
        own(a),
        own(b, c),
        {},
        undefined,
        own(c),
        { a: { grad: null }, ...own(b) },
        { a: null, b: b.grad },
      ],
      ...[undefined, own(c, a, b), own(a), undefined, own(b, c), undefined],
    ];
    calls.forEach((arrays, i) => {
      drawGradients([a, b, c], i);
      optimizer.step(arrays);
      [a, b, c].forEach(({ name, grad }, e) => {
        const given = arrays?.[name];
        const named = arrays === undefined || (given && (!("grad" in given) || given.grad !== null));
        if (named) expected[e]?.take(grad);
      });
      expectResults(optimizer, [a, b, c], expected);
    });
    expect([a, b, c].map(({ name }) => optimizer.state(name).step)).toEqual([8, 10, 9]);
  });

  test("is the last step, with the highest count of those it stepped", () => {
    const [a, b, c] = parametersOf(["float32"], [1, 2, 3]) as [OwnParameter, OwnParameter, OwnParameter];
    const optimizer = new RMSprop([a, b, c]);
    optimizer.step();
    optimizer.step(own(a));
    expect(optimizer.lastStep).toEqual({ step: 2, applied: true, skipped: false });
    optimizer.step(own(b));
    optimizer.step(own(b));
    optimizer.step(own(c));
    expect(optimizer.lastStep).toEqual({ step: 2, applied: true, skipped: false });
    optimizer.step(own(c, b));
    expect(optimizer.lastStep).toEqual({ step: 4, applied: true, skipped: false });
    optimizer.step();
    expect(optimizer.lastStep).toEqual({ step: 5, applied: true, skipped: false });
  });

  test("skips a frozen parameter and one whose gradient is null, though named", () => {
    const [a, b] = [parameter("a"), { ...parameter("b"), grad: null }];
    const optimizer = new RMSprop([a, b], everything);
    optimizer.freeze("a");
    const before = arraysOf([a, b]).map(bytesOf);
    optimizer.step(own(a, b));
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
    optimizer.step(own(a));
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
      ["x", { grad: p.grad }],
      [name, { grad: new Float32Array(5) }],
    ]);
    const message = /^Expected arrays for parameters by name, but none is named ".*"\.$/;
    refuses(() => optimizer.step(arrays), "ERR_NAME", message, [optimizer, ...arraysOf([p])]);
  });

  test("a removed parameter's is unknown", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const optimizer = new RMSprop([a, b]);
    optimizer.remove("a");
    refuses(() => optimizer.step(own(a)), "ERR_NAME", /none is named "a"/, [optimizer, ...arraysOf([a, b])]);
  });

  test("symbols, inherited and hidden properties are no names", () => {
    const p = parameter("x");
    const optimizer = new RMSprop([p]);
    const before = bytesOf(p.data);
    const arrays = { grad: p.grad };
    optimizer.step({ [Symbol("x")]: arrays } as never);
    optimizer.step(Object.defineProperty({}, "x", { value: arrays }));
    const inherited = Object.create({ x: arrays });
    refuses(() => optimizer.step(inherited), "ERR_DTYPE", /the arrays of a step to be an object/, [optimizer]);
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
    const one = new RegExp(
      `^Expected the arrays of 'x' to be \\{ data, grad, out \\} or a .* but they are ${found}\\.$`,
    );
    if (given !== null) refuses(() => optimizer.step({ x: given as never }), "ERR_DTYPE", one, witnesses);
  });
});
