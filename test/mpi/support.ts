// Programs as ranks, started by the launchers of the MPI that this machine has (Debian: openmpi-bin, mpich).
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { checkBuilt, type Ending } from "../support/programs.ts";

export interface Launcher {
  readonly name: "Open MPI" | "MPICH";
  /** The library of the other one. */
  readonly wrongLibrary: string;
  /** The code of a run, one of whose ranks a signal ended. */
  readonly codeOfSignal: (signal: number) => number;
  readonly command: (size: number) => readonly string[];
}

const isRoot = process.getuid?.() === 0;

const launchers: readonly Launcher[] = [
  {
    name: "Open MPI",
    wrongLibrary: "libmpich.so.12",
    codeOfSignal: (signal) => 128 + signal,
    command: (size) => [
      ...["mpirun.openmpi", "--oversubscribe", "--bind-to", "none", "-n", `${size}`],
      ...(isRoot ? ["--allow-run-as-root"] : []),
    ],
  },
  {
    name: "MPICH",
    wrongLibrary: "libmpi.so.40",
    codeOfSignal: (signal) => signal,
    command: (size) => ["mpirun.mpich", "-n", `${size}`],
  },
];

const isThere = ({ command }: Launcher) => spawnSync(command(1)[0] as string, ["--version"]).status === 0;

/** Both, with the reason why one cannot be tested here. */
export const tested = launchers.map((launcher) => ({
  launcher,
  name: isThere(launcher) ? launcher.name : `${launcher.name}, which is not there (Debian: openmpi-bin, mpich)`,
  isMissing: !isThere(launcher),
}));

/** Whether the short form is asked for, of which the gate has the minutes. */
export const isQuick = process.env["RMSPROP_TEST"] === "quick";

export interface RanksEnding extends Ending {
  readonly seconds: number;
  /** The processes of the run that are still there. */
  readonly left: readonly string[];
}

/** A program of test/mpi/programs/, bundled where it is over parts of lib/ that are not published. */
export async function programOf(name: string): Promise<string> {
  checkBuilt();
  const input = join(root, "test", "mpi", "programs", `${name}.js`);
  if (!readFileSync(input, "utf8").includes("/lib/")) return input;
  // Where `rmsprop` is this package.
  const file = join(root, "build", "test", "mpi", `${name}.mjs`);
  const bundle = await rolldown({ input, platform: "node", external: [/^rmsprop/, /\/prebuilds\//, /binaries\.cjs$/] });
  await bundle.write({ file, format: "esm" });
  await bundle.close();
  return file;
}

/** The commands of processes that were given a word. */
function processesWith(word: string): string[] {
  const commands = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // it has ended
      }
    });
  return commands.filter((command) => command.includes(word));
}

/** Runs a program as ranks, to the end of all. @param runtime What runs it, with its arguments. */
export async function runRanks(
  launcher: Launcher,
  size: number,
  program: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  runtime: readonly string[] = [process.execPath, "--expose-gc"],
): Promise<RanksEnding> {
  const mark = randomUUID();
  const [command = "", ...launching] = [...launcher.command(size), ...runtime];
  const start = performance.now();
  const child = spawn(command, [...launching, program, ...args, mark], {
    cwd: temporaryFolder(),
    env: { ...process.env, NODE_OPTIONS: "", FORCE_COLOR: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, 100_000);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (...ending) => resolve(ending));
  });
  clearTimeout(timer);
  const seconds = (performance.now() - start) / 1000;
  // Who was killed is gone a moment later.
  for (let i = 0; i < 20 && processesWith(mark).length > 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  return { code, signal, timedOut, stdout, stderr, seconds, left: processesWith(mark) };
}
