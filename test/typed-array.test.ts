// Typed arrays are read by their internal slots, whatever their properties say.
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import {
  bufferOf,
  byteLengthOf,
  byteOffsetOf,
  type FloatArray,
  hasMemory,
  isLengthTracking,
  isShared,
  lengthOf,
  numberTypeOf,
  typedArrayName,
} from "../lib/numbers/typed-array.ts";
import { detach, growable, resizable } from "./support/arrays.ts";
import { Tensor } from "./support/odd-arrays.ts";

/** An array each of whose own properties lies or throws. */
function liar(array: Float32Array): Float32Array {
  const lies = { length: 1000, byteLength: 4000, byteOffset: 12, BYTES_PER_ELEMENT: 1, buffer: new ArrayBuffer(4) };
  for (const [name, value] of Object.entries(lies)) Object.defineProperty(array, name, { value });
  Object.defineProperty(array, Symbol.toStringTag, {
    get() {
      throw new Error("Expected no own property to be read.");
    },
  });
  return array;
}

describe("the type of an array", () => {
  test.each([
    ["Float32Array", new Float32Array(1), "float32"],
    ["Float64Array", new Float64Array(1), "float64"],
    ["Float32Array", new Tensor(1), "float32"],
    ["Float32Array", runInNewContext("new Float32Array(1)"), "float32"],
    ["Float64Array", runInNewContext("new Float64Array(1)"), "float64"],
    ["Float32Array", liar(new Float32Array(1)), "float32"],
    ["Float32Array", Object.setPrototypeOf(new Float32Array(1), null), "float32"],
    ["Float32Array", Object.setPrototypeOf(new Float32Array(1), Int8Array.prototype), "float32"],
    ["Int8Array", new Int8Array(1), undefined],
    ["Uint8ClampedArray", new Uint8ClampedArray(1), undefined],
    ["BigInt64Array", new BigInt64Array(1), undefined],
    ["Uint8Array", Buffer.alloc(1), undefined],
    ["Int32Array", Object.setPrototypeOf(new Int32Array(1), Float32Array.prototype), undefined],
  ])("%s, case %#", (name, array, type) => {
    expect(typedArrayName(array)).toBe(name);
    expect(numberTypeOf(array)).toBe(type);
  });

  test.each([
    ["a proxy", new Proxy(new Float32Array(1), {})],
    ["an object that says so", { [Symbol.toStringTag]: "Float32Array", length: 1 }],
    ["an object with the prototype", Object.create(Float32Array.prototype)],
    ["the prototype", Float32Array.prototype],
    ["a DataView", new DataView(new ArrayBuffer(4))],
    ["a buffer", new ArrayBuffer(4)],
    ["an array", [1]],
    ["the constructor", Float32Array],
    ["a string", "Float32Array"],
    ["null", null],
    ["undefined", undefined],
  ])("%s is none", (_, value) => {
    expect(typedArrayName(value)).toBeUndefined();
    expect(numberTypeOf(value)).toBeUndefined();
  });
});

describe("length, offset and buffer", () => {
  test("are the array's own, whatever its properties say", () => {
    const buffer = new ArrayBuffer(64);
    for (const array of [new Float32Array(buffer, 8, 3), new Tensor(buffer, 8, 3)]) {
      const lying = liar(array);
      expect(lying.length).toBe(1000);
      expect(lengthOf(lying)).toBe(3);
      expect(byteOffsetOf(lying)).toBe(8);
      expect(bufferOf(lying)).toBe(buffer);
    }
  });

  test("of another realm", () => {
    const array = runInNewContext("new Float64Array(new ArrayBuffer(64), 16, 2)");
    expect([lengthOf(array), byteOffsetOf(array), byteLengthOf(bufferOf(array), false)]).toEqual([2, 16, 64]);
  });

  test("a detached array has the length 0", () => {
    const array = new Float32Array(4);
    detach(array.buffer);
    expect(lengthOf(array)).toBe(0);
  });
});

