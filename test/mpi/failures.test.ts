// Every failure of a rank ends the run: with a sentence that names the rank, a code that is not 0, and within the time-out
// and ten seconds, of which the end of a launcher takes some.
import { describe, expect, test } from "vitest";
import { isQuick, type Launcher, programOf, runRanks, tested } from "./support.ts";

const timeout = 3;

interface Failure {
  readonly what: string;
  /** The argument of the program. */
  readonly how: string;
  /** On standard error. */
  readonly says?: RegExp | ((launcher: Launcher) => RegExp);
  readonly prints?: RegExp;
  readonly code: number | ((launcher: Launcher) => number);
  readonly env?: (launcher: Launcher) => Readonly<Record<string, string>>;
  /** Whether the short form has it too. */
  readonly quick?: boolean;
}

const underWay = /^Rank (0|1): Expected no collective to be under way at the end, but 1 is\.$/m;
const waited = /^Rank 1: Expected all ranks to end together, but this one has waited 3 seconds for others\.$/m;
const absent = "Expected all ranks to take part in a collective (a barrier), but some have not for 3 seconds.";
const timedOut = new RegExp(`^Rank 0: (OptimError: )?${absent.replace(/[()]/g, "\\$&")}`, "m");
const signals = { kill: 9, term: 15 };

const failures: readonly Failure[] = [
  ...Object.entries(signals).map(([how, signal]) => ({
    what: `a rank is ended by signal ${signal}`,
    how,
    code: ({ codeOfSignal }: Launcher) => codeOfSignal(signal),
  })),
  { what: "a rank throws", how: "throws", says: /^Rank 1: Error: A bug in a timer\.\r?\n +at /m, code: 1 },
  {
    what: "a rank rejects",
    how: "rejects",
    says: /^Rank 1: Error: A bug in the backward pass\.\r?\n +at /m,
    code: 1,
    quick: true,
  },
  {
    what: "a rank exits with another code",
    how: "exit3",
    says: /^Rank 1: Expected all ranks to end together, but this one ends with code 3\.$/m,
    code: 3,
  },
  { what: "a rank exits early", how: "exit0", says: waited, code: 1 },
  { what: "a rank has nothing more to do", how: "ends", says: waited, code: 1 },
  { what: "a rank exits with a collective under way", how: "underWay", says: underWay, code: 1, quick: true },
  { what: "a rank hangs", how: "hangs", says: timedOut, code: 1, quick: true },
  {
    what: "a rank goes on after a time-out",
    how: "caught",
    prints: /^caught ERR_RANKS\r?\ncaught ERR_RANKS\r?$/m,
    says: timedOut,
    code: 1,
  },
  {
    what: "ranks broadcast other arrays",
    how: "differs",
    says: /^Rank (0|1): OptimError: Expected all ranks to broadcast the same arrays, but rank 1 has 1 array of 12 bytes from rank 0 where rank 0 has 1 array of 16 bytes from rank 0\.$/m,
    code: 1,
  },
  {
    what: "a rank exits past the hooks",
    how: "reallyExit",
    says: /^Rank 1: Expected all ranks to end together, but this process ends without its exit event\.$/m,
    code: 1,
    quick: true,
  },
  { what: "a rank's own exit listener sets another code", how: "exits4Later", code: 4 },
  {
    what: "the worker of a rank is terminated in a collective",
    how: "workerTerminated",
    says: underWay,
    code: 1,
    quick: true,
  },
  { what: "none, in a worker that ends", how: "workerEnds", prints: /^mean 0\.5\r?\nmean 0\.5\r?$/m, code: 0 },
  {
    what: "none, where a worker connects too",
    how: "twice",
    prints:
      /^Expected connect\(\) to be called by one thread of the process, but MPI was started already in this process\.\r?$/m,
    code: 0,
  },
  {
    what: "there is no MPI library",
    how: "well",
    env: () => ({ RMSPROP_MPI: "libmpi-of-nobody.so" }),
    says: /Expected an MPI library, but none loads: libmpi-of-nobody\.so: cannot open shared object file: No such file or directory\. Install one \(Debian: openmpi-bin\), or name it in RMSPROP_MPI\./,
    code: 1,
  },
  {
    what: "the library is another than the launcher's",
    how: "well",
    env: ({ wrongLibrary }) => ({ RMSPROP_MPI: wrongLibrary }),
    says: ({ name, wrongLibrary }) =>
      new RegExp(
        `Expected 2 ranks, as ${name}'s mpirun started, but \\S*/${wrongLibrary.replaceAll(".", "\\.")} finds 1: ` +
          "it is another MPI than the launcher's\\. RMSPROP_MPI names the library to load\\.",
      ),
    code: 1,
    quick: true,
  },
  ...["reference", "wasm"].map((backend) => ({
    what: `the backend is ${backend}`,
    how: "well",
    env: () => ({ RMSPROP_BACKEND: backend }),
    says: ({ name }: Launcher) =>
      new RegExp(
        `Expected 2 ranks, as ${name}'s mpirun started, which takes the native backend on Linux or macOS, ` +
          `but the backend in use is ${backend}\\.`,
      ),
    code: 1,
  })),
];

const of = <T>(value: T | ((launcher: Launcher) => T), launcher: Launcher): T =>
  typeof value === "function" ? (value as (launcher: Launcher) => T)(launcher) : value;

describe.each(tested)("$name", ({ launcher, isMissing }) => {
  const cases = failures.filter(({ quick }) => quick || !isQuick);
  test.skipIf(isMissing).each(cases)("$what", { timeout: 120_000 }, async ({ how, says, prints, code, env }) => {
    const variables = { RMSPROP_MPI_TIMEOUT: `${timeout}`, ...env?.(launcher) };
    const ending = await runRanks(launcher, 2, await programOf("fails"), [how], variables);
    const { stdout, stderr } = ending;
    const output = `${stdout}\n${stderr}`;
    expect(ending, output).toMatchObject({ code: of(code, launcher), signal: null, timedOut: false, left: [] });
    if (says) expect(stderr).toMatch(of(says, launcher));
    if (prints) expect(stdout).toMatch(prints);
    expect(ending.seconds).toBeLessThan(timeout + 10);
  });
});
