// The README's first example runs as pasted, in a folder where the package is installed.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/compile.ts";

test("the README's example runs as pasted and fits its line", () => {
  const example = /```js\n(.*?)```/s.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1] as string;
  const folder = mkdtempSync(join(tmpdir(), "rmsprop-readme-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", "rmsprop"), "dir");
    writeFileSync(join(folder, "example.mjs"), example);
    const [backend, , slope, intercept] = execFileSync(process.execPath, ["example.mjs"], {
      cwd: folder,
      encoding: "utf8",
    })
      .trim()
      .split(" ");
    expect(backend).toBe(process.env.RMSPROP_BACKEND ?? "native");
    expect(Number(slope)).toBeCloseTo(3, 1);
    expect(Number(intercept)).toBeCloseTo(-1, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
