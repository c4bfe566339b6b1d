// The add-on's own checks for memory safety. JavaScript has checked all of it before, so no other test gets here.
import { describe, expect, test } from "vitest";
import type { FloatArray } from "../lib/numbers/typed-array.ts";
import { rules } from "../lib/rules/all.ts";
import { binding } from "./support/backends.ts";

type Bind = (isa: number, groups: readonly object[], runCapacity: number, staged: boolean) => unknown;

describe.skipIf(!binding)("what is bound is refused by the add-on itself", () => {
  const bind: Bind = (...given) => (binding as unknown as { bind: Bind }).bind(...given);
  const floats = (length: number) => new Float32Array(length);
  const group = (arrays: readonly (FloatArray | null | object)[], changed: object = {}) => [
    { rule: "rmsprop", type: "float32", slots: [0], arrays, ...changed },
  ];
  const whole = [floats(5), floats(5), floats(5), floats(5)];
  const withAt = (at: number, value: FloatArray | null | object) => whole.map((array, i) => (i === at ? value : array));

  test("and what fits is not", () => {
    expect(bind(0, group(whole), 1, false)).toHaveProperty("step");
    expect(bind(0, group([...whole, floats(5), null]), 1, true)).toHaveProperty("stepStaged");
    expect(bind(0, group(withAt(3, null)), 1, false)).toHaveProperty("step");
  });

  test.each([
    ["out", 1],
    ["grad", 2],
    ["slot", 3],
  ])("%s of another length", (_, at) => {
    for (const length of [4, 6, 0]) {
      expect(() => bind(0, group(withAt(at, floats(length))), 1, false)).toThrow(/not of its parameter's length/);
    }
  });

  test.each([0, 1, 2, 3])("array %i of another type", (at) => {
    for (const other of [new Float64Array(5), new Int32Array(5)]) {
      expect(() => bind(0, group(withAt(at, other)), 1, false)).toThrow(/not of its group's type/);
    }
    for (const other of [{}, undefined as never, [1, 2, 3, 4, 5]]) {
      expect(() => bind(0, group(withAt(at, other)), 1, false)).toThrow(/Expected an array or null/);
    }
  });

  test.each([
    ["data", 0],
    ["out", 1],
    ["grad", 2],
  ])("no %s", (_, at) => {
    expect(() => bind(0, group(withAt(at, null)), 1, false)).toThrow(/lacks an array|its parameter's length/);
  });

  test.each([4, 5])("array %i of a staged step, of another length", (at) => {
    const arrays = [...whole, floats(5), floats(5)].map((array, i) => (i === at ? floats(6) : array));
    expect(() => bind(0, group(arrays), 1, true)).toThrow(/not of its parameter's length/);
  });

  test("rules, slots and instruction sets that are not there", () => {
    expect(() => bind(0, group(whole, { rule: "no such rule" }), 1, false)).toThrow(/No such rule/);
    const slots = [rules.find(({ name }) => name === "rmsprop")?.slots.length];
    expect(() => bind(0, group(whole, { slots }), 1, false)).toThrow(/No such slot/);
    expect(() => bind(binding?.describe().isas.length ?? 0, group(whole), 1, false)).toThrow(/No such instruction set/);
  });
});
