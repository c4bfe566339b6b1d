// Programs with teams, in processes of their own: how they end, and what they print.
import { describe, expect, it } from "vitest";
import { full } from "../support/cases.ts";
import { type ProgramOptions, report, runProgram } from "../support/programs.ts";

const alone = (mode: string, options: ProgramOptions = {}) => runProgram("team-alone", { ...options, args: [mode] });
const wellEnded = { code: 0, signal: null, timedOut: false, stderr: "" };

describe("a program", () => {
  it.each([
    ["idle", "ends, though its team is open"],
    ["asleep", "stays while a round is under way, and nothing else is"],
    ["noWaitAsync", "has its rounds where there is no Atomics.waitAsync"],
  ])("%s: %s", async (mode) => {
    const { stdout, ...ending } = await alone(mode);
    expect(ending).toEqual(wellEnded);
    expect(JSON.parse(stdout)).toEqual({ results: [0, 0, 1, 1, 2, 2], w: -4.5 });
  });

  it("prints what its workers print, in each round before it resolves or rejects", async () => {
    const { stdout, ...ending } = await alone("told");
    expect(ending).toEqual(wellEnded);
    const lines = stdout.trim().split("\n");
    const printed = (rounds: readonly number[]) =>
      rounds.flatMap((round) => [0, 1].flatMap((i) => [1, 2].map((n) => `worker ${i} round ${round} line ${n}`)));
    const main = lines.indexOf("main");
    expect(lines.slice(0, main).sort()).toEqual(printed([0, 1, 2]).sort());
    // Of the round that fails the other worker may have come less far.
    expect(lines.slice(main)).toEqual(expect.arrayContaining(["worker 1 round 3 line 1", "worker 1 round 3 line 2"]));
    expect(lines.at(-1)).toBe("Expected worker 1 of a team of 2 to do its backward pass, but it threw Error: told.");
  });
});

const rounds = full ? 1000 : 18;

describe("workers that fail in the middle of a round, one team after the other,", () => {
  it(`each make it reject, ${rounds} times, and leave no memory behind`, { timeout: 1_500_000 }, async () => {
    const { right, wrong, early, late } = await report<{
      right: Record<string, number>;
      wrong: string[];
      early: { rss: number; arrayBuffers: number };
      late: { rss: number; arrayBuffers: number };
    }>("team-failures", { args: [rounds], timeout: 1_400_000 });
    expect(wrong).toEqual([]);
    const kinds = ["throws", "rejects", "exits", "terminated at work", "terminated in wait", "closed"];
    expect(Object.keys(right)).toEqual(kinds);
    for (const times of Object.values(right)) expect(times).toBeGreaterThanOrEqual(Math.floor(rounds / kinds.length));
    // Each round has 3 MB of arrays of its own; Node itself keeps some 10 kB of each thread.
    expect(late.rss - early.rss).toBeLessThan(20e6 + rounds * 30e3);
    expect(late.arrayBuffers).toBeLessThan(1e6);
  });
});
