// The objects that a gradient was given as: what they are read for, and which assignments to them are refused, because no step
// would read them.
import { describe, expect, test } from "vitest";
import { SGD } from "../lib/index.ts";
import { refuses } from "./support/arrays.ts";

/** Factors of two rows of ones. */
function twoRows() {
  const [x, y] = [new Float32Array(4).fill(1), new Float32Array(6).fill(1)];
  const grad: { x: Float32Array; y: Float32Array; batch?: number } = { x, y };
  return { name: "w", shape: [2, 3] as const, data: new Float32Array(6), grad };
}

describe("assignments that no step would read are refused", () => {
  const words = /^Expected '[xy]' of the gradient of 'w' to stay .* step\(\{ "w": \{ grad: \{ x, y \} \} \}\)/;
  test("of x and y of factors, until no optimizer has them", () => {
    const p = twoRows();
    const optimizer = new SGD([p], { lr: 1 });
    for (const key of ["x", "y"] as const) {
      const array = p.grad[key];
      refuses(() => Object.assign(p.grad, { [key]: array.slice() }), "ERR_OPTION", words, [optimizer, p.data]);
      p.grad[key] = array; // the same
      expect(p.grad[key]).toBe(array);
    }
    expect(Object.keys(p.grad).sort()).toEqual(["batch", "x", "y"]);
    optimizer.dispose();
    const x = Float32Array.of(2, 2);
    Object.assign(p.grad, { x, batch: 1 });
    expect(p.grad.x).toBe(x);
    const next = new SGD([p], { lr: 1 });
    next.step();
    expect(p.data[0]).toBe(-2);
    refuses(() => Object.assign(p.grad, { x: x.slice() }), "ERR_OPTION", words, [next]);
    p.grad.batch = 0;
    next.step();
    expect(p.data[0]).toBe(-2);
  });

  test.each([[undefined], [false], [true]])("of transposed, where it was %s", (transposed) => {
    const { x, y } = { x: new Float32Array(4).fill(1), y: new Float32Array(4).fill(1) };
    const grad: { x: Float32Array; y: Float32Array; transposed?: boolean } =
      transposed === undefined ? { x, y } : { x, y, transposed };
    const optimizer = new SGD([{ name: "w", shape: [2, 2], data: new Float32Array(4), grad }], { lr: 1 });
    const other = !transposed;
    const message = new RegExp(`^Expected 'transposed' of .* 'w' to stay ${!other}, .* set to ${other}: .* step\\(`);
    refuses(() => Object.assign(grad, { transposed: other }), "ERR_OPTION", message, [optimizer]);
    Object.assign(grad, { transposed }); // the same
    expect(Object.keys(grad).sort()).toEqual(["batch", ...(transposed === undefined ? [] : ["transposed"]), "x", "y"]);
    optimizer.dispose();
    grad.transposed = other;
    expect({ ...grad }).toMatchObject({ transposed: other });
  });

  test("of an element of a list", () => {
    const [a, b] = [Float32Array.of(1), Float32Array.of(2)];
    const list = [a, b];
    const optimizer = new SGD([{ name: "w", data: new Float32Array(1), grad: list }], { lr: 1 });
    const message = /^Expected element 1 of the gradients of 'w' to stay .* step\(\{ "w": \{ grad: \[ … \] \} \}\)/;
    refuses(() => Object.assign(list, { 1: Float32Array.of(5) }), "ERR_OPTION", message, [optimizer, a, b]);
    expect([...list]).toEqual([a, b]);
    optimizer.dispose();
    list[1] = Float32Array.of(7);
    expect(list[1]?.[0]).toBe(7);
  });

  test("of a batch that was deleted and assigned again, once another optimizer has the factors", () => {
    const p = twoRows();
    new SGD([p]).dispose();
    delete p.grad.batch;
    const optimizer = new SGD([p], { lr: 1 });
    p.grad.batch = 1;
    optimizer.step();
    expect(p.data[0]).toBe(-1);
  });

  test("what takes no accessor, or has one of its own, is left alone", () => {
    const frozen = Object.freeze({ x: null, y: Float32Array.of(1) });
    class Layer {
      readonly x = Float32Array.of(1);
      readonly y = Float32Array.of(2);
      #batch = 1;
      get batch() {
        return this.#batch;
      }
      set batch(value: number) {
        this.#batch = value + 100;
      }
    }
    const layer = new Layer();
    const [f, l] = [new Float32Array(1), new Float32Array(1)];
    const optimizer = new SGD(
      [
        { name: "f", data: f, grad: frozen },
        { name: "l", data: l, shape: [1, 1], grad: layer },
      ],
      { lr: 1 },
    );
    optimizer.step();
    expect([f[0], l[0]]).toEqual([-1, -2]);
    layer.batch = 1;
    expect([layer.batch, Object.hasOwn(layer, "batch")]).toEqual([101, false]);
  });
});

describe("what is given is read once and as it is", () => {
  test("a batch of null is refused, as one that is assigned is", () => {
    const grad = { x: null, y: new Float32Array(2), batch: null as never };
    refuses(() => new SGD([{ name: "w", data: new Float32Array(2), grad }]), "ERR_OPTION", /0 to 1, .* it is null/);
  });

  test("a list of a billion elements is refused before it is copied", () => {
    const grad = new Array(1e9) as never;
    const data = new Float32Array(1);
    refuses(() => new SGD([{ name: "w", data, grad }]), "ERR_LENGTH", /a list of 1 to 64, but there are 1000000000/);
  });

  test("a tensor in a list is told as one by itself is", () => {
    class Tensor {
      id = 1;
      dataSync() {
        return new Float32Array(1);
      }
    }
    const grad = [new Float32Array(1), new Tensor()] as never;
    const data = new Float32Array(1);
    const message = /the gradient 1 of 'w' .* whose dataSync\(\) gives one/;
    refuses(() => new SGD([{ name: "w", data, grad }]), "ERR_DTYPE", message);
  });
});
