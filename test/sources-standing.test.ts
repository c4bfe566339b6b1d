// Gradients that a parameter stands with and a step makes: what may change of them, what is refused, and what it is when
// their memory is gone.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { allocate, RMSprop, SGD } from "../lib/index.ts";
import { divideBy } from "../lib/parameters/standing.ts";
import { detach, refuses, resizable } from "./support/arrays.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";
import { rejects } from "./support/steps.ts";

afterEach(useOwnBackend);

const shape = [2, 3] as const;

/** Factors of two rows: of the first alone the gradient is ones, of both it is elevens. */
function twoRows() {
  const grad: { x: Float32Array; y: Float32Array; batch?: number } = {
    x: Float32Array.of(1, 1, 10, 10),
    y: Float32Array.of(1, 1, 1, 1, 1, 1),
  };
  return { name: "w", shape, data: new Float32Array(6), grad };
}

describe.each(Object.keys(everyBackend))("on %s", (name) => {
  const use = () => useBackend(everyBackend[name] as never);

  describe("a batch that is set counts from the next step on", () => {
    test("between steps", () => {
      use();
      const p = twoRows();
      const optimizer = new SGD([p], { lr: 1 });
      for (const [batch, expected] of [
        [1, -1],
        [1, -2],
        [2, -13],
        [0, -13],
        [2, -24],
      ] as const) {
        p.grad.batch = batch;
        optimizer.step();
        expect(p.data[0], `${batch}`).toBe(expected);
      }
      for (const bad of [3, -1, 0.5, Number.NaN, "1", null, undefined]) {
        const message = /^Expected the batch of the gradient of 'w' to be a whole number from 0 to 2, .* but it is/;
        refuses(() => Object.assign(p.grad, { batch: bad }), "ERR_OPTION", message, [optimizer, p.data]);
      }
      optimizer.step();
      expect([p.grad.batch, p.data[0]]).toEqual([2, -35]);
      optimizer.dispose();
      p.grad.batch = 7; // nobody's any more
      expect(p.grad.batch).toBe(7);
    });

    test("of a parameter that is frozen, while steps of the others repeat", () => {
      use();
      const p = twoRows();
      const other = { name: "b", data: Float32Array.of(0), grad: Float32Array.of(1) };
      const optimizer = new SGD([p, other], { lr: 1 });
      optimizer.freeze("w");
      for (const [batch, expected] of [
        [2, -1],
        [2, -2],
        [1, -3],
        [1, -4],
      ] as const) {
        p.grad.batch = batch;
        optimizer.step();
        expect([p.data[0], other.data[0]]).toEqual([0, expected]);
      }
      optimizer.unfreeze("w");
      optimizer.step();
      expect([p.data[0], other.data[0]]).toEqual([-1, -5]);
    });

    test("by a function of the learning rate, which runs before the step reads anything", async () => {
      use();
      for (const asynchronous of [false, true]) {
        const p = twoRows();
        const model = allocate({ data: [6], x: [4], y: [6] });
        const [data, x, y] = [model.params.data, model.params.x, model.params.y];
        x.set(p.grad.x);
        y.set(p.grad.y);
        const grad: { x: Float32Array; y: Float32Array; batch?: number } = { x, y };
        const lr = (step: number) => {
          grad.batch = step === 2 ? 1 : 2;
          return 1;
        };
        const optimizer = new SGD([{ ...p, data, grad }], { lr });
        for (const expected of [-11, -12, -23, -34]) {
          if (asynchronous) await optimizer.stepAsync();
          else optimizer.step();
          expect(data[0]).toBe(expected);
        }
      }
    });

    test("while a step off the event loop is at work, which goes on with the batch that it began with", async () => {
      use();
      const model = allocate({ w: [2, 3], x: [2, 2], y: [2, 3] });
      model.params.x.set([1, 1, 10, 10]);
      model.params.y.fill(1);
      const grad: { x: Float32Array; y: Float32Array; batch?: number } = { x: model.params.x, y: model.params.y };
      const optimizer = new SGD([{ name: "w", shape, data: model.params.w, grad }], { lr: 1, momentum: 0 });
      const stepping = optimizer.stepAsync();
      grad.batch = 1;
      refuses(() => Object.assign(grad, { batch: 3 }), "ERR_OPTION", /from 0 to 2/);
      await stepping;
      expect([...model.params.w]).toEqual(Array(6).fill(-11));
      expect(optimizer.state("w").step).toBe(1);
      await optimizer.stepAsync();
      optimizer.step();
      expect([...model.params.w]).toEqual(Array(6).fill(-13));
      expect(optimizer.state("w").step).toBe(3);
    });

    test("of an object that two parameters and two optimizers stand with: of all, or of none where one has fewer rows", () => {
      use();
      const p = twoRows();
      const others = [
        { ...p, data: new Float32Array(6) },
        { ...p, name: "v", data: new Float32Array(6) },
      ];
      const [first, second] = [new SGD([p], { lr: 1 }), new SGD(others, { lr: 1 })];
      p.grad.batch = 1;
      first.step();
      second.step();
      expect([p, ...others].map(({ data }) => data[0])).toEqual([-1, -1, -1]);
      // A bias of two elements has three rows of y, and the same y is one row of a bias of six.
      const y = new Float32Array(6).fill(1);
      const grad: { x: null; y: Float32Array; batch?: number } = { x: null, y, batch: 1 };
      const [narrow, wide] = [new Float32Array(2), new Float32Array(6)];
      const both = new SGD(
        [
          { name: "narrow", data: narrow, grad },
          { name: "wide", data: wide, grad },
        ],
        { lr: 1 },
      );
      refuses(() => Object.assign(grad, { batch: 2 }), "ERR_OPTION", /of 'wide' .* from 0 to 1/, [both, narrow, wide]);
      expect(grad.batch).toBe(1);
      both.remove("wide");
      grad.batch = 3;
      both.step();
      expect(narrow[0]).toBe(-3);
    });

    test("and is not set through another object that inherits from it", () => {
      use();
      const p = twoRows();
      const optimizer = new SGD([p], { lr: 1 });
      const heir = Object.create(p.grad) as { batch: unknown };
      heir.batch = "mine";
      optimizer.step();
      expect([heir.batch, p.grad.batch, p.data[0]]).toEqual(["mine", 2, -11]);
    });
  });

  test("memory that is gone is ERR_DETACHED, however the step comes to be bound anew", () => {
    use();
    const takes: Readonly<Record<string, (array: Float32Array) => void>> = {
      detached: ({ buffer }) => detach(buffer),
      shrunk: ({ buffer }) => (buffer as unknown as { resize(bytes: number): void }).resize(0),
    };
    const binds: Readonly<Record<string, (optimizer: SGD, grad: { batch?: number }) => void>> = {
      "not at all": () => {},
      "by a freeze": (optimizer) => optimizer.freeze("v"),
      "by a batch": (_, grad) => Object.assign(grad, { batch: 1 }),
      "by an option": (optimizer) => Object.assign(optimizer.paramGroups[0] as object, { momentum: 0.5 }),
    };
    const array = (length: number, kind: string) =>
      new Float32Array(
        (kind === "shrunk" ? resizable(4 * length, 8 * length) : new ArrayBuffer(4 * length)) as never,
        0,
        length,
      );
    for (const [taken, take] of Object.entries(takes)) {
      for (const [bound, bind] of Object.entries(binds)) {
        for (const part of ["x", "y", "list"] as const) {
          const label = `${part} ${taken}, bound ${bound}`;
          const grad: { x: Float32Array; y: Float32Array; batch?: number } = { x: array(4, taken), y: array(6, taken) };
          const list = [array(6, taken), new Float32Array(6)] as const;
          const w = { name: "w", shape, data: new Float32Array(6), grad: part === "list" ? list : grad };
          const v = { name: "v", data: new Float32Array(1), grad: new Float32Array(1) };
          const optimizer = new SGD([w, v], { lr: 1 });
          optimizer.step();
          take(part === "list" ? list[0] : grad[part]);
          bind(optimizer, grad);
          const named = /of the .*gradient.* of 'w'|of 'w' to have/;
          refuses(() => optimizer.step(), "ERR_DETACHED", named, [w.data, v.data], label);
          refuses(() => optimizer.step({ w: { out: new Float32Array(6) } }), "ERR_DETACHED", named, [w.data], label);
          refuses(() => optimizer.zeroGrad(), "ERR_DETACHED", named, [w.data], label);
        }
      }
    }
  });
});

