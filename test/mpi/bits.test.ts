// A training with a fixed number of replicas leaves the plain optimizer's bits on any number of ranks, over both libraries,
// and goes on to them from a checkpoint of another number of ranks over the other library.
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { output } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { isQuick, type Launcher, programOf, runRanks, tested } from "./support.ts";

const replicas = 4;
const sizes = [1, 2, 4];

/** Trains without ranks, and returns the hash. */
const plain = (program: string, ...args: string[]) =>
  output(process.execPath, program, `${replicas}`, ...args, "plain").trim();

/** Trains on ranks, and returns the hash. */
async function onRanks(launcher: Launcher, size: number, program: string, ...args: string[]): Promise<string> {
  const {
    stdout,
    stderr,
    seconds: _,
    ...ending
  } = await runRanks(launcher, size, program, [`${replicas}`, ...args, "ranks"]);
  expect(ending, stderr).toEqual({ code: 0, signal: null, timedOut: false, left: [] });
  return stdout.trim();
}

let program: string;
let wanted: string;

beforeAll(async () => {
  program = await programOf("trains");
  wanted = plain(program, "1", "5", "-", "-");
}, 60_000);

describe.each(tested)("$name", ({ launcher, isMissing }) => {
  test.skipIf(isMissing).each(sizes)("%d ranks leave the plain bits", async (size) => {
    expect(wanted).toMatch(/^[0-9a-f]{64}$/);
    expect(await onRanks(launcher, size, program, "1", "5", "-", "-")).toBe(wanted);
  });
});

describe.skipIf(tested.some(({ isMissing }) => isMissing))("a training that goes on", () => {
  // From a checkpoint of so many ranks, or of none, over which library.
  const kept = isQuick ? [4] : [0, ...sizes];
  test.each(kept)("from %d ranks", { timeout: 300_000 }, async (size) => {
    const file = join(temporaryFolder(), "kept.safetensors");
    const [first, second] = tested.map(({ launcher }) => launcher) as [Launcher, Launcher];
    if (size === 0) plain(program, "1", "2", "-", file);
    else await onRanks(size === 2 ? second : first, size, program, "1", "2", "-", file);
    const rest = ["3", "5", file, "-"];
    expect(plain(program, ...rest)).toBe(wanted);
    for (const launcher of [first, second]) {
      for (const ranks of isQuick ? [2] : sizes) {
        expect(await onRanks(launcher, ranks, program, ...rest), `${launcher.name}, ${ranks} ranks`).toBe(wanted);
      }
    }
  });
});
