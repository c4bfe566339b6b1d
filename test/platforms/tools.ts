// Runtimes, package managers and bundlers of npm, and programs of Debian.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Missing } from "./report.ts";
import { type Command, root, succeedInTwo } from "./shell.ts";

/** What every part may run, and what only the recipes are built with: folders beside this file's source, each with a lock file. */
const folders = {
  platforms: join(root, "test", "platforms"),
  recipes: join(root, "test", "platforms", "recipe-tools"),
} as const;

export type Tools = keyof typeof folders;

/** Installs what the package-lock.json of these tools names, unless it is there. Nothing of it runs a script. */
export function installTools(tools: Tools): void {
  const cwd = folders[tools];
  const wanted = join(cwd, "package-lock.json");
  const installed = join(cwd, "node_modules", ".installed.json");
  if (existsSync(installed) && readFileSync(installed).equals(readFileSync(wanted))) return;
  console.log(`Installing the tools of ${tools} (${join(relative(root, cwd), "package.json")}) …`);
  // Forced, because other platforms' packages are among them.
  const options = ["ci", "--force", "--ignore-scripts", "--no-bin-links", "--no-audit", "--no-fund"];
  const { seconds } = succeedInTwo(["npm"], options, { cwd, timeout: 900 });
  copyFileSync(wanted, installed);
  console.log(`installed in ${seconds.toFixed(0)} s`);
}

/** The path of a file of these tools. */
export function toolOf(tools: Tools, ...path: readonly string[]): string {
  const file = join(folders[tools], "node_modules", ...path);
  if (!existsSync(file)) throw new Missing(`${join(...path)} is not among the tools of ${tools}`);
  return file;
}

/** The path of a file of the tools that every part may run. */
export const tool = (...path: readonly string[]): string => toolOf("platforms", ...path);

/** This process's Node, the lowest that the package supports where tests run. */
export const node: Command = [process.execPath];

/** Every runtime of this platform, with what lets a program ask for garbage to be collected. */
export const runtimes = {
  "Node 20": () => [tool("node-20", "bin", "node"), "--expose-gc"],
  "Node 22": () => [tool("node-22", "bin", "node"), "--expose-gc"],
  "Node 24": () => [tool("node-24", "bin", "node"), "--expose-gc"],
  "Node 26": () => [tool("node-26", "bin", "node"), "--expose-gc"],
  Bun: () => [tool("@oven", "bun-linux-x64", "bin", "bun"), "run"],
  Deno: () => [tool("@deno", "linux-x64-glibc", "deno"), "run", "-A", "--v8-flags=--expose-gc"],
} satisfies Readonly<Record<string, () => Command>>;

const onPath = (program: string) => spawnSync("which", [program]).status === 0;

/** A program of a Debian package. */
export function debian(program: string, packageName: string): string {
  if (!onPath(program) && !existsSync(program)) throw new Missing(`${program} is not there (Debian: ${packageName})`);
  return program;
}

/**
 * Installs Debian packages, where this is Debian and it may.
 * @param strict Whether it throws where it can't. Default: the checks that are skipped name what is not there.
 */
export function installDebian(packages: readonly string[], strict: boolean): void {
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0 || !onPath("apt-get")) {
    if (strict) throw new Error("Expected to be root on Debian, where --apt can install packages.");
    console.log("Nothing is installed: packages of Debian take root on Debian.");
    return;
  }
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  console.log(`Installing ${packages.join(", ")} …`);
  try {
    succeedInTwo(["apt-get", "update", "-q"], [], { env });
    succeedInTwo(["apt-get", "install", "-qy", "--no-install-recommends"], packages, { env, timeout: 900 });
  } catch (error) {
    if (strict) throw error;
    console.log((error as Error).message);
  }
}
