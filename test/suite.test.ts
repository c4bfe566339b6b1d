// The suite does not pass when it tests nothing: it fails if the native backend does not load and nobody asked for
// another, and skipped tests are counted and named. And an install does not fail where nothing can be built.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./support/compile.ts";

const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");

const ordinary = { RMSPROP_BACKEND: undefined, RMSPROP_TEST_STRICT: undefined, NO_COLOR: "1", VITEST: undefined };

/** Runs one test file by vitest, in an environment of its own; undefined takes a variable out. */
function run(env: Readonly<Record<string, string | undefined>>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, "run", "test/docs.test.ts", ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...ordinary, ...env } as NodeJS.ProcessEnv,
  });
  return { status, output: stdout + stderr };
}

describe("the suite", () => {
  const noBinary = { RMSPROP_NATIVE_PATH: join(root, "none.node") };

  test("fails where the native backend does not load", () => {
    for (const env of [noBinary, { ...noBinary, RMSPROP_BACKEND: "native" }]) {
      const { status, output } = run(env);
      expect(status, output).toBe(1);
      expect(output).toContain("Expected the native backend to load, so that it is tested");
    }
  });

  test("runs without it where RMSPROP_BACKEND says so", () => {
    const { status, output } = run({ ...noBinary, RMSPROP_BACKEND: "reference" });
    expect(status, output).toBe(0);
    expect(output).toMatch(/^[1-9]\d* passed, 0 failed, 0 skipped$/m);
  });

  test("names and counts what is skipped", () => {
    const { status, output } = run({ RMSPROP_BACKEND: "reference" }, "--testNamePattern", "options");
    expect(status, output).toBe(0);
    expect(output).toMatch(/^skipped: test\/docs\.test\.ts > /m);
    const skipped = output.match(/^skipped: /gm)?.length;
    expect(output).toMatch(new RegExp(`^[1-9]\\d* passed, 0 failed, ${skipped} skipped$`, "m"));
  });

  test("fails for what is skipped where the machine is known to have what tests need", () => {
    const strict = { RMSPROP_BACKEND: "reference", RMSPROP_TEST_STRICT: "1" };
    const { status, output } = run(strict, "--testNamePattern", "options");
    expect(status, output).toBe(1);
    const failed = output.match(/^failed: test\/docs\.test\.ts > .* \(skipped, /gm)?.length;
    expect(output).toMatch(new RegExp(`^[1-9]\\d* passed, ${failed} failed, 0 skipped$`, "m"));
  });
});

test("prepare says that there is no compiler, and does not fail", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts", "prepare.js"), "--native"], {
    cwd: root,
    encoding: "utf8",
    env: { PATH: join(root, "none") },
  });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toMatch(/^rmsprop: no C\+\+ compiler was found .* runs on its TypeScript reference, with the same/);
});
