// Each request of the add-on for memory or for a thread fails, one after the other, and that one with all after it: the work
// is done, or nothing is changed and the error is the documented one. The process never ends.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { full } from "./support/cases.ts";
import { compiler, root } from "./support/compile.ts";
import { report, runProgram } from "./support/programs.ts";

interface Result {
  requests: number;
  succeeded: number;
  /** How often each was thrown, by its code. */
  errors: Record<string, number>;
  problems: string[];
}

const library = join(root, "build", "test", "failing_memory.so");
// glibc's names and the C++ library as a library of its own, as a build on this machine has it.
const supported = process.platform === "linux" && compiler && !process.env.LD_PRELOAD && !process.env.RMSPROP_BACKEND;

describe.skipIf(!supported)("each request of the add-on for memory fails", () => {
  beforeAll(() => {
    mkdirSync(join(root, "build", "test"), { recursive: true });
    const flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"];
    execFileSync(compiler as string, [...flags, "test/native/failing_memory.cpp", "-o", library, "-ldl"], {
      cwd: root,
    });
  });

  // Where the binary does not load, another backend takes over with a warning, which test/loader.test.ts looks at.
  const env = { LD_PRELOAD: library, NODE_NO_WARNINGS: "1" };

  test("in steps, binding, sources, states, checkpoints, allocate() and workers", { timeout: 600_000 }, async () => {
    const results = await report<Record<string, Result>>("failing-memory", { env, timeout: 590_000 });
    for (const [name, { errors, problems }] of Object.entries(results)) {
      expect(problems, name).toEqual([]);
      expect(
        Object.keys(errors).filter((code) => code !== "ERR_MEMORY"),
        name,
      ).toEqual([]);
    }
    // Ordinary steps ask for nothing.
    for (const name of ["step again", "step again, staged"]) expect(results[name]?.requests, name).toBe(0);
    // Where nothing can stand in for the memory, there is an error.
    for (const name of ["construct", "rebind", "list", "factors", "addParamGroup", "stepAsync", "allocate 3000000"]) {
      expect(results[name]?.errors["ERR_MEMORY"], name).toBeGreaterThan(0);
    }
  });

  const kinds = {
    load: "while the library is loaded: it is, or the next backend takes over",
    threads: "while threads are started: the others do the work",
  };

  test.each(Object.entries(kinds))("%s, %s", { timeout: 600_000 }, async (kind) => {
    type Told = { requests: number; backend: string; bits: string };
    const first = await report<Told>("failing-memory", { env, args: [kind, 0] });
    expect(first.backend).toBe("native");
    expect(first.requests).toBeGreaterThan(5);
    for (const every of ["once", "every"]) {
      // Where all fail from one on, a few beginnings do but in the full run.
      for (let n = 1; n <= first.requests; n += every === "once" || full ? 1 : 5) {
        const { code, signal, stdout } = await runProgram("failing-memory", { env, args: [kind, n, every] });
        expect({ n, every, code, signal }).toEqual({ n, every, code: 0, signal: null });
        expect(JSON.parse(stdout).bits, `${every}, request ${n}`).toBe(first.bits);
      }
    }
  });
});
