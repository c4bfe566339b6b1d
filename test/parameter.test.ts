// What a parameter may be: arrays of every memory, and what is refused of names, types, lengths, shapes and overlaps.
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import {
  allocate,
  type FloatArray,
  type NumberType,
  type Parameter,
  RMSprop,
  type RMSpropOptions,
} from "../lib/index.ts";
import { bufferOf, bytesPerElement } from "../lib/typed-array.ts";
import { arrayType } from "./support/arena.ts";
import {
  arraysOf,
  bitsOf,
  bytesOf,
  detach,
  drawGradient,
  expectRefusal,
  growable,
  parameter,
  plain,
  refuses,
  resizable,
  thrownBy,
  values,
  type Witness,
} from "./support/arrays.ts";
import { numberTypes, uniformFrom } from "./support/cases.ts";

/** Options with which every slot and every stream of an element matters. */
const everything: RMSpropOptions = { lr: 0.05, momentum: 0.9, nesterov: true, centered: true, weightDecay: 0.01 };

// ---- Memory ---------------------------------------------------------------------------------------------------------

class Tensor extends Float32Array {
  static get [Symbol.species](): never {
    throw new Error("Expected no species to be asked for.");
  }
}
class Tensor64 extends Float64Array {}

/** An array whose own properties, all of them, lie or throw. */
function liar<A extends FloatArray>(array: A, names: readonly PropertyKey[] = lies): A {
  for (const name of names) {
    Object.defineProperty(array, name, {
      get() {
        throw new Error(`Expected nobody to ask for ${String(name)}.`);
      },
    });
  }
  return array;
}
const lies: readonly PropertyKey[] = [
  ...["length", "buffer", "byteOffset", "byteLength", "BYTES_PER_ELEMENT", "constructor"],
  ...["set", "fill", "slice", "subarray", "map", "toString", "valueOf", "then"],
  ...[Symbol.toStringTag, Symbol.iterator, Symbol.toPrimitive],
];

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

// ---- Names ----------------------------------------------------------------------------------------------------------

describe("names", () => {
  test.each([undefined, null, 1, Number.NaN, true, Symbol("x"), {}, ["x"], new String("x"), () => "x"])(
    "%s is none",
    (name) => {
      const p = { ...parameter("x"), name } as unknown as Parameter;
      refuses(
        () => new RMSprop([p]),
        "ERR_NAME",
        /^Expected parameter 0 to have a string as its name, but it is /,
        arraysOf([p]),
      );
    },
  );

  test.each([
    "",
    " ",
    "x",
    "x/y:0",
    "\u0000",
    "\ud800",
    "名前",
    "__proto__",
    "constructor",
    "toString",
    "step",
    "params",
    "0",
  ])("%j is one", (name) => {
    const p = parameter(name);
    const optimizer = new RMSprop([p]);
    optimizer.step();
    expect(optimizer.state(name).step).toBe(1);
    expect(optimizer.paramGroups[0]?.params).toEqual([name]);
  });

  test("two parameters have two names, within a group, between groups, and with addParamGroup", () => {
    const [a, b, again] = [parameter("a"), parameter("b"), parameter("a", 3)];
    const message = /Expected each parameter to have a name of its own, but two are named 'a'\./;
    const arrays = arraysOf([a, b, again]);
    refuses(() => new RMSprop([a, b, again]), "ERR_NAME", message, arrays);
    refuses(() => new RMSprop([{ params: [a, b] }, { params: [again] }]), "ERR_NAME", message, arrays);
    const optimizer = new RMSprop([a, b], everything);
    refuses(() => optimizer.addParamGroup({ params: [again] }), "ERR_NAME", message, [...arrays, optimizer]);
    refuses(() => optimizer.addParamGroup({ params: [parameter("c"), again] }), "ERR_NAME", message, [optimizer]);
    optimizer.step();
    expect(optimizer.lastStep).toEqual({ step: 1, skipped: false });
  });

  test("a name that there is not has no state", () => {
    const optimizer = new RMSprop([parameter("x")]);
    for (const name of ["y", "", "X", "__proto__", "constructor"]) {
      refuses(() => optimizer.state(name), "ERR_NAME", new RegExp(`none is named "${name}"`), [optimizer]);
    }
    refuses(() => optimizer.state(undefined as never), "ERR_NAME", /none is named undefined/, [optimizer]);
  });
});

