// Every option of every optimizer x every kind of bad value x every way to give one: refused, and nothing changes.
import { describe, expect, test } from "vitest";
import { definitions } from "../lib/optimizers/all.ts";
import { optimizerOptions } from "../lib/options/stages.ts";
import { refuses } from "./support/arrays.ts";
import { rowOf } from "./support/optimizers/all.ts";
import { optimizerOptionCases, shownInErrors, waysOf } from "./support/option-cases.ts";
import type { OptionCase } from "./support/option-kinds.ts";

const quote = (literal: string) => literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The end of a sentence: it proposes a word that is taken for one that is nearly it. */
const hint = '(\\.|; did you mean \\[?"\\w+"\\]?\\?)';

describe.each(definitions)("$name", ({ name: optimizer, options: table, initialOptions = [] }) => {
  const cases = rowOf(optimizer).options;
  const names = Object.keys(table);
  const base = "momentum" in table ? { momentum: 0.5 } : {};
  const ways = waysOf(optimizer, base);

  test("the table names every option, with its default", () => {
    expect(Object.keys(cases).sort()).toEqual([...names].sort());
    const [, make] = ways[0] as (typeof ways)[number];
    expect({ ...make().give({}).paramGroups[0] }).toEqual({
      ...Object.fromEntries(names.map((name) => [name, cases[name]?.default])),
      params: ["x"],
    });
  });

  // A preset is refused where it is set on a running group (options.test.ts).
  const setIn = (way: string) => names.filter((name) => !way.startsWith("set in paramGroups") || name !== "preset");
  // So is, after the first step, what only says what the state begins as (faults/state.test.ts).
  const takenIn = (way: string) =>
    setIn(way).filter((name) => way !== "set in paramGroups" || !initialOptions.includes(name));

  describe.each(ways)("given %s", (way, make) => {
    test.each(takenIn(way))("%s takes what is in its domain", (name) => {
      for (const value of cases[name]?.good ?? []) {
        const group = make()
          .give({ ...base, [name]: value })
          .paramGroups.at(-1);
        if (typeof value === "object") expect(group?.[name], shownInErrors(value)).toEqual(value);
        else expect(group?.[name], shownInErrors(value)).toBe(value);
      }
    });

    test.each(setIn(way))("%s refuses what is not, and says what it takes and what it found", (name) => {
      const { bad, domain } = cases[name] as OptionCase;
      for (const value of bad) {
        const { give, witnesses } = make();
        const found = shownInErrors(value);
        const message = new RegExp(`^Expected '${name}' to be ${quote(domain)}.* but it is ${quote(found)}${hint}$`);
        refuses(() => give({ [name]: value }), "ERR_OPTION", message, witnesses, `${name}: ${found}`);
      }
    });
  });
});

describe("an optimizer as a whole", () => {
  const ways = waysOf("RMSprop", {});

  test("the table names every option, with its default", () => {
    const defaults = Object.entries(optimizerOptionCases).map(([name, of]) => [name, of.default]);
    expect(Object.fromEntries(defaults)).toEqual(
      Object.fromEntries(Object.entries(optimizerOptions).map(([name, of]) => [name, of.default])),
    );
  });

  describe.each(Object.entries(optimizerOptionCases))("%s", (name, { good, bad, domain }) => {
    const [, inConstructor] = ways[0] as (typeof ways)[number];

    test("takes what is in its domain", () => {
      for (const value of good) inConstructor().give({ [name]: value });
    });

    test("refuses what is not, and says what it takes and what it found", () => {
      for (const value of bad) {
        const { give, witnesses } = inConstructor();
        const found = shownInErrors(value);
        const message = new RegExp(
          `^Expected '${name}' to be ${quote(domain)}.* but it (is ${quote(found)}|has .+)${hint}$`,
        );
        refuses(() => give({ [name]: value }), "ERR_OPTION", message, witnesses, `${name}: ${found}`);
      }
    });

    test.each(ways.slice(1))("is refused %s", (_, make) => {
      const { give, witnesses } = make();
      const message = new RegExp(`^Expected '${name}' to be given to the constructor of RMSprop`);
      refuses(() => give({ [name]: good[0] }), "ERR_OPTION", message, witnesses);
    });
  });
});
