// docs/recipes.md and the projects that `npm run test:platforms -- recipes` makes and runs are the same text.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/compile.ts";

const folder = join(root, "test", "platforms", "recipes");
const page = readFileSync(join(root, "docs", "recipes.md"), "utf8");

/** What frameworks ask for beside what the page is about. */
const beside = [
  "next/app/layout.js",
  "next/app/page.js",
  "jest/jsdom.test.mjs",
  "vitest/step.test.mjs",
  "vitest/vitest.config.mjs",
  "typescript/program.ts",
];

const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => statSync(join(folder, file)).isFile())
  .map((file) => file.replaceAll("\\", "/"));
const snippets = [...page.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)].map(([, file, text]) => [file, text] as const);

test("R5: every file of a recipe is on the page, and the page names no other", () => {
  // rspack takes webpack's configuration, which the page shows once.
  const shown = files.filter((file) => !beside.includes(file) && file !== "rspack/rspack.config.mjs");
  expect(snippets.map(([file]) => file).sort()).toEqual(shown.sort());
});

test.each(snippets)("R5: %s is the file that is run", (file, text) => {
  expect(text).toBe(readFileSync(join(folder, file as string), "utf8"));
});

test("R5: rspack's configuration is webpack's", () => {
  const [webpack, rspack] = ["webpack/webpack", "rspack/rspack"].map((name) =>
    readFileSync(join(folder, `${name}.config.mjs`), "utf8"),
  );
  expect(rspack).toBe(webpack);
});