// ---- Types and lengths ----------------------------------------------------------------------------------------------

describe("what is no parameter", () => {
  test.each([
    ["undefined", undefined],
    ["null", null],
    ["5", 5],
    ['"x"', "x"],
    ["a function", () => undefined],
  ])("%s", (found, item) => {
    const message = new RegExp(`Expected parameter 1 to be \\{ name, data, grad \\}, but it is ${found}`);
    const p = parameter("x");
    refuses(() => new RMSprop([p, item as never]), "ERR_DTYPE", message, arraysOf([p]));
    const inGroup = new RegExp(`Expected parameter 1 of group 1 to be \\{ name, data, grad \\}, but it is ${found}`);
    const groups = [{ params: [parameter("y")] }, { params: [p, item as never] }];
    refuses(() => new RMSprop(groups), "ERR_DTYPE", inGroup, arraysOf([p]));
  });

  test.each([
    ["undefined", undefined],
    ["null", null],
    ["5", 5],
    ['"x"', "x"],
    ["an object", {}],
    ["an object", parameter("x")],
    ["a function", () => undefined],
  ])("%s is no list of them", (found, list) => {
    const message = (what: string) =>
      new RegExp(`Expected ${what} to be an iterable of parameters, but it is ${found}`);
    refuses(() => new RMSprop(list as never), "ERR_DTYPE", message("the parameters"));
    const p = parameter("p");
    const optimizer = new RMSprop([p]);
    refuses(() => new RMSprop([{ params: list as never }]), "ERR_DTYPE", message("the 'params' of group 0"));
    refuses(
      () => optimizer.addParamGroup({ params: list as never }),
      "ERR_DTYPE",
      message("the 'params' of the group"),
      [optimizer],
    );
  });

  test("a typed array is no list of them", () => {
    refuses(() => new RMSprop(new Float32Array(3) as never), "ERR_DTYPE", /parameter 0 to be .* but it is 0/);
  });
});

describe("types", () => {
  const wrong: readonly [string, unknown][] = [
    ["Int8Array", new Int8Array(5)],
    ["Uint8Array", new Uint8Array(5)],
    ["Uint8Array", Buffer.alloc(5)],
    ["Uint8ClampedArray", new Uint8ClampedArray(5)],
    ["Int16Array", new Int16Array(5)],
    ["Uint16Array", new Uint16Array(5)],
    ["Int32Array", new Int32Array(5)],
    ["Uint32Array", new Uint32Array(5)],
    ["BigInt64Array", new BigInt64Array(5)],
    ["BigUint64Array", new BigUint64Array(5)],
    ["Int32Array", runInNewContext("new Int32Array(5)")],
    ["Int32Array", Object.setPrototypeOf(new Int32Array(5), Float32Array.prototype)],
    ["an array", [0, 0, 0, 0, 0]],
    ["an object", new DataView(new ArrayBuffer(20))],
    ["an object", new ArrayBuffer(20)],
    ["an object", new Proxy(new Float32Array(5), {})],
    ["an object", { length: 5, [Symbol.toStringTag]: "Float32Array" }],
    ["an object", Object.create(new Float32Array(5))],
    ["a function", Float32Array],
    ["undefined", undefined],
    ["5", 5],
    ['"data"', "data"],
    ["5n", 5n],
    ["a symbol", Symbol("data")],
    ["false", false],
  ];
  const quoted = (found: string) => found.replace(/[()[\]]/g, "\\$&");

  test.each([...wrong, ["null", null]] as typeof wrong)("data may not be %s, case %#", (found, data) => {
    const p = { ...parameter("w1"), data } as unknown as Parameter;
    const message = new RegExp(
      `^Expected the data of 'w1' to be a Float32Array or a Float64Array, but it is ${quoted(found)}\\.$`,
    );
    refuses(() => new RMSprop([parameter("x"), p]), "ERR_DTYPE", message, [p.grad as FloatArray]);
  });

  test.each(wrong)("a gradient may not be %s, case %#", (found, grad) => {
    const p = { ...parameter("w1"), grad } as unknown as Parameter;
    const message = new RegExp(
      `^Expected the gradient of 'w1' to be a Float32Array or a Float64Array, but it is ${quoted(found)}\\.$`,
    );
    refuses(() => new RMSprop([parameter("x"), p]), "ERR_DTYPE", message, [p.data]);
  });

  test.each([
    ["float32", "float64"],
    ["float64", "float32"],
  ] as const)("a gradient is of its data's type: %s is not %s", (type, other) => {
    const p = { ...parameter("w1", 5, type), grad: values(other, 5, 1) } as Parameter;
    const message = new RegExp(`^Expected the gradient of 'w1' to be ${type} like its data, but it is ${other}\\.$`);
    refuses(() => new RMSprop([p]), "ERR_DTYPE", message, arraysOf([p]));
  });
});

