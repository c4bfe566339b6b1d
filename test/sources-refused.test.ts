// Gradients of several parts or of factors that do not fit: each is refused by its sentence, of a constructor and of a call,
// and nothing is changed.
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { allocate, RMSprop, SGD } from "../lib/index.ts";
import { refuses, resizable } from "./support/arrays.ts";
import { rejects } from "./support/steps.ts";

describe("what does not fit is refused", () => {
  const data = new Float32Array(6);
  const four = () => new Float32Array(4);
  const six = () => new Float32Array(6);
  const own = six();
  // biome-ignore lint/suspicious/noExplicitAny: what is given is wrong
  const wrong: [string, any, string, RegExp][] = [
    ["an empty list", [], "ERR_LENGTH", /the gradients of 'w' to be a list of 1 to 64, but there are 0/],
    ["a list too long", Array.from({ length: 65 }, six), "ERR_LENGTH", /1 to 64, but there are 65/],
    [
      "a null in a list",
      [six(), null],
      "ERR_DTYPE",
      /the gradient 1 of 'w' to be a Float32Array or a Float64Array, but it is null/,
    ],
    [
      "another type in a list",
      [six(), new Float64Array(6)],
      "ERR_DTYPE",
      /the gradient 1 of 'w' to be float32 like its data/,
    ],
    ["another length in a list", [six(), four()], "ERR_LENGTH", /the gradient 1 of 'w' to have 6 elements/],
    ["one array twice", [own, own], "ERR_ALIASED", /the gradient 0 of 'w' and the gradient 1 of 'w'/],
    ["its own data in a list", [six(), data], "ERR_ALIASED", /the data of 'w'|of 'w' and the data/],
    ["x that is no array", { x: 5, y: six() }, "ERR_DTYPE", /the x of the gradient of 'w' to be a Float32Array/],
    ["no y", { x: four() }, "ERR_DTYPE", /the y of the gradient of 'w' to be a Float32Array/],
    [
      "y of another type",
      { x: four(), y: new Float64Array(6) },
      "ERR_DTYPE",
      /the y of the gradient of 'w' to be float32/,
    ],
    [
      "x with half a row",
      { x: new Float32Array(3), y: six() },
      "ERR_LENGTH",
      /the x .* to have rows of 2 elements, but it has 3/,
    ],
    [
      "y with half a row",
      { x: four(), y: new Float32Array(4) },
      "ERR_LENGTH",
      /the y .* to have rows of 3 elements, but it has 4/,
    ],
    [
      "fewer rows of x than of y",
      { x: new Float32Array(2), y: six() },
      "ERR_LENGTH",
      /x of the gradient of 'w' to have as many rows as y, 2, or a batch, but it has 1\./,
    ],
    [
      "a batch too large",
      { x: four(), y: six(), batch: 3 },
      "ERR_OPTION",
      /from 0 to 2, the rows of its factors, but it is 3/,
    ],
    ["a batch that is no number", { x: four(), y: six(), batch: "2" }, "ERR_OPTION", /but it is "2"/],
    [
      "another property",
      { x: four(), y: six(), bach: 2 },
      "ERR_DTYPE",
      /\{ x, y, batch, transposed \}, but it has "bach"/,
    ],
    ["a word for transposed", { x: four(), y: six(), transposed: "yes" }, "ERR_DTYPE", /'transposed', but it is "yes"/],
    ["factors that are the data", { x: four(), y: data }, "ERR_ALIASED", /of 'w'/],
  ];

  test.each(wrong)("%s", (_, grad, code, message) => {
    const shape = [2, 3];
    refuses(() => new SGD([{ name: "w", shape, data, grad }]), code as never, message, [data]);
    const optimizer = new SGD([{ name: "w", shape, data, grad: six() }], { momentum: 0.5 });
    refuses(() => optimizer.step({ w: { grad } }), code as never, message, [optimizer, data]);
  });

  test("factors of a parameter without two dimensions", () => {
    const grad = { x: new Float32Array(2), y: new Float32Array(3) };
    for (const shape of [undefined, [6], [1, 2, 3]]) {
      const p = { name: "w", data, grad, ...(shape && { shape }) };
      refuses(() => new SGD([p]), "ERR_LENGTH", /'w' to have a shape of two dimensions, .* (none|\[6\]|\[1,2,3\])\./, [
        data,
      ]);
    }
  });

  test("memory that was taken away", () => {
    const [x, y] = [new Float32Array(2), new Float32Array(3)];
    const optimizer = new SGD([{ name: "w", shape: [2, 3], data: six(), grad: { x, y } }]);
    structuredClone(x.buffer, { transfer: [x.buffer] });
    refuses(() => optimizer.step(), "ERR_DETACHED", /the x of the gradient of 'w'/, []);
  });

  test("stepAsync over memory that may be taken away", async () => {
    const { params } = allocate({ w: [2, 3] });
    const grad = { x: new Float32Array(2), y: new Float32Array(3) };
    const optimizer = new SGD([{ name: "w", shape: [2, 3], data: params.w, grad }]);
    await rejects(() => optimizer.stepAsync(), "ERR_ASYNC_MEMORY", /of the gradient of 'w'/, [params.w]);
  });
});