describe("a parameter that stands with a gradient that is made", () => {
  test("is stepped by each call, with what the arrays hold then", () => {
    const [x, y] = [Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 0, -1, 2, 2, 2)];
    const p = { name: "w", shape, data: new Float32Array(6), grad: { x, y } };
    const optimizer = new SGD([p], { lr: 1 });
    optimizer.step();
    expect([...p.data]).toEqual([-7, -6, -5, -10, -8, -6]);
    y.fill(0);
    optimizer.step();
    expect([...p.data]).toEqual([-7, -6, -5, -10, -8, -6]);
    expect(optimizer.state("w").step).toBe(2);
  });

  test("is zeroed where it is a list: zeroGrad() and zeroGrads. Factors stay as they are", () => {
    for (const backend of Object.values(everyBackend)) {
      useBackend(backend);
      for (const zeroes of [false, true]) {
        const [a, b] = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
        const factors = { x: null, y: Float32Array.of(5, 6) };
        const p = { name: "w", data: new Float32Array(2), grad: [a, factors, b] };
        const optimizer = new SGD([p], { lr: 1, zeroGrads: zeroes });
        optimizer.step();
        expect([...p.data]).toEqual([-9, -12]);
        if (!zeroes) expect([...a, ...b]).toEqual([1, 2, 3, 4]);
        if (!zeroes) optimizer.zeroGrad();
        expect([...a, ...b, ...factors.y]).toEqual([0, 0, 0, 0, 5, 6]);
      }
    }
  });

  test("is left out where it is frozen or a call says null, and may write elsewhere", () => {
    const p = { name: "w", data: new Float32Array(1), grad: [Float32Array.of(1), Float32Array.of(2)] };
    const optimizer = new SGD([p], { lr: 1 });
    optimizer.step({ w: null });
    optimizer.freeze("w");
    optimizer.step();
    optimizer.unfreeze("w");
    const out = new Float32Array(1);
    optimizer.step({ w: { out } });
    expect([p.data[0], out[0], optimizer.state("w").step]).toEqual([0, -3, 1]);
  });
});

