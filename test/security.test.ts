// SECURITY.md: each claim names the test that holds it, and that test is there.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./support/compile.ts";

const read = (file: string) => readFileSync(join(root, file), "utf8");

const page = read("SECURITY.md");
const rows = page.split("\n").filter((line) => line.startsWith("| ") && !/^\| (---|input)/.test(line));
const named = [...page.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)].map(([, file = "", title = ""]) => ({ file, title }));

describe("SECURITY.md", () => {
  test("has a test for every line of what no input may do", () => {
    expect(rows.length).toBeGreaterThan(20);
    for (const row of rows) expect(row).toMatch(/\| `test\/[\w./-]+\.test\.ts`: "[^"]+" \|$/);
    expect(named.length).toBeGreaterThan(rows.length);
  });

  test.each(named)('$file has the test "$title"', ({ file, title }) => {
    // The first words of a title, quoted in any way; a number made at run time may stand before them.
    const text = read(file);
    const quoted = title.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const isThere = new RegExp(`["'\`](\\$\\{\\w+\\} )?${quoted}`).test(text);
    expect(isThere).toBe(true);
  });

  test("is in the package, and README.md leads to it", () => {
    expect(JSON.parse(read("package.json")).files).toContain("SECURITY.md");
    expect(read("README.md")).toContain("](SECURITY.md)");
  });

  test("says no more of versions and files than there is", () => {
    expect(read(".github/workflows/release.yml")).toContain("npm publish ./*.tgz --provenance");
    const { scripts, dependencies } = JSON.parse(read("package.json"));
    expect(Object.keys(dependencies)).toEqual(["node-gyp-build"]);
    for (const name of ["preinstall", "install", "postinstall"]) expect(scripts).not.toHaveProperty(name);
    for (const name of page.match(/npm run ([\w:]+)/g) ?? []) expect(scripts).toHaveProperty([name.slice(8)]);
  });
});