describe("lengths", () => {
  test.each([
    [5, 4],
    [5, 6],
    [5, 0],
    [0, 5],
    [100_352, 1000],
  ])("a gradient has its data's length: %i, not %i", (length, found) => {
    for (const type of numberTypes) {
      const p = { ...parameter("w1", length, type), grad: values(type, found, 1) };
      const message = new RegExp(
        `^Expected the gradient of 'w1' to have ${length} elements like its data, but it has ${found}\\.$`,
      );
      refuses(() => new RMSprop([p]), "ERR_LENGTH", message, arraysOf([p]));
      const optimizer = new RMSprop([parameter("x")], everything);
      refuses(() => optimizer.addParamGroup({ params: [p] }), "ERR_LENGTH", message, [...arraysOf([p]), optimizer]);
    }
  });

  test("what an array says of its own length counts for nothing", () => {
    const grad = new Float32Array(4);
    Object.defineProperty(grad, "length", { value: 5 });
    const p = { ...parameter("x", 5), grad };
    refuses(() => new RMSprop([p]), "ERR_LENGTH", /to have 5 elements like its data, but it has 4\./, arraysOf([p]));
  });

  const tracking: readonly [string, () => FloatArray][] = [
    ["without a length", () => new Float32Array(resizable(20, 64))],
    ["with an offset and without a length", () => new Float32Array(resizable(28, 64), 8)],
    ["of a growable buffer", () => new Float32Array(growable(20, 64))],
    ["of a subclass", () => new Tensor(resizable(20, 64))],
    ["of another realm", () => runInNewContext("new Float32Array(new ArrayBuffer(20, { maxByteLength: 64 }))")],
    ["without a prototype", () => Object.setPrototypeOf(new Float32Array(resizable(20, 64)), null)],
    [
      "with own properties that throw",
      () =>
        liar(
          new Float32Array(resizable(20, 64)),
          lies.filter((name) => name !== "constructor"),
        ),
    ],
    ["with an own 'constructor'", () => Object.defineProperty(new Float32Array(resizable(20, 64)), "constructor", {})],
  ];
  test.each(tracking)("a view that follows its resizable buffer is refused: %s", (_, make) => {
    const other = parameter("x");
    const message = (what: string) => new RegExp(`Expected the ${what} of 'x' to have a fixed length, but it follows`);
    const asData = { ...other, data: make() };
    refuses(() => new RMSprop([asData]), "ERR_LENGTH", message("data"), arraysOf([asData]));
    const asGradient = { ...other, grad: make() };
    refuses(() => new RMSprop([asGradient]), "ERR_LENGTH", message("gradient"), arraysOf([asGradient]));
  });

  test("user code of an array does not run while it is checked", () => {
    const p = parameter("x");
    const trap = new Float32Array(resizable(20, 64), 0, 5);
    let ran = false;
    Object.defineProperty(trap, "constructor", {
      get() {
        ran = true;
        detach(p.data.buffer);
        return Float32Array;
      },
    });
    try {
      new RMSprop([p, { name: "trap", data: trap, grad: null }]).step();
    } catch (error) {
      expectRefusal(error, "ERR_LENGTH", /'trap'/); // one that cannot be asked may be refused
    }
    expect(ran).toBe(false);
  });

  test("a view of a resizable buffer that cannot be asked is refused", () => {
    const p = { ...parameter("x"), data: Object.preventExtensions(new Float32Array(resizable(64, 128), 0, 5)) };
    refuses(() => new RMSprop([p]), "ERR_LENGTH", /the data of 'x'/, arraysOf([p]));
  });
});

