// Ranks on Deno and on Bun, where `npm run test:platforms` has installed them.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { output, root } from "../support/compile.ts";
import { programOf, runRanks, tested } from "./support.ts";

const installed = join(root, "test", "platforms", "node_modules");
const runtimes = [
  { runtime: "Deno", file: join(installed, "@deno", "linux-x64-glibc", "deno"), args: ["run", "-A"] },
  { runtime: "Bun", file: join(installed, "@oven", "bun-linux-x64", "bin", "bun"), args: [] },
];

const waited = /^Rank 1: Expected all ranks to end together, but this one has waited 8 seconds for others\.$/m;
const cases = [
  { how: "well", prints: /^mean 0\.5\r?\nmean 0\.5\r?$/m, says: undefined, code: 0 },
  // Deno's own words are lost where the ranks end first; Bun says it before they do.
  { how: "rejects", prints: undefined, says: /[Ee]rror: A bug in the backward pass\./, code: 1 },
  { how: "throws", prints: undefined, says: /[Ee]rror: A bug in a timer\./, code: 1 },
  { how: "exit3", prints: undefined, says: /^Rank 1: .* this one ends with code 3\.$/m, code: 3 },
  { how: "ends", prints: undefined, says: waited, code: 1 },
];

const combinations = runtimes.flatMap((runtime) => tested.map((each) => ({ ...runtime, ...each })));

describe.each(combinations)("$runtime over $name", ({ runtime, file, args, launcher, isMissing }) => {
  const missing = existsSync(file) ? "" : `, there is no ${runtime}`;
  const skips = isMissing || missing !== "";
  let trains: string;

  beforeAll(async () => {
    if (!skips) trains = await programOf("trains");
  }, 60_000);

  test.skipIf(skips)(`leaves the plain bits${missing}`, async () => {
    const steps = ["4", "1", "5", "-", "-"];
    const wanted = output(process.execPath, trains, ...steps, "plain").trim();
    const { stdout, stderr, code, left } = await runRanks(launcher, 2, trains, [...steps, "ranks"], {}, [
      file,
      ...args,
    ]);
    expect({ hash: stdout.trim(), code, left }, stderr).toEqual({ hash: wanted, code: 0, left: [] });
  });

  test.skipIf(skips).each(cases)(`$how ends with $code${missing}`, async ({ how, prints, says, code }) => {
    const program = await programOf("fails");
    const ending = await runRanks(launcher, 2, program, [how], { RMSPROP_MPI_TIMEOUT: "8" }, [file, ...args]);
    const { stdout, stderr } = ending;
    expect(ending, `${stdout}\n${stderr}`).toMatchObject({ code, signal: null, timedOut: false, left: [] });
    if (prints) expect(stdout).toMatch(prints);
    if (says) expect(stderr).toMatch(says);
    expect(ending.seconds).toBeLessThan(8 + 10);
  });
});
