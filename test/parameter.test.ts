// Which parameters are taken and which are refused: names, types, lengths, shapes, and memory that is gone.
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { allocate, type FloatArray, type NumberType, type Parameter, RMSprop } from "../lib/index.ts";
import { arrayType } from "./support/arena.ts";
import { arraysOf, detach, expectRefusal, growable, parameter, refuses, resizable, values } from "./support/arrays.ts";
import { numberTypes } from "./support/cases.ts";
import { liar, lies, Tensor } from "./support/odd-arrays.ts";
import { everything } from "./support/steps.ts";

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
    expect(optimizer.lastStep).toEqual({ step: 1, applied: true, skipped: false });
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
    refuses(
      () => new RMSprop(new Float32Array(3) as never),
      "ERR_DTYPE",
      /the parameters to be an iterable of parameters, but it is a Float32Array\./,
    );
  });
});

describe("types", () => {
  const wrong: readonly [string, unknown][] = [
    ["an Int8Array", new Int8Array(5)],
    ["a Uint8Array", new Uint8Array(5)],
    ["a Uint8Array", Buffer.alloc(5)],
    ["a Uint8ClampedArray", new Uint8ClampedArray(5)],
    ["an Int16Array", new Int16Array(5)],
    ["a Uint16Array", new Uint16Array(5)],
    ["an Int32Array", new Int32Array(5)],
    ["a Uint32Array", new Uint32Array(5)],
    ["a BigInt64Array", new BigInt64Array(5)],
    ["a BigUint64Array", new BigUint64Array(5)],
    ["an Int32Array", runInNewContext("new Int32Array(5)")],
    ["an Int32Array", Object.setPrototypeOf(new Int32Array(5), Float32Array.prototype)],
    ["an array", [0, 0, 0, 0, 0]],
    ["a DataView", new DataView(new ArrayBuffer(20))],
    ["an ArrayBuffer", new ArrayBuffer(20)],
    ["a proxy", new Proxy(new Float32Array(5), {})],
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
      `^Expected the gradient of 'w1' to be a Float32Array, a Float64Array or null, but it is ${quoted(found)}\\.$`,
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
    ["an Int32Array", new Int32Array([5])],
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
