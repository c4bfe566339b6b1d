// rmsprop replay: the paths of settings, on every backend, as a program over the package leaves them.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Replay } from "../../lib/cli/replay.ts";
import * as rmsprop from "../../lib/index.ts";
import { bytesOf, pathsOf, readSettings } from "../../lib/paths/index.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { checkBuilt } from "../support/programs.ts";
import { wasm } from "../support/wasm.ts";

const main = join(root, "dist", "cli", "main.js");

const settings = {
  version: 1,
  surface: "noise",
  start: [1.5, -1],
  steps: 120,
  seed: 9,
  dtype: "float64",
  runs: [
    { optimizer: "RMSprop", options: { lr: 0.02, centered: true } },
    { optimizer: "Adam", options: { lr: 0.05, preset: "torch" } },
  ],
};

function replay(text: string, args: readonly string[] = ["--json"]) {
  const file = join(temporaryFolder(), "settings.json");
  writeFileSync(file, text);
  return spawnSync(process.execPath, [main, "replay", file, ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", RMSPROP_NATIVE_PATH: "", RMSPROP_ISA: "" },
  });
}

describe("rmsprop replay", () => {
  beforeAll(checkBuilt);

  test("leaves the bits of a program on every backend, and says where each path ends", () => {
    const { status, stdout, stderr } = replay(JSON.stringify(settings));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const found: Replay = JSON.parse(stdout);
    const paths = pathsOf(readSettings(settings), rmsprop);
    const digest = (of: typeof paths) => createHash("sha256").update(bytesOf(of)).digest("hex");
    expect(found.sha256).toBe(digest(paths));
    expect(found.runs.map(({ sha256 }) => sha256)).toEqual(paths.map((path) => digest([path])));
    expect(found.runs.map(({ last }) => last)).toEqual(paths.map((path) => [...path.slice(-2)]));
    const names = Object.keys(found.backends);
    expect(names).toContain("reference");
    expect(names.includes("wasm")).toBe(!("missing" in wasm));
    expect(new Set(Object.values(found.backends))).toEqual(new Set([found.sha256]));
  });

  test("says the same to people", () => {
    const { status, stdout } = replay(JSON.stringify(settings), []);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^noise, from \(1.5, -1\), 120 steps, float64$/m);
    expect(stdout).toMatch(/^all paths: SHA-256 [0-9a-f]{64}$/m);
    expect(stdout).toMatch(/^computed by .*reference: the same bits$/m);
  });

  test.each([
    ["{", /^Expected .*settings\.json to hold JSON, but it does not: /],
    [
      JSON.stringify({ ...settings, steps: 0 }),
      /^Expected 'steps' to be a whole number from 1 to 100000, but it is 0\./,
    ],
    [
      JSON.stringify({ ...settings, runs: [{ optimizer: "SGD", options: { alpha: 1 } }] }),
      /^SGD has no option 'alpha'/,
    ],
  ])("says what is wrong with %s, with exit code 2", (text, message) => {
    const { status, stdout, stderr } = replay(text);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("refuses settings that are too deep or too long, in few words", () => {
    const lr = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const deep = replay(
      JSON.stringify({ ...settings, runs: [{ optimizer: "SGD", options: { lr: 1 } }] }).replace('"lr":1', `"lr":${lr}`),
    );
    expect(deep.stderr).toBe(
      "Expected 'options' to be an object of what JSON can hold: finite numbers, and at most 20 lists or objects in each other, but it is an object.\n",
    );
    const long = replay(" ".repeat(2 ** 20 + 1));
    expect(long.stderr).toMatch(/^Expected .*settings\.json to be settings, but it has more than 1048576 bytes\.\n$/);
    expect([deep.status, long.status]).toEqual([2, 2]);
  });

  test("reads a file that begins with a mark of its byte order", () => {
    expect(replay(`\uFEFF${JSON.stringify(settings)}`).status).toBe(0);
  });

  test.skipIf(process.platform === "win32")("does not read a device without an end for ever", () => {
    const { status, stderr } = spawnSync(process.execPath, [main, "replay", "/dev/zero"], {
      ...{ encoding: "utf8", timeout: 20_000 },
    });
    expect({ status, stderr }).toEqual({
      ...{ status: 2, stderr: "Expected /dev/zero to be settings, but it has more than 1048576 bytes.\n" },
    });
  });

  test("asks for a file", () => {
    const { status, stderr } = spawnSync(process.execPath, [main, "replay"], {
      encoding: "utf8",
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^Expected a file, found none\.\nusage: rmsprop replay/);
  });
});
