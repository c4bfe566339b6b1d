import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../addon.ts";
import type { ContenderKind } from "../contenders/contender.ts";
import { remoteKind } from "../contenders/remote.ts";
import { Missing } from "../work.ts";

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

/**
 * What has glibc's allocator keep the memory that it is given back, so that a temporary array of the next step finds pages
 * that are there already. As it comes, it gives large arrays back to the system at once, and most of a step over them is page
 * faults.
 */
const keptMemory = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 40),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 40),
  MALLOC_TOP_PAD_: String(2 ** 30),
};

interface PythonKind {
  readonly name: string;
  /** Beside this file. */
  readonly script: string;
  readonly module: string;
  readonly args?: readonly string[];
  /** Whether its allocator keeps memory. Default: it is as it comes. */
  readonly keeps?: boolean;
}

/** A contender that a script beside this file steps. */
export function pythonKind({ name, script, module, args = [], keeps = false }: PythonKind): ContenderKind {
  const kind = remoteKind(name, (threads) => ({
    command: pythonWith(module),
    args: [join(root, "bench", "rivals", script), ...args],
    env: { OMP_NUM_THREADS: String(threads), PYTHONDONTWRITEBYTECODE: "1", ...(keeps ? keptMemory : {}) },
  }));
  if (!keeps) return kind;
  return {
    ...kind,
    async create(work) {
      const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
      if (!header.glibcVersionRuntime)
        throw new Missing("only glibc's allocator is told by its environment to keep memory");
      return kind.create(work);
    },
  };
}