describe("buffers", () => {
  test.each([
    ["an ordinary one", new ArrayBuffer(8), false],
    ["an empty one", new ArrayBuffer(0), false],
    ["a resizable one", resizable(8, 16), false],
    ["another realm's", runInNewContext("new ArrayBuffer(8)"), false],
    ["a shared one", new SharedArrayBuffer(8), true],
    ["an empty shared one", new SharedArrayBuffer(0), true],
    ["a growable one", growable(8, 16), true],
    ["another realm's shared one", runInNewContext("new SharedArrayBuffer(8)"), true],
    ["wasm memory", new WebAssembly.Memory({ initial: 1 }).buffer, false],
    ["shared wasm memory", new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer, true],
  ])("%s", (_, buffer: ArrayBufferLike, shared) => {
    // Twice: the answer is kept.
    expect([isShared(buffer), isShared(buffer)]).toEqual([shared, shared]);
    expect(hasMemory(new Float32Array(buffer as ArrayBuffer, 0, 0))).toBe(true);
    expect(byteLengthOf(buffer, shared)).toBe(buffer.byteLength);
  });

  test("arrays of transferred buffers have no memory, empty ones of others do", () => {
    const [array, empty] = [new Float32Array(2), new Float64Array(0)];
    expect([hasMemory(array), hasMemory(empty)]).toEqual([true, true]);
    detach(array.buffer);
    expect([hasMemory(array), hasMemory(empty)]).toEqual([false, true]);
    detach(empty.buffer);
    expect(hasMemory(empty)).toBe(false);
  });

  test("arrays of wasm memory that grew have none", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const array = new Float32Array(memory.buffer, 0, 4);
    memory.grow(1);
    expect(hasMemory(array)).toBe(false);
  });

  test("arrays that a resizable buffer shrank away from have none, until it grows again", () => {
    const buffer = resizable(32, 64);
    const array = new Float32Array(buffer, 8, 4);
    array[3] = 5;
    expect(hasMemory(array)).toBe(true);
    expect(array[3]).toBe(5); // asking writes nothing
    buffer.resize(16);
    expect(hasMemory(array)).toBe(false);
    buffer.resize(24);
    expect(hasMemory(array)).toBe(true);
  });
});

describe("whether an array follows its buffer's length", () => {
  const cases: readonly [string, () => FloatArray, boolean][] = [
    ["one over an ordinary buffer", () => new Float32Array(new ArrayBuffer(32)), false],
    ["one over a shared buffer", () => new Float32Array(new SharedArrayBuffer(32)), false],
    ["one without a length over a resizable buffer", () => new Float32Array(resizable(32, 64)), true],
    ["one with an offset and no length", () => new Float32Array(resizable(32, 64), 8), true],
    ["one with an offset at the end", () => new Float64Array(resizable(32, 64), 32), true],
    ["one without a length over a growable buffer", () => new Float64Array(growable(32, 64)), true],
    ["one with a length that spans all of it", () => new Float32Array(resizable(32, 64), 0, 8), false],
    ["one with a length that spans all of a growable one", () => new Float64Array(growable(32, 64), 0, 4), false],
    ["one with a length that ends at the end", () => new Float32Array(resizable(32, 64), 16, 4), false],
    ["one with a length in the middle", () => new Float32Array(resizable(32, 64), 8, 2), false],
    ["an empty one with a length", () => new Float32Array(resizable(32, 64), 8, 0), false],
    ["one over a buffer that is as long as it may be", () => new Float32Array(resizable(64, 64)), true],
    ["a subclass without a length", () => new Tensor(resizable(32, 64)), true],
    ["a subclass with a length", () => new Tensor(resizable(32, 64), 0, 8), false],
    ["another realm's", () => runInNewContext("new Float32Array(new ArrayBuffer(32, { maxByteLength: 64 }))"), true],
    [
      "another realm's with a length",
      () => runInNewContext("new Float32Array(new ArrayBuffer(32, { maxByteLength: 64 }), 0, 8)"),
      false,
    ],
    ["one without a prototype", () => Object.setPrototypeOf(new Float32Array(resizable(32, 64)), null), true],
    ["one that lies", () => liar(new Float32Array(resizable(32, 64))), true],
  ];

  test.each(cases)("%s", (_, make, tracking) => {
    const array = make();
    const prototype = Object.getPrototypeOf(array);
    expect(isLengthTracking(array)).toBe(tracking);
    expect(Object.getPrototypeOf(array)).toBe(prototype);
  });

  test.each([
    ["undefined", { value: undefined }],
    ["another class", { value: class Other {} }],
    [
      "a getter that throws",
      {
        get: () => {
          throw new Error("Expected no user code to run.");
        },
      },
    ],
  ] as const)("is not hidden by an own 'constructor' that is %s", (_, descriptor) => {
    const array = new Float32Array(resizable(32, 64));
    Object.defineProperty(array, "constructor", descriptor);
    expect(isLengthTracking(array)).toBe(true);
  });
});
