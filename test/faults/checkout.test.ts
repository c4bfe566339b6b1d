// The title of each test begins with the number under which the fault was reported.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";

const hasGit = spawnSync("git", ["--version"]).status === 0;
const text = "first\nsecond\n";
const names = ["README.md", "docs/a.md", "lib/a.ts", "a.cjs", "native/a.cpp", ".ci/run", "a.svg", "LICENSE", "a.yml"];

/** Commits the files, and has git write them again as it does on Windows. */
function checkOut(folder: string, files: Readonly<Record<string, Buffer | string>>): void {
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: folder });
  git("init", "-q");
  git("config", "core.autocrlf", "true");
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  git("add", ".");
  git("commit", "-qm", "files");
  for (const name of Object.keys(files)) rmSync(join(folder, name));
  git("checkout", "-q", ".");
}

describe.skipIf(!hasGit)("a checkout with Windows's line ends", () => {
  it("7: has the bytes that were committed", () => {
    const folder = temporaryFolder();
    const binary = Buffer.from("a\r\nb\nc");
    const attributes = join(root, ".gitattributes");
    if (existsSync(attributes)) copyFileSync(attributes, join(folder, ".gitattributes"));
    checkOut(folder, { ...Object.fromEntries(names.map((name) => [name, text])), "a.node": binary });
    for (const name of names) expect(readFileSync(join(folder, name), "latin1"), name).toBe(text);
    expect(readFileSync(join(folder, "a.node"))).toEqual(binary);
  });
});
