// Arrays that overlap in memory: refused exactly where one of those that do is data.
import { describe, expect, test } from "vitest";
import { type NumberType, type Parameter, RMSprop } from "../lib/index.ts";
import { bytesPerElement } from "../lib/numbers/storage.ts";
import { arrayType } from "./support/arena.ts";
import { arraysOf, expectRefusal, parameter, plain, refuses, thrownBy } from "./support/arrays.ts";
import { uniformFrom } from "./support/cases.ts";
import { everything } from "./support/steps.ts";

/** Arrays of one block of memory, by their bounds in elements of 4 bytes. */
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
