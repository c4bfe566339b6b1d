// Threads that end, processes that exit, and copies of the package, while steps are at work: programs of their own, because
// what goes wrong there ends the process or never lets it end.
import { copyFileSync, cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { full } from "../support/cases.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { addonFile, asan, hasAddon } from "../support/native-loaded.ts";
import { report, runProgram } from "../support/programs.ts";

const atOnce = 2;

/** Runs actions, a few at a time. */
async function each<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const run = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await action(item);
  };
  await Promise.all(Array.from({ length: atOnce }, run));
}

describe.skipIf(!hasAddon)("a thread or the process ends in the middle of a step", () => {
  const rounds = full ? 200 : asan ? 20 : 4;

  test(`8 workers that step are terminated, ${rounds} rounds`, { timeout: 600_000 }, async () => {
    const found = await report("terminated-workers", { args: [rounds], timeout: 590_000 });
    expect(found).toEqual({ rounds, steps: 21 * rounds, results: 1 });
  });

  const ways = ["exit", "throw", "reject", "abortWorker"] as const;
  const exits = Array.from({ length: full ? 200 : asan ? 24 : 8 }, (_, i) => {
    const way = i % 2 === 0 ? "exit" : (ways[((i - 1) / 2) % ways.length] as (typeof ways)[number]);
    return { way, milliseconds: i % 8 };
  });
  test(`the process exits, ${exits.length} times`, { timeout: 600_000 }, async () => {
    await each(exits, async ({ way, milliseconds }) => {
      const { stderr, stdout, ...ending } = await runProgram("exit-in-step", { args: [way, milliseconds] });
      const code = way === "exit" || way === "abortWorker" ? 7 : 1;
      const label = `${way} after ${milliseconds} ms: ${stderr}`;
      expect(ending, label).toEqual({ code, signal: null, timedOut: false });
      if (code === 1) expect(stderr, label).toMatch(/Error: mine/);
      else expect(stderr, label).toBe("");
    });
  });

  test("only workers load the library, and all of them end", { timeout: 120_000 }, async () => {
    const found = await report("only-in-workers", { timeout: 110_000 });
    expect(found).toEqual(Array(3).fill({ right: true, isThere: true }));
  });
});

describe.skipIf(!hasAddon || process.platform !== "linux")("several copies of the package in one process", () => {
  test("have one pool, step over each other's memory, and hold their own alone", { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const copies = ["a", "b"].map((name) => {
      const copy = join(folder, name);
      mkdirSync(join(copy, "build", "Release"), { recursive: true });
      cpSync(join(root, "dist"), join(copy, "dist"), { recursive: true });
      copyFileSync(join(root, "package.json"), join(copy, "package.json"));
      copyFileSync(addonFile() as string, join(copy, "build", "Release", "rmsprop.node"));
      symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
      return copy;
    });
    const env = { RMSPROP_NATIVE_PATH: undefined, RMSPROP_NUM_THREADS: undefined };
    const found = await report<{ refused: [string, string] }>("two-copies", { args: copies, env, timeout: 110_000 });
    const { refused, ...rest } = found;
    // Both copies step on the three threads that the first of them started beside its own.
    expect(rest).toEqual({ different: true, right: true, agreed: [4, 2], started: [3, 3], isError: true });
    expect(refused[0]).toBe("ERR_ASYNC_MEMORY");
    expect(refused[1]).toMatch(/another copy of this package allocated it/);
  });
});