test("an optimizer that is dropped goes, though the lists and the factors that it stood with stay", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const list = [new Float32Array(1), new Float32Array(1)];
  const factors = { x: null, y: new Float32Array(1) };
  const dropped = new WeakRef(
    new RMSprop([
      { name: "a", data: new Float32Array(1), grad: list },
      { name: "b", data: new Float32Array(1), grad: factors },
    ]),
  );
  for (let i = 0; i < 20 && dropped.deref(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    gc();
  }
  expect(dropped.deref()).toBeUndefined();
  divideBy([list], 2);
  Object.assign(factors, { batch: 0 });
});

test("stepAsync needs memory of allocate() or shared for x and for y, each by itself", async () => {
  const model = allocate({ w: [2, 3], x: [1, 2], y: [1, 3] });
  const heap = { x: new Float32Array(2), y: new Float32Array(3) };
  const { w: data, ...held } = model.params;
  for (const grad of [
    { ...held, x: heap.x },
    { ...held, y: heap.y },
  ]) {
    const optimizer = new SGD([{ name: "w", shape, data, grad }]);
    await rejects(() => optimizer.stepAsync(), "ERR_ASYNC_MEMORY", /of the gradient of 'w'.*ordinary/, [data]);
    const called = new SGD([{ name: "w", shape, data, grad: null }]);
    await rejects(() => called.stepAsync({ w: { grad } }), "ERR_ASYNC_MEMORY", /of the gradient of 'w'/, [data]);
    await called.stepAsync({ w: { grad: held } });
  }
});
