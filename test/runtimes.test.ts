// The same bits on every runtime. One that cannot be installed here is skipped by its name.
import { join } from "node:path";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "./support/compile.ts";
import { installRuntime, outputOn, runtimes } from "./support/runtimes.ts";

describe("schedules and coefficients, bias correction among them, have the same bits", () => {
  const program = join(root, "build", "test", "runtime-bits.mjs");
  let here: string;

  beforeAll(async () => {
    const bundle = await rolldown({ input: join(root, "test/support/runtime-bits.ts"), platform: "node" });
    await bundle.write({ file: program, format: "esm" });
    await bundle.close();
    here = outputOn(process.execPath, program);
  });

  test("and the digest is that of many sequences", () => {
    const digests = here.trim().split("\n");
    expect(digests.length).toBeGreaterThan(30);
    // A preset may have the coefficients of another; schedules and what depends on the step are all different.
    const different = digests.filter((line) => /^[a-z]|by the step/.test(line) && !line.startsWith("Rprop"));
    expect(new Set(different.map((line) => line.split(" ").at(-1))).size).toBe(different.length);
  });

  for (const runtime of runtimes) {
    test(`on ${runtime.name}`, { timeout: 150_000 }, (context) => {
      const installed = installRuntime(runtime);
      if ("missing" in installed) {
        // Named, so that nobody takes it for having run.
        context.skip(`${runtime.name}: ${installed.missing}`);
        return;
      }
      expect(outputOn(installed.binary, program)).toBe(here);
    });
  }
});
