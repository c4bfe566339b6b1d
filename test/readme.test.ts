// The README's first example runs as pasted, and the package loads by import and by require.
import { expect, test } from "vitest";
import { blocksOf, runPasted } from "./support/pasted.ts";

test("the README's example runs as pasted and fits its line", () => {
  const example = blocksOf("README.md").find(({ language }) => language === "js")?.text as string;
  const [backend, , slope, intercept] = runPasted(example).trim().split(" ");
  expect(backend).toBe(process.env.RMSPROP_BACKEND ?? "native");
  expect(Number(slope)).toBeCloseTo(3, 1);
  expect(Number(intercept)).toBeCloseTo(-1, 1);
});

test("require gives what import gives", () => {
  const program = `
    const required = require("rmsprop");
    import("rmsprop").then((imported) => {
      console.log(required.RMSprop === imported.RMSprop, required.backend === imported.backend, Object.keys(required).length);
    });`;
  expect(runPasted(program, process.execPath, "example.cjs")).toMatch(/^true true \d+\n$/);
});
