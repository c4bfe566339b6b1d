// The native tests of test/native/, built by plain cmake and run by ctest, of code that cannot be reached from
// JavaScript. And a comparison of the kernels of that build with those of node-gyp's.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./support/compile.ts";
import { buildList, kernelCommand, objectSets } from "./support/objects.ts";

const hasCMake = ["cmake", "ctest"].every((program) => spawnSync(program, ["--version"]).status === 0);
const build = join("build", "cmake");

/** The flags of a compiler's command that decide what code it makes, without the host's. */
function codeFlags(command: string): string[] {
  const flags = command.split(/\s+/).filter((word) => /^-(std|O|f|m|-param)/.test(word));
  return [...new Set(flags)].filter((flag) => !/^-(fPIC|fvisibility.*|fno-omit-frame-pointer|m64)$/.test(flag)).sort();
}

describe.skipIf(!hasCMake)("the native tests, by cmake", () => {
  test("pass", { timeout: 600_000 }, () => {
    const run = (program: string, ...args: string[]) =>
      execFileSync(program, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    run("cmake", "-S", ".", "-B", build, "-DRMSPROP_TESTS=ON");
    run("cmake", "--build", build, "--parallel", "2");
    expect(run("ctest", "--test-dir", build, "--output-on-failure")).toContain("100% tests passed");
  });

  test("no source is compiled so that the compiler may fuse a product and a sum", () => {
    // Norms are added outside kernels. Where every processor has the instruction, as on arm64, clang takes it unasked.
    expect(buildList.flags).toContain("-ffp-contract=off");
    const commands: { command: string; file: string }[] = JSON.parse(
      readFileSync(join(root, build, "compile_commands.json"), "utf8"),
    );
    const own = commands.filter(({ file }) => file.startsWith(join(root, "native")));
    expect(own.length).toBeGreaterThan(15);
    for (const { command, file } of own) expect(command, file).toContain(" -ffp-contract=off ");
  });

  describe.skipIf(objectSets.length === 0 || !existsSync(kernelCommand(objectSets[0] as string)))("both builds", () => {
    test.each(objectSets)("make the kernels of %s with the same flags", (isa) => {
      const commands = JSON.parse(readFileSync(join(root, build, "compile_commands.json"), "utf8")) as {
        command: string;
      }[];
      const byCMake = commands.find(({ command }) => command.includes(`-DRMSPROP_ISA=${isa} `))?.command as string;
      const [byGyp] = readFileSync(kernelCommand(isa), "utf8").split("\n");
      const flags = codeFlags(byCMake);
      expect(flags).toEqual(expect.arrayContaining(["-O3", "-ffp-contract=off", "-fno-math-errno", "-std=c++20"]));
      expect(codeFlags(byGyp as string)).toEqual(flags);
    });
  });
});
