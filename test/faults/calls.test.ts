// What a call may be given, what becomes of what it is not to be given, and what it says it did. Each test has the number under
// which the fault was reported.
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type FloatArray, type NumberType, RMSprop, SGD, type StepArrays } from "../../lib/index.ts";
import { arrayType } from "../support/arena.ts";
import { bitsOf, type OwnParameter, parameter, refuses } from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";

// biome-ignore lint/suspicious/noExplicitAny: what is given is wrong
type Wrong = any;

/** One parameter, in an optimizer alone and in one of two groups; and an optimizer over the same values to compare with. */
const setUps = numberTypes.flatMap((type) =>
  [1, 5, 0].flatMap((length) =>
    [false, true].map((inGroups) => ({
      type,
      length,
      name: `${type}, ${length} elements, ${inGroups ? "in groups" : "in one list"}`,
      make() {
        const w = parameter("w", length, type);
        const groups = [{ params: [parameter("other")] }, { params: [w], momentum: 0.5 }];
        const optimizer = inGroups ? new RMSprop(groups) : new RMSprop([w], { momentum: 0.5 });
        return { w, optimizer };
      },
    })),
  ),
);

const gradientOf = (type: NumberType, length: number) => new (arrayType(type))(length).fill(0.75);

describe.each(setUps)("S1: $name", ({ make, type, length }) => {
  const left = ({ w, optimizer }: { w: OwnParameter; optimizer: RMSprop }) => [
    bitsOf(w.data),
    ...Object.values(optimizer.state("w")).map((value) =>
      typeof value === "number" ? value : bitsOf(value as FloatArray),
    ),
  ];

  it("S1: a typed array in the place of { grad } is the gradient of this call", () => {
    const [given, expected] = [make(), make()];
    const gradient = gradientOf(type, length);
    const name = type === "float32" ? "Float32Array" : "Float64Array";
    const foreign = runInNewContext(`new ${name}(${length}).fill(0.75)`) as FloatArray;
    class Own extends (arrayType(type) as unknown as Float32ArrayConstructor) {}
    for (const array of [gradient, foreign, new Own(length).fill(0.75)]) {
      given.optimizer.step({ w: array });
      expected.optimizer.step({ w: { grad: gradient } });
      expect(left(given)).toEqual(left(expected));
    }
    expect(given.optimizer.state("w").step).toBe(3);
  });

  it("S1: stepAsync takes it too, and null leaves the parameter out", async () => {
    const [given, expected] = [make(), make()];
    await expect(given.optimizer.stepAsync({ w: null })).resolves.toBeUndefined();
    given.optimizer.step({ w: null });
    expect(left(given)).toEqual(left(expected));
    if (length === 0) await given.optimizer.stepAsync({ w: gradientOf(type, length) });
    else await expect(given.optimizer.stepAsync({ w: gradientOf(type, length) })).rejects.toThrow(/the data of 'w'/);
  });

  const g = () => gradientOf(type, length);
  const forms: readonly [string, RegExp, () => Wrong][] = [
    ["{ grads }", /the object has "grads"; did you mean 'grad'\?$/, () => ({ grads: g() })],
    ["{ gradient }", /the object has "gradient"; did you mean 'grad'\?$/, () => ({ gradient: g() })],
    ["{ grad } and more", /the object has "lr"\.$/, () => ({ grad: g(), lr: 1 })],
    ["a misspelled out", /the object has "output"; did you mean 'out'\?$/, () => ({ grad: g(), output: g() })],
    ["a parameter", /the object has "name"\.$/, () => ({ ...parameter("w"), grad: g() })],
    ["a list", /they are an array\.$/, () => [g()]],
    ["an object with none of them", /the object has none of these\.$/, () => ({})],
    ["an object with undefined ones", /the object has none of these\.$/, () => ({ grad: undefined })],
    ["a Map", /they are a Map\.$/, () => new Map([["grad", g()]])],
    ["a Promise", /they are a Promise\.$/, () => Promise.resolve(g())],
    ["a DataView", /they are a DataView\.$/, () => new DataView(new ArrayBuffer(8))],
    ["an ArrayBuffer", /they are an ArrayBuffer\.$/, () => g().buffer],
    ["a number", /they are 1\.$/, () => 1],
    ["undefined", /they are undefined\.$/, () => undefined],
    ["another typed array", /gradient of 'w' .* but it is an Int8Array\.$/, () => new Int8Array(length)],
    ["integers of 16 bits", /gradient of 'w' .* but it is a Uint16Array\.$/, () => new Uint16Array(length)],
    [
      "the other number type",
      /gradient of 'w' to be float/,
      () => gradientOf(type === "float32" ? "float64" : "float32", length),
    ],
  ];
  it.each(forms)("S1: %s is refused", (_, message, form) => {
    const { w, optimizer } = make();
    optimizer.step();
    refuses(() => optimizer.step({ w: form() }), "ERR_DTYPE", message, [optimizer, w.data, w.grad]);
  });

  it("S1: a gradient of another length is refused", () => {
    const { w, optimizer } = make();
    const wrong = gradientOf(type, length + 1);
    refuses(() => optimizer.step({ w: wrong }), "ERR_LENGTH", /the gradient of 'w'/, [optimizer, w.data]);
  });
});

