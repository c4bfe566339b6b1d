// The README's first example runs as pasted.
import { expect, test } from "vitest";
import { blocksOf, runPasted } from "./support/pasted.ts";

test("the README's example runs as pasted and fits its line", () => {
  const example = blocksOf("README.md").find(({ language }) => language === "js")?.text as string;
  const [backend, , slope, intercept] = runPasted(example).trim().split(" ");
  expect(backend).toBe(process.env.RMSPROP_BACKEND ?? "native");
  expect(Number(slope)).toBeCloseTo(3, 1);
  expect(Number(intercept)).toBeCloseTo(-1, 1);
});
