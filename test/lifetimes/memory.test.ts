// Memory that is moved, dropped, given back and taken again: programs of their own, because what goes wrong there is read
// after it is freed, or never freed.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { full } from "../support/cases.ts";
import { root } from "../support/compile.ts";
import { addonFile, asan, hasAddon } from "../support/native-loaded.ts";
import { nativeBinary, report } from "../support/programs.ts";
import { installNode } from "../support/runtimes.ts";

/** Releases of Node whose ArrayBuffers have `transfer`, the trap's first step. */
const transferring = ["22", "24"];

describe.skipIf(!hasAddon)(
  "memory of allocate() that another thread got by transfer() outlives the thread it came from",
  () => {
    const endings = ["natural", "exit", "terminate"];
    const kilobytes = [16, 8192]; // of the C library, and mapped
    for (const version of transferring) {
      test(`on Node ${version}`, { timeout: 300_000 }, async (context) => {
        const installed = installNode(version);
        if ("missing" in installed) {
          context.skip(`Node ${version}: ${installed.missing}`);
          return;
        }
        for (const [i, size] of kilobytes.entries()) {
          // Outside the full run sizes and releases take turns with the endings, each of which both sizes have.
          const turn = i + transferring.indexOf(version);
          for (const ending of endings.filter((_, j) => full || (j + turn) % 2 === 0)) {
            const options = { args: [size, ending], node: installed.binary };
            const found = await report("transfer-and-exit", options);
            const label = `${size} KiB, ${ending}`;
            expect(found, label).toEqual({ backend: "native", whole: true, stepped: true, alone: true });
          }
        }
      });
    }
  },
);

describe.skipIf(!hasAddon)("a step off the event loop holds what it works on", () => {
  const rounds = full ? 100 : 10;

  test("when everything that refers to it is dropped and collected", { timeout: 300_000 }, async () => {
    const counters = await report("dropped-in-flight", { args: [rounds, "drop"], timeout: 290_000 });
    expect(counters).toEqual({ blocks: 0, bytes: 0 });
  });

  test("when nothing but the step itself refers to its arrays, until it settles", async () => {
    const found = await report("kept-in-flight", {
      env: { UV_THREADPOOL_SIZE: "1", RMSPROP_NATIVE_PATH: nativeBinary },
    });
    const [during, after] = [true, false].map((there) => ({ data: there, grad: there }));
    expect(found).toEqual({ waited: true, during, after });
  });

  for (const version of transferring) {
    test(`when its memory moves to another owner, who is collected, on Node ${version}`, {
      timeout: 300_000,
    }, async (context) => {
      const installed = installNode(version);
      if ("missing" in installed) {
        context.skip(`Node ${version}: ${installed.missing}`);
        return;
      }
      const options = { args: [rounds, "transfer"], node: installed.binary, timeout: 290_000 };
      expect(await report("dropped-in-flight", options)).toEqual({ blocks: 0, bytes: 0 });
    });
  }
});

describe.skipIf(!hasAddon)("nothing is kept of what is given back", () => {
  test("2,000 rounds of allocate, step and dispose leave the memory that the process had early on", {
    timeout: 300_000,
  }, async () => {
    type Counters = { resident: number; blocks: number; bytes: number };
    const { early, late } = await report<{ early: Counters; late: Counters }>("memory-rounds", {
      args: [2000],
      // So that neither the engine's heap nor the C library's, by the number of threads, grows meanwhile; the engine's own
      // threads, as they come to compile, take megabytes more or less.
      nodeArgs: ["--max-semi-space-size=1", "--single-threaded"],
      env: { MALLOC_ARENA_MAX: "1" },
      timeout: 290_000,
    });
    expect([early.blocks, early.bytes, late.blocks, late.bytes]).toEqual([0, 0, 0, 0]);
    console.log(`resident memory after 200 rounds ${early.resident >> 10} KiB, after 2,000 ${late.resident >> 10} KiB`);
    // The sanitizer keeps freed memory for a while, to notice who still uses it.
    if (!asan) expect(late.resident - early.resident).toBeLessThan(6 * 2 ** 20);
  });

  const steps = full ? 1_000_000 : 200_000;
  test(`${steps} steps allocate nothing`, { timeout: 300_000 }, async () => {
    type Run = Record<"heapUsed" | "external" | "blocks" | "bytes" | "collections", number>;
    const options = { args: [steps], timeout: 290_000 };
    const { runs, taken } = await report<{ runs: Run[]; taken: number }>("many-steps", options);
    expect(taken).toBe(4 * steps);
    for (const { blocks, bytes } of runs) expect({ blocks, bytes }).toEqual({ blocks: 0, bytes: 0 });
    // What the runtime does beside the steps, in some run, it does not do in all of them.
    const least = (of: keyof Run) => Math.min(...runs.map((run) => run[of]));
    console.log(`${steps} steps: ${JSON.stringify(runs)}`);
    expect(least("collections")).toBe(0);
    expect(least("external")).toBeLessThanOrEqual(0);
    expect(least("heapUsed")).toBeLessThan(steps); // the least object takes 12 bytes
  });
});

describe.skipIf(!hasAddon)("where buffers over other memory are forbidden", () => {
  test("allocate() gives aligned shared arrays behind the same interface", async () => {
    const env = { RMSPROP_TEST_BINDING: addonFile() };
    const nodeArgs = ["--require", join(root, "test", "programs", "no-external-buffers.cjs")];
    const codes = ["ERR_DETACHED", "ERR_DETACHED"];
    const all = Array(5).fill(true);
    const expected = { backend: "native", shared: all, aligned: all, zero: true, right: true, codes };
    expect(await report("shared-instead", { env, nodeArgs })).toEqual(expected);
  });
});

describe.skipIf(!hasAddon)(
  "a program that takes memory away within any built-in function that the library calls",
  () => {
    const stride = full ? 1 : 23;
    test("never gets a step over memory that is gone", { timeout: 600_000 }, async () => {
      const points = await report<Record<string, number>>("interrupted-calls", { args: [stride], timeout: 590_000 });
      const actions = Object.entries(points);
      expect(actions.length).toBeGreaterThanOrEqual(20);
      for (const [action, count] of actions) expect(count, action).toBeGreaterThan(5);
    });
  },
);
