// A link that breaks: two machines as network namespaces, one of which loses its link in the middle of a run. It takes root on
// Linux, ip and tc.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findLaunchers } from "../../bench/distributed/launch.ts";
import { Machines } from "../../bench/distributed/machines.ts";
import { root } from "../support/compile.ts";
import { checkBuilt } from "../support/programs.ts";

/** In seconds, of a collective and of the start, which takes some on a busy machine. */
const timeout = 10;

const sentence =
  /^Rank 0: OptimError: Expected all ranks to take part in a collective \(.+ of step \d+\), but some have not for 10 seconds\.$/m;

/** Why there can be no machines here. */
function reasonAgainst(): string | undefined {
  try {
    new Machines(2, 1000).close();
    return undefined;
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string };
    return `there are no network namespaces here: ${(stderr?.toString() || message).trim()}`;
  }
}

const against = reasonAgainst();
const keys = ["openmpi", "mpich"];
const launchers = keys.map((key) => ({ key, launcher: findLaunchers([key]).found[0] }));

const soon = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until something is so, and no longer than so many seconds. */
async function until(isSo: () => boolean, seconds: number): Promise<boolean> {
  for (const end = performance.now() + 1000 * seconds; performance.now() < end; await soon(100))
    if (isSo()) return true;
  return isSo();
}

/** What a process was started with; nothing of one that has ended. */
function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

describe.each(launchers)("$key", ({ launcher }) => {
  const missing = against ?? (launcher ? undefined : "it is not there (Debian: openmpi-bin, mpich)");

  test.skipIf(missing)(`a cut link ends the ranks${missing ? `, ${missing}` : ""}`, { timeout: 200_000 }, async () => {
    if (!launcher) throw new Error("Expected a launcher.");
    checkBuilt();
    const machines = new Machines(2, 1000);
    const program = [process.execPath, join(root, "test", "mpi", "programs", "steps.js")];
    const child = machines.spawn(1, launcher.command, [...launcher.args(machines), ...program], {
      cwd: root,
      env: {
        ...{ ...process.env, ...launcher.env, NODE_OPTIONS: "", FORCE_COLOR: "0" },
        ...{ RMSPROP_MACHINES: machines.prefix, RMSPROP_MPI_TIMEOUT: `${timeout}` },
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    try {
      let [stdout, stderr] = ["", ""];
      let code: number | null | undefined;
      child.stdout?.on("data", (data) => {
        stdout += data;
      });
      child.stderr?.on("data", (data) => {
        stderr += data;
      });
      child.once("exit", (ended) => {
        code = ended;
      });
      expect(await until(() => stdout.includes("stepped"), 100), stderr).toBe(true);
      machines.cut(2);
      const isRank = (pid: number) => argumentsOf(pid)[0] === process.execPath;
      const isOver = () => sentence.test(stderr) && !machines.processes.some(isRank);
      const inTime = await until(isOver, timeout + 10);
      expect({ inTime, ranks: machines.processes.filter(isRank).length, stderr }).toMatchObject({
        inTime: true,
        ranks: 0,
      });
      // Open MPI 4's mpirun stays, and so does its daemon on the other machine: whoever started them ends both.
      await until(() => code !== undefined, 3);
      if (launcher.key === "openmpi" && code === undefined) return;
      expect(code).toBe(1);
      await until(() => machines.processes.length === 0, 3);
      expect(machines.processes.map(argumentsOf)).toEqual([]);
    } finally {
      for (const pid of machines.processes) process.kill(pid, "SIGKILL");
      await until(() => machines.processes.length === 0, 5);
      machines.close();
    }
  });
});