describe("S1: what a step's arrays are in", () => {
  const wholes: readonly [string, RegExp, (grad: FloatArray) => Wrong][] = [
    ["a Map", /they are a Map\.$/, (grad) => new Map([["w", { grad }]])],
    ["a Promise", /they are a Promise\.$/, async (grad) => ({ w: grad })],
    ["a typed array", /they are a Float32Array\.$/, (grad) => grad],
    ["a list", /they are an array\.$/, (grad) => [grad]],
    ["what is inherited", /they are an object\.$/, (grad) => Object.create({ w: grad })],
  ];
  it.each(wholes)("S1: %s is refused, and not a step of nothing", (_, message, whole) => {
    const w = parameter("w");
    const optimizer = new SGD([w]);
    refuses(() => optimizer.step(whole(w.grad)), "ERR_DTYPE", message, [optimizer, w.data]);
  });

  it("S1: all of a model's gradients are the arrays of a call", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const arrays: StepArrays = { a: a.grad, b: b.grad };
    const optimizer = new SGD([a, b]);
    optimizer.step(Object.freeze(arrays));
    expect([optimizer.state("a").step, optimizer.state("b").step]).toEqual([1, 1]);
  });

  it("S1: an object of a class may compute what it holds", () => {
    const w = parameter("w");
    class Arrays {
      get grad() {
        return w.grad;
      }
    }
    const optimizer = new SGD([w]);
    optimizer.step({ w: new Arrays() });
    expect(optimizer.state("w").step).toBe(1);
  });
});

describe("S10: lastStep.applied", () => {
  for (const type of numberTypes) {
    const grad = () => gradientOf(type, 3);
    const make = (options: object) => {
      const p = { name: "w", data: gradientOf(type, 3), grad: grad() };
      return new SGD([p], { lr: 1, ...options });
    };

    it(`S10: is true of a step, and out is written: ${type}`, () => {
      const optimizer = make({});
      const out = gradientOf(type, 3).fill(0);
      optimizer.step({ w: { grad: grad(), out } });
      expect(optimizer.lastStep).toEqual({ step: 1, applied: true, skipped: false });
      expect(Array.from(out)).toEqual([0, 0, 0].map(() => 0.75 - 0.75));
    });

    it(`S10: is false of a call that is skipped, whose out is left: ${type}`, () => {
      const optimizer = make({ skipNonFinite: true });
      const out = gradientOf(type, 3).fill(7);
      optimizer.step({ w: { grad: grad().fill(Number.NaN), out } });
      expect(optimizer.lastStep).toMatchObject({ applied: false, skipped: true });
      expect(Array.from(out)).toEqual([7, 7, 7]);
      optimizer.step({ w: { grad: grad(), out } });
      expect(optimizer.lastStep).toMatchObject({ applied: true, skipped: false });
    });

    it(`S10: is false of a call that only accumulates, whose out is left: ${type}`, () => {
      const optimizer = make({ gradientAccumulationSteps: 2 });
      const out = gradientOf(type, 3).fill(7);
      const applied = [1, 2, 3, 4].map(() => {
        optimizer.step({ w: { grad: grad(), out } });
        return [optimizer.lastStep?.applied, out[0] === 7];
      });
      expect(applied).toEqual([
        [false, true],
        [true, false],
        [false, false],
        [true, false],
      ]);
    });

    it(`S10: is false of a call that had nothing to step: ${type}`, () => {
      const optimizer = make({});
      optimizer.step();
      [{}, { w: null }].forEach((nothing, i) => {
        optimizer.step(nothing);
        expect(optimizer.lastStep).toEqual({ step: i + 1, applied: false, skipped: false });
        optimizer.step();
        expect(optimizer.lastStep).toEqual({ step: i + 2, applied: true, skipped: false });
      });
    });
  }
});
