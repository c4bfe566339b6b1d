// Every backend equals the reference, bit for bit: every instruction set of this machine, and WebAssembly, x every set of
// flags x number type x length x offset x number of threads, over 20 steps, with finite gradients and with others. What
// takes turns outside the full run, test/support/cases.ts says; here backends and kinds of gradients do too.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { maxSlots } from "../lib/backends/limits.ts";
import { createReference } from "../lib/backends/reference/reference.ts";
import type { FloatArray } from "../lib/numbers/typed-array.ts";
import { rules } from "../lib/rules/all.ts";
import { flagsOf, usedSlots, variantsOf } from "../lib/rules/rule.ts";
import { countNaN, firstDifference, layout } from "./support/arena.ts";
import { backends, binding } from "./support/backends.ts";
import { full, type GradientKind, gradients, numberTypes, offsets, steps, threadCountsOf } from "./support/cases.ts";
import { ruleCaseOf } from "./support/optimizers/all.ts";
import { expectedOf, gradientsOf, type Inputs, inputsOf, stepAll } from "./support/stepping.ts";
import { wasm } from "./support/wasm.ts";

const threadsBefore = binding?.threads() ?? 1;
afterAll(() => binding?.setThreads(threadsBefore));

const kinds = Object.keys(gradients) as GradientKind[];

test("offsets of both halves are there", () => {
  expect(new Set(offsets.map((offset) => offset % 2))).toEqual(new Set([0, 1]));
});

test.each(rules)("$name has test cases for all it names", (rule) => {
  expect(rule.slots.length).toBeLessThanOrEqual(maxSlots);
  const { coefficients, initial } = ruleCaseOf(rule.name);
  for (const set of coefficients) expect(Object.keys(set)).toEqual(rule.coefficients);
  expect(Object.keys(initial)).toEqual(rule.slots);
});

describe.skipIf(backends.length === 0)("every backend equals the reference", () => {
  test("and wasm is one of them", (context) => {
    if ("missing" in wasm) context.skip(wasm.missing);
    expect(backends.map(({ isa }) => isa)).toContain("wasm");
  });

  let turn = 0;
  for (const type of numberTypes) {
    for (const [kindNumber, kind] of kinds.entries()) {
      describe(`${type}, ${kind} gradients`, () => {
        let gradientSteps: Inputs["gradients"] = [];
        let values = 0;
        let nan = 0;
        beforeAll(() => {
          gradientSteps = gradientsOf(type, kind, steps);
        });
        afterAll(() => {
          gradientSteps = [];
          console.log(`${type}, ${kind} gradients: ${nan} of ${values} results are NaN`);
        });

        turn++; // so that a variant does not have the same turn for every type and kind
        for (const rule of rules) {
          for (const [variantNumber, variant] of variantsOf(rule).entries()) {
            const ownTurn = turn++;
            // Each backend steps every variant in both number types: in the full run with gradients of both kinds.
            const chosen = backends.filter((_, i) => full || (i + variantNumber + kindNumber) % 2 === 0);
            const flags = Object.entries(flagsOf(rule, variant)).map(([flag, choice]) => `${flag}=${choice}`);
            test(`${rule.name} ${flags.join(" ")}`, () => {
              const at = layout(type, ownTurn);
              const inputs = inputsOf(rule, type, gradientSteps);
              const expected = expectedOf(createReference(), rule, at, variant, inputs);
              const own = { values: 0, nan: 0 };
              for (const arrays of [expected.data, ...expected.slots]) {
                own.values += arrays.length;
                own.nan += countNaN(arrays);
              }
              values += own.values;
              nan += own.nan;
              if (kind === "finite") expect(own.nan / own.values).toBeLessThanOrEqual(0.05);
              for (const [i, backend] of chosen.entries()) {
                for (const threads of backend.name === "native" ? threadCountsOf(ownTurn + i) : [1]) {
                  backend.setThreads(threads);
                  const found = stepAll(backend, rule, at, variant, inputs);
                  const differences = [
                    ["param", found.data, expected.data] as const,
                    ...usedSlots(rule, variant).map(
                      (slot, i) => [slot, found.slots[i] as FloatArray, expected.slots[i] as FloatArray] as const,
                    ),
                  ].flatMap(([name, a, b]) => {
                    const difference = firstDifference(at, a, b);
                    return difference ? [`${name}: ${difference}`] : [];
                  });
                  expect(differences, `${backend.isa}, ${threads} threads`).toEqual([]);
                }
              }
            });
          }
        }
      });
    }
  }
});