describe("shapes", () => {
  test.each([[[5]], [[1, 5]], [[5, 1, 1]], [Object.freeze([5])]])("%j is one of 5 elements", (shape) => {
    expect(() => new RMSprop([{ ...parameter("x"), shape }])).not.toThrow();
  });

  test("[] is one of 1 element, and one with a 0 of none", () => {
    expect(() => new RMSprop([{ ...parameter("x", 1), shape: [] }])).not.toThrow();
    expect(() => new RMSprop([{ ...parameter("x", 0), shape: [7, 0] }])).not.toThrow();
  });

  test.each([
    ["[]", []],
    ["[4]", [4]],
    ["[2, 3]", [2, 3]],
    ["[-5]", [-5]],
    ["[-1, -5]", [-1, -5]],
    ["[2.5, 2]", [2.5, 2]],
    ["[NaN]", [Number.NaN]],
    ["[Infinity]", [Number.POSITIVE_INFINITY]],
    ['["5"]', ["5"]],
    ["[an array]", [[5]]],
    ["[null, 5]", [null, 5]],
    ["[undefined, 5]", Object.assign(new Array(1), { 1: 5 })],
    ["5", 5],
    ['"5"', "5"],
    ["null", null],
    ["an object", { 0: 5, length: 1 }],
    ["an object", new Int32Array([5])],
  ])("%s is none of 5 elements", (found, shape) => {
    const p = { ...parameter("w1"), shape } as unknown as Parameter;
    const literal = found.replace(/[[\]]/g, "\\$&");
    const message = new RegExp(
      `^Expected the shape of 'w1' to be dimensions whose product is its 5 elements, but it is ${literal}\\.$`,
    );
    refuses(() => new RMSprop([p]), "ERR_LENGTH", message, arraysOf([p]));
  });
});

// ---- Memory that is gone --------------------------------------------------------------------------------------------

describe("memory that is gone", () => {
  const gone: readonly [string, (type: NumberType) => FloatArray][] = [
    [
      "detached",
      (type) => {
        const array = new (arrayType(type))(5);
        detach(array.buffer);
        return array;
      },
    ],
    [
      "detached and always empty",
      (type) => {
        const array = new (arrayType(type))(0);
        detach(array.buffer);
        return array;
      },
    ],
    [
      "disposed",
      (type) => {
        const model = allocate({ x: [5] }, { dtype: type as "float64" });
        model.dispose();
        return model.params.x;
      },
    ],
    [
      "left by wasm memory that grew",
      (type) => {
        const memory = new WebAssembly.Memory({ initial: 1 });
        const array = new (arrayType(type))(memory.buffer, 0, 5);
        memory.grow(1);
        return array;
      },
    ],
    [
      "shrunk away from",
      (type) => {
        const buffer = resizable(128, 256);
        const array = new (arrayType(type))(buffer, 64, 5);
        buffer.resize(72);
        return array;
      },
    ],
  ];
  test.each(gone)("is refused in the constructor and by addParamGroup: %s", (_, make) => {
    for (const type of numberTypes) {
      const other = parameter("x", 0, type);
      const optimizer = new RMSprop([parameter("p")], everything);
      for (const [what, p] of [
        ["data", { ...other, data: make(type) }],
        ["gradient", { ...other, grad: make(type) }],
      ] as const) {
        const message = new RegExp(`the ${what} of 'x'`);
        refuses(() => new RMSprop([p]), "ERR_DETACHED", message);
        refuses(() => optimizer.addParamGroup({ params: [p] }), "ERR_DETACHED", message, [optimizer]);
      }
    }
  });
});

