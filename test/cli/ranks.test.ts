// rmsprop ranks: the table of its model, as it is computed by hand, and what it refuses.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { root } from "../support/compile.ts";
import { checkBuilt } from "../support/programs.ts";

beforeAll(checkBuilt);

function ranks(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "dist", "cli", "main.js"), "ranks", ...args],
    { encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "" } },
  );
  return { status, stderr, rows: stdout.split("\n").map((line) => line.trim().split(/ {2,}/)) };
}

test("prints the model's table", () => {
  const { status, stderr, rows } = ranks("--bandwidth", "10", "--elements", "1e9");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(rows[0]).toEqual(["ranks", "travel s", "messages s", "step s", "total s", "state GB"]);
  // The link carries 10^10 * 0.949 / 8 = 1.18625e9 bytes a second. The 4e9 bytes of the gradients are 239 buckets of 2^24, and
  // 62 of 2^16 * 1,000. A step sends 2 (N - 1) / N * 4e9 bytes, and 2 * buckets * (15 us + (N - 1) * 1.5 us) are its messages.
  const row = (size: number) => rows.find(([first]) => first === String(size));
  expect(row(1)).toEqual(["1", "0", "0", "0.450", "0.450", "8.00"]);
  expect(row(2)).toEqual(["2", "3.37", "0.00789", "0.225", "3.37", "4.00"]);
  expect(row(8)).toEqual(["8", "5.90", "0.0122", "0.0563", "5.90", "1.00"]);
  expect(row(1000)).toEqual(["1000", "6.74", "0.188", "0.000450", "6.74", "0.00800"]);
});

test("a faster link travels in less, until something else takes longest", () => {
  // 64 ranks: 2 * 63 / 64 * 4e6 bytes at 1,000 Gbit/s take 0.0664 ms; a bucket of 4 MiB, its messages 2 * (15 + 94.5) us, its
  // step 0.00703 ms, and 0.15 ms for JavaScript. All of one bucket is waited for.
  const { rows } = ranks("--bandwidth", "1000", "--elements", "1e6");
  expect(rows.find(([first]) => first === "64")).toEqual([
    ...["64", "0.0000664", "0.000219", "0.00000703", "0.000442", "0.000125"],
  ]);
});

test.each([
  [["--bandwidth", "0"], 'Expected --bandwidth to be a number from 0.001 to 1e6, but found "0".'],
  [["--elements", "many"], 'Expected --elements to be a number from 1 to 1e15, but found "many".'],
  [["--elements", "1e308"], 'Expected --elements to be a number from 1 to 1e15, but found "1e308".'],
  [["--ranks", "4"], "Unknown option '--ranks'"],
])("refuses %j", (args, sentence) => {
  const { status, stderr } = ranks(...args);
  expect(status).toBe(2);
  expect(stderr).toContain(sentence);
  expect(stderr).toContain("usage: rmsprop ranks");
});
