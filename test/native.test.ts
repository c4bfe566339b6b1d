// The native tests of test/native/, built by plain cmake and run by ctest: what cannot be reached from JavaScript.
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./support/compile.ts";

const hasCMake = ["cmake", "ctest"].every((program) => spawnSync(program, ["--version"]).status === 0);

describe.skipIf(!hasCMake)("the native tests, by cmake", () => {
  test("cpu, large, memory, pool and step pass", { timeout: 180_000 }, () => {
    const build = join("build", "cmake");
    const run = (program: string, ...args: string[]) =>
      execFileSync(program, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    run("cmake", "-S", ".", "-B", build, "-DRMSPROP_TESTS=ON");
    run("cmake", "--build", build, "--parallel", "2");
    expect(run("ctest", "--test-dir", build, "--output-on-failure")).toContain("100% tests passed");
  });
});
