import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../addon.ts";
import type { ContenderKind } from "../contenders/contender.ts";
import { remoteKind } from "../contenders/remote.ts";

const known = new Map<string, string | undefined>();

/** The first Python that has a module: $PYTHON, then what the path has, then Debian's. Else the first that there is. */
function pythonWith(module: string): string {
  const candidates = [process.env["PYTHON"], "python3", "/usr/bin/python3"].filter((each) => each !== undefined);
  if (!known.has(module)) {
    const has = (python: string) => spawnSync(python, ["-c", `import ${module}`]).status === 0;
    known.set(module, candidates.find(has));
  }
  return known.get(module) ?? (candidates[0] as string);
}

/** A contender that a script beside this file steps. */
export function pythonKind(name: string, script: string, module: string, ...args: string[]): ContenderKind {
  return remoteKind(name, (threads) => ({
    command: pythonWith(module),
    args: [join(root, "bench", "rivals", script), ...args],
    env: { OMP_NUM_THREADS: String(threads), PYTHONDONTWRITEBYTECODE: "1" },
  }));
}
