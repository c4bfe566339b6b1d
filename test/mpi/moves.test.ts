// What ranks move over the MPI libraries of this machine.
import { describe, expect, test } from "vitest";
import { isQuick, programOf, runRanks, tested } from "./support.ts";

describe.each(tested)("$name", ({ launcher, isMissing }) => {
  test.skipIf(isMissing).each([1, 2, 3, 4])("%d ranks move bytes of every kind of memory", async (size) => {
    const program = await programOf("moves");
    const {
      stdout,
      stderr,
      seconds: _,
      ...ending
    } = await runRanks(launcher, size, program, [`${size}`, size === 2 && !isQuick ? "large" : "small"]);
    expect(ending, stderr).toEqual({ code: 0, signal: null, timedOut: false, left: [] });
    expect(stdout.trim()).toBe("moved");
  });
});
