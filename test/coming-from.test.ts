// The programs of docs/coming-from.md print what stands under them.
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { blocksOf, runPasted } from "./support/pasted.ts";

const page = "docs/coming-from.md";
const blocks = blocksOf(page);
/** What the page says that the program in a block prints: the next block without a language. */
const printed = (block: number) => blocks.slice(block).find(({ language }) => language === "")?.text;
const programsIn = (language: string) =>
  blocks.flatMap((block, at) => (block.language === language ? [{ block: at + 1, text: block.text }] : []));

const python = ["/usr/bin/python3", "python3"].find(
  (command) =>
    spawnSync(command, ["-c", "import importlib.util as i; exit(i.find_spec('torch') is None)"]).status === 0,
);

describe(page, () => {
  test("has programs of all three systems", () => {
    expect(programsIn("js").length).toBeGreaterThanOrEqual(4);
    expect(programsIn("python").length).toBe(1);
  });

  test.each(programsIn("js"))("block $block runs as pasted", ({ block, text }) => {
    expect(runPasted(text)).toBe(printed(block));
  });

  test.skipIf(!python).each(programsIn("python"))("block $block in PyTorch prints the same", ({ block, text }) => {
    expect(runPasted(text, python, "example.py")).toBe(printed(block));
  });
});