// ---- Overlaps -------------------------------------------------------------------------------------------------------

/** Arrays of one run of memory, by their bounds in elements of 4 bytes. */
type Bounds = readonly [from: number, to: number];
interface Placed {
  readonly data: Bounds;
  readonly grad?: Bounds;
  readonly type?: NumberType;
}

const runs: Readonly<Record<string, () => ArrayBufferLike>> = {
  "an ordinary buffer": () => new ArrayBuffer(256),
  "a shared buffer": () => new SharedArrayBuffer(256),
  "wasm memory": () => new WebAssembly.Memory({ initial: 1 }).buffer,
};

function place(buffer: ArrayBufferLike, placed: readonly Placed[]): Parameter[] {
  return placed.map(({ data, grad, type = "float32" }, i) => {
    const view = ([from, to]: Bounds) =>
      new (arrayType(type))(buffer as ArrayBuffer, from * 4, ((to - from) * 4) / bytesPerElement[type]);
    return { name: "abcdef"[i] as string, data: view(data), grad: grad ? view(grad) : null };
  });
}

describe.each(Object.keys(runs))("overlaps in %s", (kind) => {
  const make = runs[kind] as () => ArrayBufferLike;

  test.each<[string, Placed[], RegExp]>([
    ["one array as the data of two", [{ data: [0, 8] }, { data: [0, 8] }], /the data of 'a' and the data of 'b'/],
    ["data that begins in other data", [{ data: [0, 8] }, { data: [7, 15] }], /the data of 'a' and the data of 'b'/],
    ["data that ends in other data", [{ data: [7, 15] }, { data: [0, 8] }], /the data of 'b' and the data of 'a'/],
    ["data within other data", [{ data: [0, 16] }, { data: [4, 5] }], /the data of 'a' and the data of 'b'/],
    [
      "data as its own gradient",
      [{ data: [0, 8], grad: [0, 8] }],
      /the data of 'a' and the gradient of 'a'|the gradient of 'a' and the data of 'a'/,
    ],
    ["data that overlaps its gradient", [{ data: [0, 8], grad: [4, 12] }], /the data of 'a' and the gradient of 'a'/],
    ["a gradient that begins first", [{ data: [4, 12], grad: [0, 8] }], /the gradient of 'a' and the data of 'a'/],
    [
      "data in another's gradient",
      [{ data: [0, 8], grad: [16, 24] }, { data: [20, 22] }],
      /the gradient of 'a' and the data of 'b'/,
    ],
    [
      "a gradient in another's data",
      [{ data: [0, 8] }, { data: [16, 18], grad: [3, 5] }],
      /the data of 'a' and the gradient of 'b'/,
    ],
    [
      "a long one that reaches over a short one",
      [{ data: [0, 40] }, { data: [50, 52], grad: [45, 47] }, { data: [39, 41] }],
      /the data of 'a' and the data of 'c'/,
    ],
    [
      "a long gradient that reaches over a short one into data",
      [{ data: [0, 30], grad: [30, 60] }, { data: [0, 0], grad: [31, 31] }, { data: [59, 60] }],
      /the gradient of 'a' and the data of 'c'/,
    ],
    ["two number types", [{ data: [0, 8], type: "float64" }, { data: [7, 9] }], /the data of 'a' and the data of 'b'/],
    [
      "one byte range as float64 data and float32 gradient",
      [
        { data: [2, 4], type: "float64" },
        { data: [10, 11], grad: [3, 4] },
      ],
      /the data of 'a' and the gradient of 'b'/,
    ],
  ])("%s", (_, placed, names) => {
    const parameters = place(make(), placed);
    const message = new RegExp(`^Expected arrays that do not overlap in memory, but (?:${names.source}) do\\.$`);
    const witnesses = arraysOf(parameters);
    refuses(() => new RMSprop(parameters), "ERR_ALIASED", message, witnesses);
    refuses(() => new RMSprop(parameters.map((p) => ({ params: [p] }))), "ERR_ALIASED", message, witnesses);
    const [last, ...present] = [...parameters].reverse() as [Parameter, ...Parameter[]];
    if (present.length > 0) {
      const optimizer = new RMSprop(present.reverse(), everything);
      refuses(() => optimizer.addParamGroup({ params: [last] }), "ERR_ALIASED", message, [...witnesses, optimizer]);
      optimizer.step();
    }
  });

  test.each<[string, Placed[]]>([
    [
      "neighbours",
      [
        { data: [0, 8], grad: [8, 16] },
        { data: [16, 24], grad: [24, 32] },
      ],
    ],
    [
      "neighbours in any order",
      [
        { data: [24, 32], grad: [0, 8] },
        { data: [16, 24], grad: [8, 16] },
      ],
    ],
    ["neighbours of two types", [{ data: [1, 2] }, { data: [2, 4], type: "float64" }, { data: [4, 5] }]],
    [
      "one gradient of two parameters",
      [
        { data: [0, 8], grad: [8, 16] },
        { data: [16, 24], grad: [8, 16] },
      ],
    ],
    [
      "gradients that overlap in part",
      [
        { data: [0, 8], grad: [8, 16] },
        { data: [20, 28], grad: [12, 20] },
      ],
    ],
    ["data without elements within other data", [{ data: [0, 8] }, { data: [4, 4], grad: [5, 5] }]],
  ])("%s are none", (_, placed) => {
    const parameters = place(make(), placed);
    const apart = parameters.map(({ name, data, grad }) => ({ name, data: data.slice(), grad: grad?.slice() ?? null }));
    for (const list of [parameters, apart]) new RMSprop(list, { ...everything, weightDecay: 0.5 }).step();
    expect(plain(parameters.map(({ data }) => data))).toEqual(plain(apart.map(({ data }) => data)));
  });

  test("random bounds: refused exactly where two overlap of which one is data", () => {
    const uniform = uniformFrom(11);
    const draw = (): Bounds => {
      const from = Math.floor(uniform() * 60);
      return [from, Math.min(from + Math.floor(uniform() * 12), 64)];
    };
    let refused = 0;
    const trials = 400;
    for (let trial = 0; trial < trials; trial++) {
      const placed = Array.from({ length: 1 + Math.floor(uniform() * 4) }, (): Placed => {
        const [from, to] = draw();
        const second = Math.min(Math.floor(uniform() * 60), 64 - (to - from));
        return uniform() < 0.7 ? { data: [from, to], grad: [second, second + to - from] } : { data: [from, to] };
      });
      const intervals = placed.flatMap(({ data, grad }) => [
        { bounds: data, written: true },
        ...(grad ? [{ bounds: grad, written: false }] : []),
      ]);
      const overlap = intervals.some((a, i) =>
        intervals.slice(i + 1).some((b) => {
          const [from, to] = [Math.max(a.bounds[0], b.bounds[0]), Math.min(a.bounds[1], b.bounds[1])];
          const [longA, longB] = [a.bounds[1] - a.bounds[0], b.bounds[1] - b.bounds[0]];
          return from < to && longA > 0 && longB > 0 && (a.written || b.written);
        }),
      );
      const build = () => new RMSprop(place(make(), placed));
      const label = JSON.stringify(placed);
      if (overlap) {
        refused++;
        expectRefusal(thrownBy(build), "ERR_ALIASED", /do not overlap/, label);
      } else {
        expect(build, label).not.toThrow();
      }
    }
    expect(refused).toBeGreaterThan(trials / 5);
    expect(refused).toBeLessThan((trials * 4) / 5);
  });
});

