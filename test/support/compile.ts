import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const root = join(import.meta.dirname, "..", "..");

/** The C++ compiler that the native backend is built with, or undefined where there is none. */
export const compiler = [process.env.CXX, "c++", "g++", "clang++"].find(
  (command) => command && spawnSync(command, ["--version"]).status === 0,
);

/** Compiles one program of test/native/ and returns its path. */
export function compileProgram(
  name: string,
  flags: readonly string[] = [],
  source = `test/native/${name}.cpp`,
): string {
  const folder = join(root, "build", "test");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, name);
  execFileSync(compiler as string, ["-std=c++20", "-Wall", "-Wextra", ...flags, source, "-o", program], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  return program;
}

/**
 * Compiles the examples and the other programs in TypeScript.
 * @param folder Of build/test/, for one test file alone: two that compile at once would overwrite what the other runs.
 * @returns The path of it.
 */
export function compileTools(folder: string): string {
  const target = join(root, "build", "test", folder);
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", "tsconfig.tools.json", "--outDir", target], {
    cwd: root,
    stdio: "inherit",
  });
  return target;
}

/** What a program prints. */
export function output(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
}
