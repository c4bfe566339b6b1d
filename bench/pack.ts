import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { loadAddon, root } from "./addon.ts";
import { installTensorflow } from "./rivals/tensorflow.ts";
import { Missing } from "./work.ts";

const require = createRequire(import.meta.url);

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Copies a package of node_modules and what it depends on. */
function copyPackage(name: string, folder: string, done: Set<string>): void {
  if (done.has(name)) return;
  done.add(name);
  const source = join(root, "node_modules", name);
  cpSync(source, join(folder, "node_modules", name), { recursive: true });
  const { dependencies = {} } = require(join(source, "package.json")) as Manifest;
  for (const dependency of Object.keys(dependencies)) copyPackage(dependency, folder, done);
}

/** Does what can be missing, and says so. */
function attempt(what: () => void): void {
  try {
    what();
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.log(`missing: ${error.message}`);
  }
}

/**
 * Puts everything that the benchmark needs into a folder, this Node and the compiled add-ons included, to be carried to a
 * machine of the same system and kind of processor that has neither a network nor a compiler.
 */
export function pack(folder: string): void {
  for (const isa of ["sse2", "avx2", "avx512", "neon"]) {
    attempt(() => {
      loadAddon(isa);
    });
  }
  attempt(installTensorflow);
  rmSync(folder, { recursive: true, force: true });
  const carried = [
    ...["package.json", "dist", "prebuilds", "bench/native", "bench/rivals", "native/build.json", "native/kernels"],
    ...["build/tools", "build/bench/native", "build/bench/tfjs", "build/Release/rmsprop.node"],
  ];
  for (const path of carried) {
    const from = join(root, path);
    if (!existsSync(from)) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(from, join(folder, path), { recursive: true });
  }
  const done = new Set<string>();
  for (const name of ["node-gyp-build", "cli-progress"]) copyPackage(name, folder, done);
  const node = process.platform === "win32" ? "node.exe" : "node";
  copyFileSync(process.execPath, join(folder, node));
  const script = join("build", "tools", "bench", "run.js");
  writeFileSync(join(folder, "bench.sh"), `#!/bin/sh\ncd "$(dirname "$0")" && exec ./${node} ${script} "$@"\n`, {
    mode: 0o755,
  });
  console.log(`Packed into ${relative(process.cwd(), folder) || "."}. There: sh bench.sh [SUITE ...]`);
}
