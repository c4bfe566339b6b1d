// Mutations are made in both twins of the arithmetic at once (npm run mutation). Here: that sites are found in both, and that
// what only one of them has is known.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { alternatives, mutantsOf } from "./mutation/mutants.js";
import { root } from "./support/compile.ts";

interface Mutant {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly twin: string;
  readonly judges: readonly string[];
}

interface Alone {
  readonly twin: string;
  readonly side: "native" | "script";
  readonly text: string;
}

const { mutants, alone, files } = mutantsOf(root) as {
  mutants: Mutant[];
  alone: Alone[];
  files: Map<string, string>;
};

/** What one twin writes otherwise than the other, and why; it is mutated in neither. */
const otherwise: readonly (readonly [twin: string, text: RegExp, reason: string])[] = [
  ["stages/sumOfSquares", /^0$/, "TypeScript has one array for the sums of all tiles, which it sets to zero"],
  ["stages/store", /^0$/, "the same, and the largest change, which C++ begins with {}"],
  ["stages/store", /^largest </, "C++ takes the larger of two by `larger`"],
  ["norms/", /copysign|Math\.sign/, "JavaScript has no copysign"],
  ["norms/finish", /^0$/, "the sums of one parameter have other names"],
  ["norms/finishUpdates", /^largest </, "C++ takes std::max"],
];

describe("mutations", () => {
  test("every operation of the rules is a site in both twins", () => {
    expect(alone.filter(({ twin }) => /^(rules|arithmetic)\//.test(twin))).toEqual([]);
    for (const name of ["rmsprop", "sgd", "adagrad", "rprop", "adadelta", "adam"]) {
      expect(mutants.filter(({ twin }) => twin === `rules/${name}`).length, name).toBeGreaterThan(60);
    }
  });

  test("what is written otherwise in one twin of a stage is known", () => {
    const unknown = alone.filter(
      ({ twin, text }) => !otherwise.some(([where, what]) => twin.startsWith(where) && what.test(text)),
    );
    expect(unknown).toEqual([]);
    for (const [where, what, reason] of otherwise) {
      expect(
        alone.some(({ twin, text }) => twin.startsWith(where) && what.test(text)),
        reason,
      ).toBe(true);
    }
  });

  test("every kind of mutation is made, each mutant has a name of its own, and its number is in both twins", () => {
    expect(new Set(mutants.map(({ kind }) => kind))).toEqual(new Set(Object.keys(alternatives)));
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    const numbers = (ending: RegExp) => {
      const texts = [...files].filter(([file]) => ending.test(file)).map(([, text]) => text);
      const sites = texts.flatMap((text) => [
        ...text.matchAll(/(?:mutation::|\$m\.)\w+\((?:[A-Za-z$][\w$.]*, )?(\d+),/g),
      ]);
      return [...new Set(sites.map(([, first]) => Number(first)))].sort((a, b) => a - b);
    };
    expect(numbers(/\.[ch]pp$/).length).toBeGreaterThan(200);
    expect(numbers(/\.[ch]pp$/)).toEqual(numbers(/\.ts$/));
  });

  test("each has judges that are test files, and reasons are of mutants that there are", () => {
    const names = new Set(mutants.map(({ name }) => name));
    const reasons = JSON.parse(readFileSync(join(root, "test", "mutation", "survivors.json"), "utf8"));
    expect(Object.keys(reasons).filter((name) => !names.has(name))).toEqual([]);
    for (const file of new Set(mutants.flatMap(({ judges }) => judges))) {
      expect(readFileSync(join(root, file), "utf8").length, file).toBeGreaterThan(0);
    }
  });
});
