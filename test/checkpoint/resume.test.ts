// A training on digits that is saved, ended, and gone on with in another process ends with the bits of one that was not.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { definitions } from "../../lib/optimizers/all.ts";
import { compileTools, root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { rowOf } from "../support/optimizers/all.ts";

let program: string;

/** The last line that a run of the example prints. */
function run(...args: string[]): string {
  const output = execFileSync(process.execPath, [program, ...args], { encoding: "utf8", cwd: root });
  return output.trim().split("\n").at(-1) as string;
}

const rateIn = (line: string) => Number(/the rate is (\S+)/.exec(line)?.[1]);

function weightsIn(line: string, step: number): string {
  expect(line).toMatch(new RegExp(`^After step ${step} .*the weights are [0-9a-f]{16}\\.$`));
  return line.slice(-17);
}

beforeAll(() => {
  program = join(compileTools("resume"), "examples", "resume.js");
}, 120_000);

describe.each(definitions)("$name", ({ name }) => {
  const options = rowOf(name).fullest;

  test("200 steps, saved at 100 and gone on with, are 200 steps", { timeout: 120_000 }, () => {
    const given = ["--optimizer", name, "--options", JSON.stringify(options)];
    const whole = run(...given);
    const checkpoint = join(temporaryFolder(), "digits.safetensors");
    const half = run(...given, "--checkpoint", checkpoint, "--until", "100");
    const resumed = run(...given, "--checkpoint", checkpoint);
    expect(weightsIn(resumed, 200)).toBe(weightsIn(whole, 200));
    expect(weightsIn(resumed, 200)).not.toBe(weightsIn(half, 100));
    if ("lr" in options) return; // none, but the first size of its steps, so no schedule
    // The schedule has reduced its rate before the stop and after it, so that its state counts.
    expect(resumed).toBe(whole);
    expect(rateIn(half)).toBeLessThan(1e-3);
    expect(rateIn(whole)).toBeLessThan(rateIn(half));
  });
});
