// docs/api.md names all that the package exports, as its published declarations and its modules have it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as checkpoint from "../lib/checkpoint/index.ts";
import * as distributed from "../lib/distributed/index.ts";
import * as library from "../lib/index.ts";
import * as record from "../lib/record/index.ts";
import * as tfjs from "../lib/tfjs/index.ts";
import * as workers from "../lib/workers/index.ts";
import { entryPoints } from "./support/api-layout.ts";
import { root } from "./support/compile.ts";
import { namesExported } from "./support/declarations.ts";
import { errorExamples, thrownBy } from "./support/error-examples.ts";
import { emptyProject, textOf } from "./support/pages.ts";
import { checkBuilt } from "./support/programs.ts";

const page = textOf("docs/api.md");
const headings = new Set([...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) => (title as string).replaceAll("`", "")));
const isOnPage = (name: string) => headings.has(name) || headings.has(`${name}()`);

const modules: Readonly<Record<string, object>> = {
  rmsprop: library,
  "rmsprop/checkpoint": checkpoint,
  "rmsprop/tfjs": tfjs,
  "rmsprop/workers": workers,
  "rmsprop/distributed": distributed,
  "rmsprop/record": record,
};
const specifiers = entryPoints.map(({ specifier }) => specifier);

test("the page has every entry point", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: Record<string, object> };
  // What has no types is no module: the manifest, the kernels.
  const published = Object.entries(manifest.exports).filter(([, conditions]) => Object.hasOwn(conditions, "types"));
  expect(specifiers).toEqual(published.map(([path]) => path.replace(/^\./, "rmsprop")));
  expect(Object.keys(modules)).toEqual(specifiers);
});

describe.each(specifiers)("%s", (specifier) => {
  checkBuilt();

  test("has each export of its declarations under a heading", () => {
    const { folder, remove } = emptyProject();
    try {
      writeFileSync(join(folder, "user.ts"), `export * from "${specifier}";\n`);
      const compilerOptions = { module: "nodenext", target: "es2023", types: [], noEmit: true };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["user.ts"] }));
      const names = namesExported(join(folder, "user.ts"), join(folder, "tsconfig.json"));
      expect(names).toEqual(expect.arrayContaining(Object.keys(modules[specifier] as object)));
      // What a namespace exports is told one by one, below.
      expect(names.filter((name) => name !== "schedules" && !isOnPage(name))).toEqual([]);
    } finally {
      remove();
    }
  });
});

test("the page has each schedule, and its options", () => {
  const schedules = Object.keys(library.schedules);
  expect(schedules.length).toBeGreaterThan(5);
  expect(schedules.filter((name) => !isOnPage(`schedules.${name}`))).toEqual([]);
});

test("the page has each method and property of optimizers", () => {
  const members = Object.getOwnPropertyNames(library.Optimizer.prototype).filter((name) => name !== "constructor");
  expect(members.length).toBeGreaterThan(10);
  expect(members.filter((name) => !isOnPage(`optimizer.${name}`))).toEqual([]);
});

test.each(Object.entries(errorExamples))("the example of %s throws it, and nothing else", async (code, program) => {
  const error = await thrownBy(program);
  expect(error.code).toBe(code);
  expect(page).toContain(`#### \`${code}\``);
  expect(page).toContain(`${program.trimEnd()}\n\`\`\`\n\n\`\`\`\nOptimError ${code}: ${error.message}\n`);
});
