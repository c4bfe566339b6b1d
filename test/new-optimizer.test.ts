// Where an optimizer must be mentioned: each expectation says in a sentence what is lacking, and where.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { convertedRules } from "../lib/checkpoint/convert/rules/all.ts";
import * as library from "../lib/index.ts";
import { definitions } from "../lib/optimizers/all.ts";
import { rules } from "../lib/rules/all.ts";
import { cases as smokeCases } from "./programs/smoke.js";
import { root } from "./support/compile.ts";
import { rows } from "./support/optimizers/all.ts";

const text = (file: string) => readFileSync(join(root, file), "utf8");

/** The classes that files of lib/optimizers/ define. */
const defined = readdirSync(join(root, "lib", "optimizers")).flatMap((file) =>
  [...text(`lib/optimizers/${file}`).matchAll(/^export class (\w+).* extends Optimizer</gm)].map(([, name]) => name),
);

test.each(defined)("%s is in the list of optimizers", (name) => {
  const names = definitions.map((definition) => definition.name);
  expect(names, `lib/optimizers/all.ts lacks the definition of ${name}`).toContain(name);
});

describe.each(definitions)("$name", ({ name, rule, presets }) => {
  const presetNames = Object.keys(presets);

  test("has a rule in both languages", () => {
    expect(rules, `lib/rules/all.ts lacks the rule ${rule.name} of ${name}`).toContain(rule);
    const header = `native/kernels/rules/${rule.name}.hpp`;
    expect(existsSync(join(root, header)), `${header}, the rule of ${name} in C++, is lacking`).toBe(true);
    expect(
      text("native/kernels/rules/all.hpp").includes(`#include "${rule.name}.hpp"`),
      `native/kernels/rules/all.hpp lacks the rule ${rule.name}`,
    ).toBe(true);
  });

  test("is exported with its types", () => {
    expect(Object.keys(library), `lib/optimizers/all.ts and lib/api.ts lack the class ${name}`).toContain(name);
    for (const type of [`${name}Options`, `${name}State`]) {
      expect(
        new RegExp(`\\b${type}\\b`).test(text("lib/api.ts")),
        `lib/optimizers/all.ts and lib/api.ts lack the type ${type}`,
      ).toBe(true);
    }
  });

  test("has a row among the optimizers under test, and its rule values for coefficients and slots", () => {
    const own = rows.filter(({ definition }) => definition.name === name);
    expect(own.length, `test/support/optimizers/all.ts lacks a row of ${name}`).toBe(1);
    const ofRule = rows.filter((row) => row.definition.rule === rule && row.rule);
    expect(ofRule.length, `one of the rows in test/support/optimizers/ must have 'rule' for ${rule.name}`).toBe(1);
    expect(Boolean(own[0]?.page), `the row of ${name} must have a 'page' if it has presets`).toBe(
      presetNames.length > 0,
    );
  });

  test("is known to the converters, or said to be in no other system", () => {
    expect(Object.keys(convertedRules), `lib/checkpoint/convert/rules/all.ts lacks the rule ${rule.name}`).toContain(
      rule.name,
    );
  });

  test("is in the documentation", () => {
    expect(text("README.md").split("\n")[2], `README.md's first sentence does not name ${name}`).toContain(name);
    for (const system of ["torch", "tfjs"]) {
      if (!presetNames.includes(system)) continue;
      const page = text("docs/coming-from.md");
      const named = [name, `tf.train.${name.toLowerCase()}`].some((each) => page.includes(each));
      expect(named, `docs/coming-from.md lacks ${name}, which has the preset "${system}"`).toBe(true);
    }
    const made = "; npm run docs makes it";
    expect(text("docs/api.md").includes(`\n### \`${name}\`\n`), `docs/api.md lacks ${name}${made}`).toBe(true);
    expect(text("docs/options.md").includes(`\n## ${name}\n`), `docs/options.md lacks ${name}${made}`).toBe(true);
    if (presetNames.length === 0) return;
    expect(text("docs/presets.md").includes(`\n## ${name}\n`), `docs/presets.md lacks ${name}${made}`).toBe(true);
  });

  test("is stepped on every platform and runtime, with every preset", () => {
    const own = (smokeCases as Readonly<Record<string, readonly { preset?: string }[]>>)[name] ?? [];
    expect(own.length, `'cases' in test/programs/smoke.js lacks ${name}`).toBeGreaterThan(0);
    for (const preset of presetNames) {
      expect(
        own.map((options) => options.preset),
        `'cases' in test/programs/smoke.js lacks the preset "${preset}" of ${name}`,
      ).toContain(preset);
    }
  });
});
