// Paths over functions of two variables, which the site's figure and `npx rmsprop replay` compute from the same settings.
import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import * as rmsprop from "../lib/index.ts";
import { mulberry32 } from "../lib/numbers/random.ts";
import {
  bytesOf,
  type PathSettings,
  pathOf,
  pathsOf,
  readSettings,
  type SurfaceName,
  surfaces,
} from "../lib/paths/index.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";

const names = Object.keys(surfaces) as SurfaceName[];
const runs = [
  { optimizer: "SGD", options: { lr: 0.002 } },
  { optimizer: "SGD", options: { lr: 0.001, momentum: 0.9 } },
  { optimizer: "Adagrad", options: { lr: 0.2 } },
  { optimizer: "RMSprop", options: { lr: 0.02, alpha: 0.9, centered: true } },
  { optimizer: "Adam", options: { lr: 0.05, beta1: 0.9, beta2: 0.99 } },
];
const plain = (surface: SurfaceName, more: object = {}) =>
  readSettings({ version: 1, surface, start: surfaces[surface].start, steps: 200, runs, ...more });
const digest = (settings: PathSettings) =>
  createHash("sha256")
    .update(bytesOf(pathsOf(settings, rmsprop)))
    .digest("hex");

afterEach(useOwnBackend);

describe.each(names)("%s", (name) => {
  const surface = surfaces[name];

  test("the gradient is the slope of the function, and 0 at its minima", () => {
    const random = mulberry32(7);
    const h = 2 ** -20;
    for (let i = 0; i < 100; i++) {
      const [x, y] = [4 * random() - 2, 4 * random() - 2];
      const [dx, dy] = surface.gradient(x, y);
      expect(dx).toBeCloseTo((surface.value(x + h, y) - surface.value(x - h, y)) / (2 * h), 5);
      expect(dy).toBeCloseTo((surface.value(x, y + h) - surface.value(x, y - h)) / (2 * h), 5);
    }
    for (const [x, y] of surface.minima) expect(surface.gradient(x, y).map(Math.abs)).toEqual([0, 0]);
  });

  test("start and minima lie in the domain", () => {
    const { x, y } = surface.domain;
    for (const [a, b] of [surface.start, ...surface.minima]) {
      expect(a > x[0] && a < x[1] && b > y[0] && b < y[1]).toBe(true);
    }
  });

  test.each(["float32", "float64"])(
    "every backend leaves the same bits in %s, and each optimizer descends",
    (dtype) => {
      const settings = plain(name, { dtype });
      const digests = Object.values(everyBackend).map((backend) => {
        useBackend(backend);
        return digest(settings);
      });
      expect(new Set(digests).size).toBe(1);
      const [from, to] = [surface.value(...surface.start), pathsOf(settings, rmsprop)] as const;
      for (const path of to) expect(surface.value(path.at(-2) as number, path.at(-1) as number)).toBeLessThan(from);
    },
  );
});

test("the noise goes by the seed, is that of the step, and is not there on other functions", () => {
  const [first, second] = [digest(plain("noise")), digest(plain("noise", { seed: 2 }))];
  expect(first).not.toBe(second);
  expect(digest(plain("noise", { seed: 1 }))).toBe(first);
  expect(digest(plain("valley", { seed: 2 }))).toBe(digest(plain("valley")));
  const path = pathOf(
    plain("noise", { dtype: "float64", steps: 1 }),
    { optimizer: "SGD", options: { lr: 1 } },
    rmsprop,
  );
  const random = mulberry32(1);
  const [x, y] = surfaces.noise.start;
  const [dx, dy] = surfaces.noise.gradient(x, y);
  expect([...path]).toEqual([x, y, x - (dx + 4 * (2 * random() - 1)), y - (dy + 4 * (2 * random() - 1))]);
});

test("a path of the functions' first steps by hand", () => {
  const settings = plain("scales", { dtype: "float64", steps: 2, start: [1, -1] });
  expect([...pathOf(settings, { optimizer: "SGD", options: { lr: 0.5 } }, rmsprop)]).toEqual([
    1, -1, 0.5, 49, 0.25, -2401,
  ]);
});

test("a path that leaves the numbers hashes alike, whatever NaN it has", () => {
  const path = pathOf(plain("valley"), { optimizer: "SGD", options: { lr: 100 } }, rmsprop);
  expect(path.at(-1)).toBeNaN();
  const other = path.slice();
  const bits = new Uint32Array(other.buffer);
  bits.forEach((word, i) => {
    if (Number.isNaN(other[i])) bits[i] = (word ^ 0x80000000) | 1;
  });
  expect(bytesOf([other])).toEqual(bytesOf([path]));
});

const whose = "the JSON of settings";
const given = { version: 1, surface: "saddle", start: [1, 2], steps: 10, runs: [{ optimizer: "SGD" }] };

test.each<readonly [string, unknown, string]>([
  ["no object", [given], `Expected ${whose} to be an object, but found an array.`],
  ["an unknown name", { ...given, stepz: 3 }, "The JSON of settings has no option 'stepz'; did you mean 'steps'?"],
  ["no version", { ...given, version: undefined }, `Expected ${whose} to have 'version', 1, but there is none.`],
  ["a later version", { ...given, version: 2 }, "Expected 'version' to be 1, but it is 2."],
  [
    "an unknown function",
    { ...given, surface: "vally" },
    `Expected 'surface' to be one of "valley", "saddle", "scales", "noise", but it is "vally"; did you mean "valley"?`,
  ],
  [
    "one coordinate",
    { ...given, start: [1] },
    "Expected 'start' to be a list of two finite numbers, x and y, but it is an array.",
  ],
  ["no steps", { ...given, steps: 0 }, "Expected 'steps' to be a whole number from 1 to 100000, but it is 0."],
  [
    "a broken seed",
    { ...given, seed: 0.5 },
    "Expected 'seed' to be a whole number from 0 to 4294967295, but it is 0.5.",
  ],
  ["no type", { ...given, dtype: "f16" }, `Expected 'dtype' to be one of "float32", "float64", but it is "f16".`],
  ["no runs", { ...given, runs: [] }, "Expected 'runs' to be a list of 1 to 100 objects, but it is an array."],
  [
    "a run that is none",
    { ...given, runs: [given.runs[0], "SGD"] },
    `Expected the JSON of run 2 to be an object, but found "SGD".`,
  ],
  [
    "an option beside the options",
    { ...given, runs: [{ optimizer: "SGD", lr: 1 }] },
    `The JSON of run 1 has no option 'lr'; it has optimizer, options.`,
  ],
  [
    "what JSON cannot hold",
    { ...given, runs: [{ optimizer: "SGD", options: { lr: () => 1 } }] },
    "Expected 'options' to be an object of what JSON can hold: finite numbers, and at most 20 lists or objects in each other, but it is an object.",
  ],
])("settings with %s are refused", (_, settings, message) => {
  expect(() => readSettings(settings)).toThrow(expect.objectContaining({ code: "ERR_OPTION", message }));
});

test("settings are read with their defaults, and options are the optimizer's to refuse", () => {
  const settings = readSettings(given);
  expect(settings).toEqual({ ...given, seed: 1, dtype: "float32", runs: [{ optimizer: "SGD", options: {} }] });
  const wrong = readSettings({ ...given, runs: [{ optimizer: "SGD", options: { momentum: 2 } }] });
  expect(() => pathsOf(wrong, rmsprop)).toThrow("Expected 'momentum' to be a number from 0 to 1, but it is 2.");
});
