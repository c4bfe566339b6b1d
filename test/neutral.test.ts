// Where coefficients have neutral values, the kernels leave their operations out (native/kernels/kernel.hpp): with all of them
// neutral, and with each coefficient in turn another, every backend leaves the reference's bits.
import { describe, expect, test } from "vitest";
import { createReference } from "../lib/backends/reference/reference.ts";
import { rules } from "../lib/rules/all.ts";
import { type AnyRule, flagsOf, usedSlots, variantsOf } from "../lib/rules/rule.ts";
import { firstDifference, layout } from "./support/arena.ts";
import { backends } from "./support/backends.ts";
import { numberTypes } from "./support/cases.ts";
import { ruleCaseOf } from "./support/optimizers/all.ts";
import { expectedOf, gradientsOf, inputsOf, stepAll } from "./support/stepping.ts";

const lengths = [67];
const steps = 3;

/** All neutral, then for each coefficient the same with another value; and zeros of the other sign. */
function setsOf(rule: AnyRule): Record<string, number>[] {
  const { coefficients, neutral } = ruleCaseOf(rule.name);
  const [usual, others] = coefficients;
  const base = { ...usual, ...neutral };
  return [
    base,
    ...rule.coefficients.map((name: string) => ({ ...base, [name]: others[name] as number })),
    ...rule.coefficients
      .filter((name: string) => base[name] === 0)
      .map((name: string) => ({ ...base, [name]: -(base[name] as number) })),
  ];
}

describe.skipIf(backends.length === 0)("kernels with neutral coefficients equal the reference", () => {
  for (const type of numberTypes) {
    const gradients = gradientsOf(type, "finite", steps);
    for (const rule of rules) {
      const coefficients = setsOf(rule);
      const at = layout(type, 0, lengths, () => coefficients.map((_, set) => set));
      for (const variant of variantsOf(rule)) {
        const flags = Object.entries(flagsOf(rule, variant)).map(([flag, choice]) => `${flag}=${choice}`);
        test(`${type} ${rule.name} ${flags.join(" ")}`, () => {
          const inputs = { ...inputsOf(rule, type, gradients), coefficients };
          const expected = expectedOf(createReference(), rule, at, variant, inputs);
          for (const backend of backends) {
            const found = stepAll(backend, rule, at, variant, inputs);
            const differences = ["param", ...usedSlots(rule, variant)].map((name, i) =>
              i === 0
                ? [name, firstDifference(at, found.data, expected.data)]
                : [name, firstDifference(at, found.slots[i - 1] as never, expected.slots[i - 1] as never)],
            );
            expect(
              differences.filter(([, difference]) => difference),
              backend.isa,
            ).toEqual([]);
          }
        });
      }
    }
  }
});
