import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../addon.ts";
import type { ContenderKind } from "../contenders/contender.ts";
import { remoteKind } from "../contenders/remote.ts";
import { Missing } from "../work.ts";

/** Where TensorFlow.js is installed: a project of its own, so that nobody installs it who does not measure. */
export const tensorflowFolder = join(root, "build", "bench", "tfjs");
const source = join(root, "bench", "rivals", "tfjs");

/**
 * Installs what the lock file names, unless it is there.
 * @throws Missing where that fails.
 */
export function installTensorflow(): void {
  const target = join(tensorflowFolder, "package-lock.json");
  const lock = join(source, "package-lock.json");
  const installed = existsSync(join(tensorflowFolder, "node_modules", ".package-lock.json"));
  if (installed && readFileSync(target, "utf8") === readFileSync(lock, "utf8")) return;
  mkdirSync(tensorflowFolder, { recursive: true });
  copyFileSync(join(source, "package.json"), join(tensorflowFolder, "package.json"));
  copyFileSync(lock, target);
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: tensorflowFolder,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    throw new Missing(`TensorFlow.js could not be installed (${stderr?.trim().split("\n")[0] || "npm did not run"})`);
  }
}

function tensorflowKind(backend: string): ContenderKind {
  const kind = remoteKind(`TensorFlow.js ${backend}`, () => ({
    command: process.execPath,
    args: [fileURLToPath(new URL("./tensorflow-process.js", import.meta.url)), backend],
  }));
  return {
    ...kind,
    async create(work) {
      installTensorflow();
      return kind.create(work);
    },
  };
}

export const tensorflowCpu = tensorflowKind("cpu");
export const tensorflowWasm = tensorflowKind("wasm");
