// Gradients that a step makes: factors, and lists that are summed. Each leaves the bits of a step over the gradient that the
// test forms itself, in the order and the rounding that are promised.
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { allocate, type FloatArray, type NumberType, RMSprop, SGD } from "../lib/index.ts";
import { divideBy } from "../lib/parameters/standing.ts";
import { arrayType } from "./support/arena.ts";
import { bitsOf, plain, refuses, values } from "./support/arrays.ts";
import { numberTypes } from "./support/cases.ts";
import { classes, classOf } from "./support/classes.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";
import { rejects } from "./support/steps.ts";

afterEach(useOwnBackend);

type Round = (value: number) => number;
const rounds: Readonly<Record<NumberType, Round>> = { float32: Math.fround, float64: (value) => value };

type Shape = readonly [number, number];
const shapes: readonly Shape[] = [
  [3, 5],
  [1, 1],
  [70, 33],
  [2, 1100],
  [2100, 1],
  [5, 256],
  [0, 4],
];
const sizeOf = ([rows, columns]: Shape) => rows * columns;

/** A gradient as it is given, and as it is when it is formed. */
interface Made {
  readonly given: unknown;
  readonly formed: FloatArray;
}
type Make = (type: NumberType, shape: Shape, seed: number) => Made;

/** The products of x and y summed over the batch in order, each product and each sum rounded. */
function formed(
  type: NumberType,
  shape: Shape,
  x: FloatArray | null,
  y: FloatArray,
  batch: number,
  transposed = false,
) {
  const round = rounds[type];
  const [first, second] = shape;
  const [inputs, outputs] = x === null ? [1, sizeOf(shape)] : transposed ? [second, first] : [first, second];
  const result = new (arrayType(type))(sizeOf(shape));
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < outputs; j++) {
      let sum = 0;
      for (let b = 0; b < batch; b++) {
        const product = round((x ? (x[b * inputs + i] as number) : 1) * (y[b * outputs + j] as number));
        sum = round(sum + product);
      }
      result[transposed && x ? j * inputs + i : i * outputs + j] = sum;
    }
  }
  return result;
}

/** Sums of two, then of two of these, the largest power of two below their number on the left. */
function summed(type: NumberType, arrays: readonly FloatArray[]): FloatArray {
  if (arrays.length === 1) return (arrays[0] as FloatArray).slice();
  let half = 1;
  while (2 * half < arrays.length) half *= 2;
  const [left, right] = [summed(type, arrays.slice(0, half)), summed(type, arrays.slice(half))];
  return left.map((value, i) => rounds[type](value + (right[i] as number))) as FloatArray;
}

const factors =
  (batch: number, { transposed = false, bias = false, spare = 0 } = {}): Make =>
  (type, shape, seed) => {
    const [first, second] = transposed ? [shape[1], shape[0]] : shape;
    const x = bias ? null : values(type, (batch + spare) * first, seed + 1);
    const y = values(type, (batch + spare) * (bias ? sizeOf(shape) : second), seed + 2);
    const given = { x, y, ...(spare > 0 && { batch }), ...(transposed && { transposed }) };
    return { given, formed: formed(type, shape, x, y, batch, transposed) };
  };

const replicas =
  (count: number): Make =>
  (type, shape, seed) => {
    const given = Array.from({ length: count }, (_, i) => values(type, sizeOf(shape), seed + 10 * i));
    return { given, formed: summed(type, given) };
  };

const mixed: Make = (type, shape, seed) => {
  const parts = [factors(3), replicas(1), factors(2, { bias: true }), factors(1, { transposed: true })].map((make, i) =>
    make(type, shape, seed + 100 * i),
  );
  const given = parts.map((part) => (Array.isArray(part.given) ? part.given[0] : part.given));
  return {
    given,
    formed: summed(
      type,
      parts.map((part) => part.formed),
    ),
  };
};

/** A list that is divided by the number of its arrays, as a team's is. */
const mean =
  (count: number): Make =>
  (type, shape, seed) => {
    const { given, formed } = replicas(count)(type, shape, seed);
    divideBy([given as object], count);
    return { given, formed: formed.map((value) => rounds[type](value / count)) as FloatArray };
  };

const sources: Readonly<Record<string, Make>> = {
  ...Object.fromEntries([1, 2, 3, 4, 5, 7, 64].map((count) => [`${count} replicas`, replicas(count)])),
  ...Object.fromEntries([1, 2, 3, 4, 5, 32].map((batch) => [`factors of a batch of ${batch}`, factors(batch)])),
  "factors of no row": factors(0),
  "factors with rows to spare": factors(3, { spare: 2 }),
  "transposed factors": factors(6, { transposed: true }),
  "a bias": factors(5, { bias: true }),
  "a list of all": mixed,
  ...Object.fromEntries([2, 3, 8, 10].map((count) => [`the mean of ${count} replicas`, mean(count)])),
};

const optionSets: Readonly<Record<string, object>> = {
  plain: {},
  "everything that looks at gradients": {
    ...{ clipValue: 1, clipNorm: 2, clipGlobalNorm: 3, skipNonFinite: true, gradScale: 0.5, weightDecay: 0.01 },
    ...{ diagnostics: ["gradNorm", "nonFinite", "clipped", "updateNorm", "largestUpdate"], ema: { decay: 0.9 } },
  },
  accumulated: { gradientAccumulationSteps: 2, clipValue: 0.5 },
};

const nameOf = (i: number) => `p${i}`;

