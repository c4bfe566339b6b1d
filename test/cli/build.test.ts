import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/compile.ts";
import { checkBuilt } from "../support/programs.ts";

function rmsprop(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  checkBuilt();
  const main = join(root, "dist", "cli", "main.js");
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

// That it builds is what `npm run pack:check` shows, on the packed package.
test("rmsprop build takes no arguments and builds nothing when it is given some", () => {
  expect(rmsprop("build", "--fast")).toMatchObject({ status: 2, stdout: "", stderr: expect.stringMatching(/^usage:/) });
  expect(rmsprop("build", "--help")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^usage:/), stderr: "" });
});

test("rmsprop names its commands, and refuses another", () => {
  expect(rmsprop("--help")).toMatchObject({ status: 0, stdout: expect.stringMatching(/ build .*\n.* doctor /) });
  expect(rmsprop("bild")).toMatchObject({ status: 2, stderr: expect.stringMatching(/found bild/) });
  expect(rmsprop().status).toBe(2);
});