test("two optimizers may step the same arrays", () => {
  const p = parameter("x");
  const [first, second] = [new RMSprop([p]), new RMSprop([p])];
  first.step();
  second.step();
  expect([first.state("x").step, second.state("x").step]).toEqual([1, 1]);
});

test("an array that was given up may be taken by another parameter after the optimizer is gone", () => {
  const p = parameter("x");
  new RMSprop([p]).dispose();
  expect(() => new RMSprop([{ ...p, name: "y" }]).step()).not.toThrow();
});

// ---- Code in descriptions -------------------------------------------------------------------------------------------

describe("descriptions are read once, and then checked", () => {
  /** A proxy that counts what is read. */
  function counted<T extends object>(target: T, reads: PropertyKey[]): T {
    return new Proxy(target, {
      get(object, name, receiver) {
        reads.push(name);
        return Reflect.get(object, name, receiver);
      },
    });
  }

  test("each property of a parameter", () => {
    const reads: PropertyKey[] = [];
    const optimizer = new RMSprop([counted({ ...parameter("x"), shape: [5] }, reads)], everything);
    optimizer.step();
    optimizer.zeroGrad();
    optimizer.loadStateDict(optimizer.stateDict());
    optimizer.addParamGroup({ params: [parameter("y")] });
    expect(reads.sort()).toEqual(["data", "grad", "name", "shape"]);
  });

  test("each property of a group", () => {
    const reads: PropertyKey[] = [];
    const optimizer = new RMSprop([counted({ params: [parameter("x")], lr: 0.5, alpha: 0.9 }, reads)]);
    expect(reads.sort()).toEqual(["alpha", "lr", "params"]);
    reads.length = 0;
    optimizer.addParamGroup(counted({ params: [parameter("y")], lr: 0.5, alpha: 0.9 }, reads));
    expect(reads.sort()).toEqual(["alpha", "lr", "params"]);
  });

  test.each<[string, (parameters: Parameter[]) => Iterable<Parameter>]>([
    ["a Set", (parameters) => new Set(parameters)],
    ["a Map's values", (parameters) => new Map(parameters.map((p) => [p.name, p])).values()],
    [
      "a generator",
      function* (parameters) {
        yield* parameters;
      },
    ],
    ["a frozen array", (parameters) => Object.freeze(parameters)],
    ["another realm's array", (parameters) => runInNewContext("Array.from(list)", { list: parameters })],
  ])("a list may be %s", (_, list) => {
    const make = () => [parameter("a"), parameter("b", 3)];
    expect(new RMSprop(list(make())).paramGroups[0]?.params).toEqual(["a", "b"]);
    expect(new RMSprop([{ params: list(make()) }]).paramGroups[0]?.params).toEqual(["a", "b"]);
  });

  test("no parameters, no groups: a step does nothing", () => {
    for (const none of [[], [{ params: [] }], new Set<Parameter>()]) {
      const optimizer = new RMSprop(none);
      optimizer.step();
      optimizer.zeroGrad();
      optimizer.loadStateDict(optimizer.stateDict());
      expect(optimizer.lastStep).toBeUndefined();
    }
  });

  test("a parameter may be of a class, with getters on its prototype", () => {
    class Layer {
      readonly #own = parameter("layer");
      get name() {
        return this.#own.name;
      }
      get data() {
        return this.#own.data;
      }
      get grad() {
        return this.#own.grad;
      }
    }
    const optimizer = new RMSprop([new Layer()]);
    optimizer.step();
    expect(optimizer.state("layer").step).toBe(1);
  });

  test("a getter that answers differently each time is taken at its first word", () => {
    const [p, q] = [parameter("p"), parameter("q")];
    let asked = 0;
    const fickle = {
      name: "fickle",
      get data() {
        return asked++ === 0 ? p.data : q.data;
      },
      grad: p.grad,
    };
    const untouched = q.data.slice();
    new RMSprop([fickle]).step();
    expect(asked).toBe(1);
    expect(bitsOf(q.data)).toEqual(bitsOf(untouched));
    expect(bitsOf(p.data)).not.toEqual(bitsOf(parameter("p").data));
  });

  const error = new Error("mine");
  const fail = (): never => {
    throw error;
  };
  const throwing = (name: string) => Object.defineProperty({ ...parameter("x") }, name, { get: fail });
  test.each<[string, () => Iterable<Parameter>]>([
    ["a name", () => [parameter("y"), throwing("name")]],
    ["data", () => [parameter("y"), throwing("data")]],
    ["a gradient", () => [parameter("y"), throwing("grad")]],
    ["a shape", () => [parameter("y"), throwing("shape")]],
    [
      "the iteration",
      function* () {
        yield parameter("y");
        fail();
      },
    ],
  ])("what a getter throws comes through, and nothing is made: %s", (_, list) => {
    expect(thrownBy(() => new RMSprop(list()))).toBe(error);
    const p = parameter("p");
    const optimizer = new RMSprop([p], everything);
    const witnesses: Witness[] = [...arraysOf([p]), optimizer];
    const before = plain(optimizer.stateDict());
    expect(thrownBy(() => optimizer.addParamGroup({ params: list() }))).toBe(error);
    expect(plain(optimizer.stateDict())).toEqual(before);
    expect(optimizer.paramGroups.length).toBe(1);
    refuses(() => optimizer.state("y"), "ERR_NAME", /"y"/, witnesses);
    optimizer.step();
  });

  test.each<[string, (victim: Parameter) => void]>([
    ["detaches", ({ data }) => detach(bufferOf(data))],
    ["shrinks", ({ data }) => (bufferOf(data) as unknown as { resize(bytes: number): void }).resize(4)],
  ])("a getter that %s an array read before it is noticed", (_, attack) => {
    const data = new Float32Array(resizable(20, 64), 0, 5);
    const victim = { name: "victim", data, grad: new Float32Array(5) };
    const attacker = {
      ...parameter("attacker"),
      get name() {
        attack(victim);
        return "attacker";
      },
    };
    const message = /the data of 'victim'/;
    expectRefusal(
      thrownBy(() => new RMSprop([victim, attacker])),
      "ERR_DETACHED",
      message,
    );
  });

  test("a getter that adds the same parameter before it is added is noticed", () => {
    const [x, y] = [parameter("x"), parameter("y")];
    const optimizer = new RMSprop([x]);
    const twice = {
      ...y,
      get name() {
        optimizer.addParamGroup({ params: [y] });
        return "y";
      },
    };
    expectRefusal(
      thrownBy(() => optimizer.addParamGroup({ params: [twice] })),
      "ERR_NAME",
      /two are named 'y'/,
    );
    expect(optimizer.paramGroups.map(({ params }) => params)).toEqual([["x"], ["y"]]);
    optimizer.step();
  });

  test("a list that disposes the optimizer it is added to is noticed", () => {
    const optimizer = new RMSprop([parameter("x")]);
    const list = {
      *[Symbol.iterator]() {
        optimizer.dispose();
        yield parameter("y");
      },
    };
    expectRefusal(
      thrownBy(() => optimizer.addParamGroup({ params: list })),
      "ERR_DETACHED",
      /it was disposed/,
    );
  });
});
