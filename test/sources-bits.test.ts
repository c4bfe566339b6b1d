// Gradients that a step makes leave the bits of the same gradients formed (support/sources.ts): on each instruction set, in
// cache and beyond it, WebAssembly and the reference, by 1, 2 and 7 threads, under every rule, of values of all sizes.
import { afterAll, describe, expect, test } from "vitest";
import type { Backend, Report, Run } from "../lib/backends/backend.ts";
import { createReference } from "../lib/backends/reference/reference.ts";
import type { GradientSource } from "../lib/backends/source.ts";
import { loadKernels } from "../lib/backends/wasm/kernels.ts";
import { createWasm } from "../lib/backends/wasm/wasm.ts";
import type { FloatArray, NumberType } from "../lib/numbers/typed-array.ts";
import { rules } from "../lib/rules/all.ts";
import { type AnyRule, variantsOf } from "../lib/rules/rule.ts";
import { backends, binding } from "./support/backends.ts";
import { full, numberTypes, threadCountsOf } from "./support/cases.ts";
import { ruleCaseOf } from "./support/optimizers/all.ts";
import { difference, draws, factors, type Shape, shapes, sizeOf, sourceOf, sources } from "./support/sources.ts";
import { noMeasures, plainRun } from "./support/stage-cases.ts";
import { inputsOf } from "./support/stepping.ts";
import { wasm } from "./support/wasm.ts";

const threadsBefore = binding?.threads() ?? 1;
afterAll(() => binding?.setThreads(threadsBefore));

const reference = createReference();

/** The rules and the numbers of threads that were taken. */
const seen = new Set<string | number>();

/** The arrays of a rule over some shapes, each stepped once from the source of its gradient. */
function step(
  backend: Backend,
  rule: AnyRule,
  variant: number,
  type: NumberType,
  all: readonly Shape[],
  of: readonly GradientSource[],
) {
  const inputs = inputsOf(rule, type, []);
  const parameters = all.map((shape, i) => {
    const data = inputs.data(sizeOf(shape)).slice();
    const slots = rule.slots.map((slot: string) => ({
      array: (inputs.slots[slot] as (length: number) => FloatArray)(sizeOf(shape)).slice(),
      storage: type,
    }));
    return { data, out: data, storage: type, source: of[i] as GradientSource, slots, average: null, accumulated: null };
  });
  const [first] = ruleCaseOf(rule.name).coefficients;
  const coefficients = rule.coefficients.map((name: string) => first[name] as number);
  const runs: Run[] = [{ group: 0, variant, coefficients, selection: null, stages: plainRun }];
  const stages = {
    ...{ skipNonFinite: false, clipGlobalNorm: Number.POSITIVE_INFINITY, measures: noMeasures, report: {} as Report },
  };
  const bound = backend.bind([{ rule, type, parameters }], 1, true);
  if (!bound) throw new Error("Expected memory to bind the arrays.");
  bound.step(runs, stages);
  return parameters.map(({ data, slots }) => [data, ...slots.map(({ array }) => array)]);
}

/** Two variants of a rule by turns, or all. */
function variantsIn(rule: AnyRule, turn: number): readonly number[] {
  const all = variantsOf(rule);
  return full ? all : [all[turn % all.length] as number];
}

describe.each(numberTypes)("%s", (type) => {
  describe.each(Object.keys(draws))("%s values", (kind) => {
    let turn = numberTypes.indexOf(type) + Object.keys(draws).indexOf(kind);
    test.each(Object.keys(sources))("%s", (name) => {
      const seed = ++turn;
      const made = shapes.map((shape, i) => sources[name]?.(type, shape, 1000 * seed + 7 * i, draws[kind]));
      const given = made.map((each, i) => sourceOf(each?.given, type, shapes[i] as Shape));
      const formed = made.map((each) => ({ array: each?.formed as FloatArray, storage: type }));
      rules.forEach((rule, r) => {
        if (!full && (seed + r) % 3 !== 0) return;
        for (const variant of variantsIn(rule, seed)) {
          const expected = step(reference, rule, variant, type, shapes, formed);
          for (const [i, backend] of [...backends, reference].entries()) {
            for (const threads of backend.name === "native" ? threadCountsOf(seed + r + i) : [1]) {
              binding?.setThreads(threads);
              seen.add(rule.name);
              if (backend.name === "native") seen.add(threads);
              const found = step(backend, rule, variant, type, shapes, given);
              found.forEach((arrays, p) => {
                arrays.forEach((array, a) => {
                  const differs = difference(array, expected[p]?.[a] as FloatArray);
                  if (differs === undefined) return;
                  const where = `${rule.name} ${variant} on ${backend.isa}, ${threads} threads, [${shapes[p]}], array ${a}`;
                  expect.fail(`${where}: ${differs}`);
                });
              });
            }
          }
        }
      });
    });
  });
});

test("factors for which WebAssembly's window has no room at once are taken in blocks", (context) => {
  if ("missing" in wasm) return context.skip(wasm.missing);
  const backend = createWasm(loadKernels(wasm.bytes, rules), { windowBytes: 8192 });
  const wide: readonly Shape[] = [
    [40, 33],
    [2, 1100],
    [300, 2],
  ];
  const small: readonly Shape[] = [[3, 5]]; // for each of whose elements there is hardly room, or none
  const [rule] = rules as [AnyRule];
  for (const type of numberTypes) {
    for (const [batch, all] of [
      [1, wide],
      [31, wide],
      [100, wide],
      [1024, small],
      [2049, small],
    ] as const) {
      for (const make of [factors(batch), factors(batch, { bias: true }), factors(batch, { transposed: true })]) {
        const made = all.map((shape, i) => make(type, shape, batch + i));
        const given = made.map((each, i) => sourceOf(each.given, type, all[i] as Shape));
        const formed = made.map((each) => ({ array: each.formed, storage: type }));
        const expected = step(reference, rule, 0, type, all, formed);
        const found = step(backend, rule, 0, type, all, given);
        found.forEach(([data], p) => {
          const where = `[${all[p]}] of ${type}, batch ${batch}`;
          expect(difference(data as FloatArray, expected[p]?.[0] as FloatArray), where).toBeUndefined();
        });
      }
    }
  }
});

test("each rule, and each number of threads, came to some of them", () => {
  expect(seen).toEqual(new Set([...rules.map(({ name }) => name), ...(binding ? [1, 2, 7] : [])]));
});