/** Optimizers over the same values, one stepped by what is given and one by what is formed. */
function pair(name: string, type: NumberType, options: object) {
  const make = () => shapes.map((shape, i) => ({ name: nameOf(i), shape, data: values(type, sizeOf(shape), i) }));
  const [given, formed] = [make(), make()];
  const optimizerOf = (parameters: ReturnType<typeof make>) =>
    new (classOf(name))(
      parameters.map((each) => ({ ...each, grad: null })),
      options,
    );
  return { given, formed, stepped: optimizerOf(given), expected: optimizerOf(formed) };
}

describe.each(Object.keys(everyBackend))("on %s", (backend) => {
  describe.each(Object.keys(sources))("%s", (source) => {
    const every = backend === "native" && source === "a list of all";
    test.each(every ? Object.keys(classes) : ["RMSprop", "SGD"])(
      "%s leaves the bits of the gradient that is formed",
      (name) => {
        for (const [title, options] of Object.entries(optionSets)) {
          for (const type of numberTypes) {
            useBackend(everyBackend[backend] as never);
            const { given, formed, stepped, expected } = pair(name, type, { lr: 0.01, ...options });
            for (let step = 1; step <= 3; step++) {
              const made = shapes.map((shape, i) => (sources[source] as Make)(type, shape, 1000 * step + 7 * i));
              const entries = made.map(({ given }, i) => [nameOf(i), { grad: given }] as const);
              stepped.step(Object.fromEntries(entries) as never);
              expected.step(Object.fromEntries(made.map(({ formed }, i) => [nameOf(i), formed])));
              const { step: taken, ...found } = stepped.lastStep as { step: number };
              expect({ step: taken, ...found }, title).toMatchObject(expected.lastStep as object);
              given.forEach(({ data }, i) => {
                expect(bitsOf(data), `${title}, ${type}, [${shapes[i]}], step ${step}`).toEqual(
                  bitsOf(formed[i]?.data as FloatArray),
                );
              });
            }
            expect(plain(stepped.stateDict())).toEqual(plain(expected.stateDict()));
          }
        }
      },
    );
  });
});

describe("a parameter that stands with a gradient that is made", () => {
  const shape = [2, 3] as const;

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

  test("takes another batch from the next step on, and refuses one that there is not", async () => {
    const [x, y] = [Float32Array.of(1, 1, 10, 10), Float32Array.of(1, 1, 1, 1, 1, 1)];
    const grad: { x: Float32Array; y: Float32Array; batch?: number } = { x, y };
    const p = { name: "w", shape, data: new Float32Array(6), grad };
    const optimizer = new SGD([p], { lr: 1 });
    optimizer.step();
    expect(p.data[0]).toBe(-11);
    expect(grad.batch).toBe(2);
    grad.batch = 1;
    optimizer.step();
    expect(p.data[0]).toBe(-12);
    for (const bad of [3, -1, 0.5, Number.NaN, "1", null]) {
      const message = /^Expected the batch of the gradient of 'w' to be a whole number from 0 to 2, .* but it is/;
      refuses(() => Object.assign(grad, { batch: bad }), "ERR_OPTION", message, [optimizer, p.data]);
    }
    optimizer.step();
    expect(p.data[0]).toBe(-13);
    optimizer.dispose();
    grad.batch = 7; // nobody's any more
    expect(grad.batch).toBe(7);
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

describe("allocate() with replicas", () => {
  test.each([undefined, true])("gives each worker its own gradients, which a step adds; shared: %s", async (shared) => {
    const model = allocate({ w: [2, 3], b: [3] }, { replicas: 3, ...(shared && { shared }) });
    expect(model.replicas).toHaveLength(3);
    expect(model.replicas[0]?.grads).toBe(model.grads);
    model.replicas.forEach(({ grads }, i) => {
      grads.w.fill(i + 1);
      grads.b.fill(10 * (i + 1));
    });
    const optimizer = new SGD(model.parameters, { lr: 1, zeroGrads: true });
    await optimizer.stepAsync();
    expect([...model.params.w, ...model.params.b]).toEqual([-6, -6, -6, -6, -6, -6, -60, -60, -60]);
    for (const { grads } of model.replicas) expect([...grads.w, ...grads.b].every((value) => value === 0)).toBe(true);
    model.dispose();
    if (!shared) refuses(() => optimizer.step(), "ERR_DETACHED", /the .* of 'w'/, []);
  });

  test.each([0, 65, 1.5, "2", Number.NaN])("refuses %s of them", (replicas) => {
    refuses(
      () => allocate({ w: [1] }, { replicas: replicas as number }),
      "ERR_OPTION",
      /'replicas' .* from 1 to 64/,
      [],
    );
  });
});

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
      "ERR_OPTION",
      /the batch .* from 0 to 1, .* it is 2/,
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
    ["factors that are the data", { x: null, y: data }, "ERR_ALIASED", /of 'w'/],
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

test("a divisor that is set counts from the next step on, of a list that a parameter stands with", () => {
  const model = allocate({ w: [2] }, { replicas: 3 });
  const optimizer = new SGD(model.parameters, { lr: 1 });
  for (const [i, { grads }] of model.replicas.entries()) grads.w.fill(i + 1);
  optimizer.step();
  expect([...model.params.w]).toEqual([-6, -6]);
  divideBy([model.parameters[0]?.grad as object], 3);
  optimizer.step();
  optimizer.step({ w: { grad: model.parameters[0]?.grad as never } });
  expect([...model.params.w]).toEqual([-10, -10]);
  const ordinary = new SGD(allocate({ w: [2] }).parameters, { lr: 1 });
  expect(optimizer.stateDict().paramGroups).toEqual(ordinary.stateDict().paramGroups);
  divideBy([model.parameters[0]?.grad as object], 1);
  optimizer.step();
  expect([...model.params.w]).toEqual([-16, -16]);
});