test("a getter among factors runs once, before anything is checked", () => {
  const asked: string[] = [];
  const grad = {
    get x() {
      asked.push("x");
      return new Float32Array(2);
    },
    get y() {
      asked.push("y");
      return new Float32Array(3);
    },
  };
  const optimizer = new RMSprop([{ name: "w", shape: [2, 3], data: new Float32Array(6), grad: null }]);
  optimizer.step({ w: { grad } });
  expect(asked).toEqual(["x", "y"]);
});

describe("memory that a step writes is no part of a gradient that it makes", () => {
  const shape = [2, 3] as const;
  const six = () => new Float32Array(6);
  const two = () => new Float32Array(2);
  const over = /do not overlap in memory, but the .* of '[vw]' and the .* of '[vw]' do/;

  test.each(["x", "y", "list"])("%s over out, over data and over state of the call", (part) => {
    const optimizer = new RMSprop([{ name: "w", shape, data: six(), grad: null }]);
    optimizer.step({ w: six() });
    const state = optimizer.state("w").squareAvg as Float32Array;
    const [data, out] = [six(), six()];
    for (const [label, written] of Object.entries({ data, out, state })) {
      const half = written.subarray(2);
      const grad = { x: { x: half.subarray(0, 2), y: six().subarray(3) }, y: { x: two(), y: half.subarray(1) } }[part];
      const given = grad ?? [six(), new Float32Array(written.buffer as ArrayBuffer, written.byteOffset, 6)];
      const call = { w: { data, out: label === "data" ? data : out, grad: given as never } };
      refuses(() => optimizer.step(call), "ERR_ALIASED", over, [optimizer, data, out], label);
    }
  });

  test("another parameter's data, and what zeroGrads sets to zero; without that, arrays may be shared", () => {
    const [data, other, shared] = [six(), six(), six()];
    const v = { name: "v", data: other, grad: six() };
    refuses(
      () => new SGD([{ name: "w", shape, data, grad: { x: two(), y: other.subarray(3) } }, v]),
      "ERR_ALIASED",
      over,
    );
    refuses(() => new SGD([{ name: "w", data, grad: [six(), other] }, v]), "ERR_ALIASED", over);
    const lists = [
      { name: "w", data, grad: [shared, six()] },
      { name: "v", data: other, grad: [six(), shared] },
    ];
    const factors = { name: "w", data, grad: [shared, { x: null, y: shared }] };
    for (const params of [lists, [factors]]) {
      new SGD(params, { zeroGrads: false }).step();
      refuses(() => new SGD(params, { zeroGrads: true }), "ERR_ALIASED", over, [data, other, shared]);
      const optimizer = new SGD(params);
      optimizer.step();
      Object.assign(optimizer.paramGroups[0] as object, { zeroGrads: true });
      refuses(() => optimizer.step(), "ERR_ALIASED", over, [optimizer, data, other, shared]);
    }
  });

  test("x and y may be the same arrays for several parameters, and one another", () => {
    const y = Float32Array.of(1, 2);
    const [w, b] = [new Float32Array(4), new Float32Array(2)];
    const params = [
      { name: "w", shape: [2, 2], data: w, grad: { x: y, y } },
      { name: "b", data: b, grad: { x: null, y } },
    ];
    new SGD(params, { lr: 1, zeroGrads: true }).step();
    expect([...w, ...b, ...y]).toEqual([-1, -2, -2, -4, -1, -2, 1, 2]);
  });
});

describe("what a call is given in the place of { grad }", () => {
  test.each([
    ["a list", [new Float32Array(1)], /'w' to be \{ data, grad, out \} or a gradient/],
    ["factors", { x: null, y: new Float32Array(1) }, /but it is factors: give them as \{ grad: \{ x, y \} \}\./],
  ])("%s is refused: it goes under grad", (_, given, message) => {
    const data = new Float32Array(1);
    const optimizer = new SGD([{ name: "w", data, grad: new Float32Array(1) }]);
    refuses(() => optimizer.step({ w: given as never }), "ERR_DTYPE", message, [optimizer, data]);
  });

  test("a parameter without arrays of its own takes factors and lists with each call, and stands with none", () => {
    const optimizer = new SGD([{ name: "w", data: null, shape: [1, 2] }], { lr: 1 });
    const data = new Float32Array(2);
    const x = Float32Array.of(3);
    optimizer.step({ w: { data, grad: { x, y: Float32Array.of(1, 2) } } });
    optimizer.step({ w: { data, grad: [Float32Array.of(1, 1), Float32Array.of(1, 1)] } });
    expect([...data]).toEqual([-5, -8]);
    const grad = { x, y: new Float32Array(2) };
    const wrong = [{ name: "w", data: null, shape: [1, 2], grad }] as never;
    refuses(() => new SGD(wrong), "ERR_DTYPE", /to have no gradient of its own/);
  });
});

test("x and y that follow the length of a resizable buffer are refused; of another realm, or frozen, they are taken", () => {
  const tracking = new Float32Array(resizable(8, 16) as never);
  const data = new Float32Array(2);
  const given = (x: Float32Array, y: Float32Array) => [
    { name: "w", shape: [1, 2], data, grad: Object.freeze({ x, y }) },
  ];
  const y = runInNewContext("new Float32Array([1, 2])") as Float32Array;
  refuses(() => new SGD(given(Float32Array.of(1), tracking)), "ERR_LENGTH", /the y .* to have a fixed length/, [data]);
  new SGD(given(Float32Array.of(2), y), { lr: 1 }).step();
  expect([...data]).toEqual([-2, -4]);
});
