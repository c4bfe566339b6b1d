// rmsprop bench: what it measures, and its bars. No time is asserted: another machine has others.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { type Bench, linesOf } from "../../lib/cli/bench.ts";
import { sizes } from "../../lib/cli/bench-measure.ts";
import { root } from "../support/compile.ts";
import { checkBuilt } from "../support/programs.ts";

const bench = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, "dist", "cli", "main.js"), "bench", ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", RMSPROP_NATIVE_PATH: "", RMSPROP_ISA: "", RMSPROP_NUM_THREADS: "2" },
  });

beforeAll(checkBuilt);

test("measures each size on one thread and on all, within limits that physics sets", { timeout: 300_000 }, () => {
  const { status, stdout, stderr } = bench("--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const found: Bench = JSON.parse(stdout);
  expect(found.sizes.map(({ elements }) => elements)).toEqual(sizes);
  const threads = found.backend.name === "native" ? [1, 2] : [1];
  for (const { timed, loop } of found.sizes) {
    expect(timed.map((each) => each.threads)).toEqual(threads);
    for (const { step, limit } of timed) {
      expect(limit).toBeGreaterThan(0.001);
      expect(step).toBeGreaterThanOrEqual(limit);
    }
    expect(loop).toBeGreaterThan(0.1);
    expect(loop).toBeLessThan(10_000);
  }
});

test("draws bars in proportion", () => {
  const size = { elements: 1024, timed: [{ threads: 1, step: 1, limit: 0.5 }], loop: 4 };
  const lines = linesOf(size);
  const bars = lines.map((line) => [...line].filter((character) => character === "█").length);
  expect(bars).toEqual([0, 40, 10, 5, 0]);
  expect(lines[0]).toBe("1,024 elements, nanoseconds an element");
  expect(lines[2]).toMatch(/^ {2}step, 1 thread {9}1\.000 ns {2}█{10} +4\.0 times the loop, 20\.0 GB\/s$/);
  expect(lines[3]).toMatch(/the step reaches 50 % of it$/);
});

test("knows no other argument", () => {
  expect(bench("fast").status).toBe(2);
});
