// Child programs of test/programs/: plain JavaScript over dist/, in a process of their own, because they end it, starve it or
// count its memory.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { expect } from "vitest";
import { root } from "./compile.ts";
import { temporaryFolder } from "./folder.ts";

export interface ProgramOptions {
  readonly args?: readonly (string | number)[];
  /** Added to this process's; undefined takes a name out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly nodeArgs?: readonly string[];
  /** The runtime. Default: this one. */
  readonly node?: string;
  /** In milliseconds; the program is killed then. */
  readonly timeout?: number;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** The binary under test. */
export const nativeBinary = process.env.RMSPROP_NATIVE_PATH || join(root, "build", "Release", "rmsprop.node");

const newest = (folder: string, ending: string) =>
  Math.max(
    ...readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(ending))
      .map((file) => statSync(join(root, folder, file)).mtimeMs),
  );

/** Programs run what is built, so it must have been built of what is there. */
export function checkBuilt(): void {
  const entry = join(root, "dist", "index.js");
  const kernels = join(root, "prebuilds", "wasm", "kernels.js");
  const newestSource = Math.max(newest("lib", ".ts"), existsSync(kernels) ? statSync(kernels).mtimeMs : 0);
  if (!existsSync(entry) || statSync(entry).mtimeMs < newestSource) {
    throw new Error("Expected dist/ to be built of lib/ and the kernels as they are; run `npm run build:lib`.");
  }
}

/** The file of a program of test/programs/: bundled, where it is over parts of lib/ that are not published. */
async function programFile(name: string): Promise<string> {
  const input = join(root, "test", "programs", `${name}.js`);
  if (!readFileSync(input, "utf8").includes('from "../../lib/')) return input;
  const file = join(temporaryFolder(), `${name}.mjs`);
  const bundle = await rolldown({ input, platform: "node", external: /\/prebuilds\// });
  await bundle.write({ file, format: "esm" });
  await bundle.close();
  return file;
}

/** Runs a program of test/programs/ to its end. */
export async function runProgram(name: string, options: ProgramOptions = {}): Promise<Ending> {
  checkBuilt();
  const { args = [], env = {}, nodeArgs = [], node = process.execPath, timeout = 60_000 } = options;
  const program = await programFile(name);
  const child = spawn(node, ["--expose-gc", ...nodeArgs, program, ...args.map(String)], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeout);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, timedOut, stdout, stderr });
    });
  });
}

/** Runs a program that must end by itself, well, with nothing to say on stderr; returns what it reports as JSON. */
export async function report<T = unknown>(name: string, options?: ProgramOptions): Promise<T> {
  const { stdout, ...ending } = await runProgram(name, options);
  expect(ending, `${name}: ${stdout}`).toEqual({ code: 0, signal: null, timedOut: false, stderr: "" });
  return JSON.parse(stdout) as T;
}
