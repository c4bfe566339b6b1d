// Programs that are run to their end.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { shorten } from "./report.ts";

export const root = join(import.meta.dirname, ...Array(4).fill("..")) as string;

/** What the checks make; emptied by nothing but `git clean`. */
export const work = join(root, "build", "platforms");

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's; undefined takes a name out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** In seconds. */
  readonly timeout?: number;
}

export interface Ending {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** A command with the arguments that come before all others. */
export type Command = readonly [string, ...string[]];

/** What npm and this command's own environment say is not for the programs that are run. */
const inherited = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|RMSPROP_|NODE_OPTIONS)/i.test(name)));

/** Runs a program. Its output goes through files, because Node under wine cannot write to a pipe. */
export function run([command, ...first]: Command, args: readonly string[], options: RunOptions = {}): Ending {
  const { cwd = root, env = {}, timeout = 300 } = options;
  mkdirSync(work, { recursive: true });
  const paths = ["stdout", "stderr"].map((name) => join(work, `${name}-${process.pid}.txt`)) as [string, string];
  const files = paths.map((path) => openSync(path, "w"));
  const start = performance.now();
  const { status, error } = spawnSync(command, [...first, ...args], {
    cwd,
    env: { ...inherited(), ...env },
    timeout: timeout * 1000,
    killSignal: "SIGKILL",
    stdio: ["ignore", ...files],
  });
  const seconds = (performance.now() - start) / 1000;
  for (const file of files) closeSync(file);
  const [stdout, stderr] = paths.map((path) => readFileSync(path, "utf8")) as [string, string];
  for (const path of paths) rmSync(path);
  if (error) throw new Error(`${command}: ${error.message}\n${shorten(stderr)}`);
  return { status, stdout, stderr, seconds };
}

/** Runs a program that must succeed. */
export function succeed(command: Command, args: readonly string[], options: RunOptions = {}): Ending {
  const ending = run(command, args, options);
  if (ending.status !== 0) {
    const text = [ending.stderr, ending.stdout].map(shorten).filter(Boolean).join("\n");
    throw new Error(`${[...command, ...args].join(" ")} ended with ${ending.status}:\n${text}`);
  }
  return ending;
}

/** Runs a program that reaches the registry: once more where it fails. */
export function succeedInTwo(command: Command, args: readonly string[], options: RunOptions = {}): Ending {
  try {
    return succeed(command, args, options);
  } catch (error) {
    console.log(`once more: ${(error as Error).message.split("\n")[0]}`);
    return succeed(command, args, options);
  }
}

/** Starts a program that goes on until it is killed. */
export function start([command, ...first]: Command, args: readonly string[], cwd: string): ChildProcess {
  return spawn(command, [...first, ...args], { cwd, env: inherited(), stdio: "ignore" });
}
