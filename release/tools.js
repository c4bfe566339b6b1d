// The tools of package.json beside this file, installed when they are first needed.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(fileURLToPath(import.meta.url));

export function installTools() {
  if (existsSync(join(here, "node_modules", ".package-lock.json"))) return;
  const options = { cwd: here, stdio: "inherit", shell: process.platform === "win32" };
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], options);
  if (error) throw error;
  if (status !== 0) throw new Error(`npm ci in ${here} ended with status ${status}.`);
}
