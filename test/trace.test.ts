import { describe, expect, test } from "vitest";
import { rules } from "../lib/rules/all.ts";
import { flagsOf, variantOf, variantsOf } from "../lib/rules/rule.ts";
import { numberTypes } from "./support/cases.ts";
import { compileProgram, compiler, output } from "./support/compile.ts";
import { trace, tracedSources, traceSource } from "./support/trace.ts";

describe.skipIf(!compiler)("the rule in C++ and the rule in TypeScript are one expression graph", () => {
  const native = new Map<string, string>();
  test("every rule, type and variant is traced", { timeout: 300_000 }, () => {
    for (const line of output(compileProgram("trace")).trim().split("\n"))
      native.set(line.slice(0, line.indexOf(":")), line);
    const expected = rules.flatMap((rule) =>
      numberTypes.flatMap((type) => variantsOf(rule).map((variant) => `${rule.name} ${type} ${variant}`)),
    );
    expect([...native.keys()].filter((key) => !key.startsWith("source "))).toEqual(expected);
    expect(native.size).toBe(expected.length + numberTypes.length * tracedSources.length);
  });

  // The order of their sums is fixed for ever, and so is each rounding: a product that is fused into its sum shows here.
  for (const type of numberTypes) {
    test.each(tracedSources)(
      `a ${type} gradient that is made of %s, divided by %s, from element %s to %s`,
      (...source) => {
        const line = traceSource(source, type);
        expect(line).not.toMatch(/unset|fma/);
        expect(native.get(line.slice(0, line.indexOf(":")))).toBe(line);
      },
    );
  }

  for (const rule of rules) {
    for (const type of numberTypes) {
      for (const variant of variantsOf(rule)) {
        const flags = Object.entries(flagsOf(rule, variant)).map(([flag, choice]) => `${flag}=${choice}`);
        test(`${rule.name} ${type} ${flags.join(" ")}`, () => {
          const line = trace(rule, type, variant);
          expect(native.get(`${rule.name} ${type} ${variant}`)).toBe(line);
        });
      }
    }
  }
});

test.each(rules)("the variants of $name are sets of its flags", (rule) => {
  const variants = variantsOf(rule);
  expect(variants.length).toBeGreaterThan(0);
  for (const variant of variants) expect(variantOf(rule, flagsOf(rule, variant))).toBe(variant);
});

test.each(rules)("no two variants of $name are one expression", (rule) => {
  const lines = variantsOf(rule).map((variant) => trace(rule, "float32", variant).replace(/^\S+ \S+ \d+/, ""));
  expect(new Set(lines).size).toBe(lines.length);
});
