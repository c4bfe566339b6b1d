// Arrays of every memory: each steps to the bits of the JavaScript heap's, and nothing beside them is written.
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { allocate, type FloatArray, type NumberType, RMSprop } from "../lib/index.ts";
import { bytesPerElement } from "../lib/numbers/storage.ts";
import { arrayType } from "./support/arena.ts";
import { bitsOf, bytesOf, drawGradient, growable, parameter, resizable, values } from "./support/arrays.ts";
import { numberTypes } from "./support/cases.ts";
import { liar, Tensor, Tensor64 } from "./support/odd-arrays.ts";
import { everything } from "./support/steps.ts";

/** Arrays of `length` elements over each kind of memory. */
const memories: Readonly<Record<string, (type: NumberType, length: number) => FloatArray>> = {
  "the JavaScript heap": (type, length) => new (arrayType(type))(length),
  "a buffer, at an offset": (type, length) => {
    const bytes = bytesPerElement[type];
    return new (arrayType(type))(new ArrayBuffer((length + 5) * bytes), 3 * bytes, length);
  },
  "allocate()": (type, length) => allocate({ x: [length] }, { dtype: type as "float64" }).params.x,
  "a SharedArrayBuffer": (type, length) =>
    new (arrayType(type))(new SharedArrayBuffer((length + 1) * bytesPerElement[type]) as never, bytesPerElement[type]),
  "a growable SharedArrayBuffer": (type, length) => {
    const bytes = length * bytesPerElement[type];
    return new (arrayType(type))(growable(bytes, 2 * bytes) as never, 0, length);
  },
  "WebAssembly.Memory": (type, length) =>
    new (arrayType(type))(new WebAssembly.Memory({ initial: 1 }).buffer, 24, length),
  "shared WebAssembly.Memory": (type, length) =>
    new (arrayType(type))(new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }).buffer, 8, length),
  "a resizable buffer, a part of it": (type, length) =>
    new (arrayType(type))(resizable((length + 2) * 8, (length + 9) * 8), 8, length),
  "a resizable buffer, all of it": (type, length) => {
    const bytes = length * bytesPerElement[type];
    return new (arrayType(type))(resizable(bytes, 2 * bytes), 0, length);
  },
  "node's pool of Buffers, at an odd offset": (type, length) => {
    const bytes = bytesPerElement[type];
    const wanted = (offset: number) => (bytes === 4 ? offset % 8 === 4 : offset % 16 === 8);
    for (let attempt = 0; attempt < 64; attempt++) {
      const { buffer, byteOffset } = Buffer.allocUnsafe(length * bytes + 8);
      const offset = [byteOffset, byteOffset + 4, byteOffset + 8].find(wanted);
      if (offset !== undefined && offset % bytes === 0)
        return new (arrayType(type))(buffer as ArrayBuffer, offset, length);
    }
    throw new Error("Expected the pool to give such an offset.");
  },
  "a subclass": (type, length) => (type === "float32" ? new Tensor(length) : new Tensor64(length)),
  "a subclass over shared memory": (type, length) =>
    type === "float32"
      ? new Tensor(new SharedArrayBuffer(length * 4) as never)
      : new Tensor64(new SharedArrayBuffer(length * 8) as never),
  "another realm": (type, length) =>
    runInNewContext(`new ${type === "float32" ? "Float32Array" : "Float64Array"}(${length})`),
  "another realm's shared buffer": (type, length) =>
    new (arrayType(type))(runInNewContext(`new SharedArrayBuffer(${length * 8})`), 0, length),
  "the heap, with a false length and buffer of its own": (type, length) => {
    const array = new (arrayType(type))(length);
    Object.defineProperty(array, "length", { value: length + 1000 });
    Object.defineProperty(array, "buffer", { value: new ArrayBuffer(8) });
    Object.defineProperty(array, "byteOffset", { value: 64 });
    return array;
  },
  "the heap, with own properties that throw": (type, length) => liar(new (arrayType(type))(length)),
  "the heap, without a prototype": (type, length) => Object.setPrototypeOf(new (arrayType(type))(length), null),
  "the heap, with a prototype that throws": (type, length) =>
    Object.setPrototypeOf(
      new (arrayType(type))(length),
      new Proxy(
        {},
        {
          get(_, name) {
            throw new Error(`Expected nobody to ask for ${String(name)}.`);
          },
        },
      ),
    ),
  "the heap, not extensible": (type, length) => Object.preventExtensions(new (arrayType(type))(length)),
  "the heap, sealed": (type, length) => Object.seal(new (arrayType(type))(length)),
};

/** Writes values by index alone, which nothing can intercept. */
function write(array: FloatArray, from: FloatArray): FloatArray {
  from.forEach((value, i) => {
    array[i] = value;
  });
  return array;
}

/** What three steps leave of a parameter and its state. */
function stepped({ data, grad }: { data: FloatArray; grad: FloatArray }): unknown[] {
  const optimizer = new RMSprop([{ name: "x", data, grad }], everything);
  for (let step = 1; step <= 3; step++) {
    drawGradient(grad, step);
    optimizer.step();
  }
  const { step, squareAvg, gradAvg, momentumBuffer } = optimizer.state("x");
  const slots = [squareAvg, gradAvg, momentumBuffer] as FloatArray[];
  return [step, ...[data, grad, ...slots].map(bitsOf)];
}

describe.each(numberTypes)("arrays of every memory step to the same bits: %s", (type) => {
  // On the heap itself, beyond it, and over more than one tile.
  describe.each([1, 5, 1025])("%i elements", (length) => {
    const start = values(type, length, 3);
    const expected = stepped({ data: start.slice(), grad: new (arrayType(type))(length) });

    test.each(Object.keys(memories))("%s", (kind) => {
      const make = memories[kind] as (typeof memories)[string];
      const plainArray = () => new (arrayType(type))(length);
      expect(stepped({ data: write(make(type, length), start), grad: make(type, length) })).toEqual(expected);
      expect(stepped({ data: write(make(type, length), start), grad: plainArray() })).toEqual(expected);
      expect(stepped({ data: start.slice(), grad: make(type, length) })).toEqual(expected);
    });
  });

  test.each(Object.keys(memories))("zeroGrad zeroes a gradient over %s", (kind) => {
    const make = memories[kind] as (typeof memories)[string];
    const grad = write(make(type, 5), values(type, 5, 4));
    new RMSprop([{ name: "x", data: make(type, 5), grad }]).zeroGrad();
    expect(bytesOf(grad)).toEqual(new Uint8Array(5 * bytesPerElement[type]));
  });
});

test("a step writes data and nothing beside it", () => {
  for (const type of numberTypes) {
    const whole = values(type, 64, 9);
    const before = whole.slice();
    const data = whole.subarray(7, 20);
    const grad = whole.subarray(20, 33);
    new RMSprop([{ name: "x", data, grad }], everything).step();
    for (let i = 0; i < 64; i++) {
      if (i < 7 || i >= 20) expect(whole[i], `element ${i}`).toBe(before[i]);
      else expect(whole[i], `element ${i}`).not.toBe(before[i]);
    }
  }
});

test("arrays without elements are stepped and counted", () => {
  const empty = { name: "empty", data: new Float32Array(0), grad: new Float32Array(0), shape: [3, 0] };
  const optimizer = new RMSprop([empty, parameter("x")], everything);
  optimizer.step();
  expect(optimizer.state("empty")).toMatchObject({ step: 1, squareAvg: new Float32Array(0) });
});
