import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FloatArray } from "rmsprop";
import { Missing } from "./work.ts";

/** bench/native/addon.cpp's exports. */
export interface Addon {
  /**
   * A function that runs a kernel over arrays of streams: first the one that is read, then those that are written.
   * Undefined where there is no kernel of that name for so many streams.
   */
  work(
    kernel: string,
    arrays: readonly (readonly FloatArray[])[],
    threads: number,
    numbers: readonly number[],
  ): (() => void) | undefined;
  /**
   * A function that forms a dense layer's gradient, on one thread: `grad = sum over b of x[b] ⊗ y[b]`. Undefined where no
   * loop has that name.
   */
  form(
    name: string,
    arrays: readonly [x: FloatArray, y: FloatArray, grad: FloatArray],
    sizes: readonly [batch: number, rows: number, columns: number],
  ): (() => void) | undefined;
  empty(): void;
}

/** The package: what is compiled from bench/ lies in build/tools/bench. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));
const sources = join(root, "bench", "native");
const folder = join(root, "build", "bench", "native");
const require = createRequire(import.meta.url);

interface BuildList {
  readonly flags: readonly string[];
  readonly kernelFlags: readonly string[];
  readonly instructionSets: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** Where Node-API's headers are: beside Node, or where node-gyp put them when it built the library. */
function headers(): string {
  const candidates = [join(dirname(process.execPath), "..", "include", "node")];
  const config = join(root, "build", "config.gypi");
  const named = existsSync(config) && /"nodedir":\s*"([^"]+)"/.exec(readFileSync(config, "utf8"))?.[1];
  if (named) candidates.push(join(named, "include", "node"));
  const found = candidates.find((candidate) => existsSync(join(candidate, "node_api.h")));
  if (!found) throw new Missing(`no header node_api.h was found in ${candidates.join(" or ")}`);
  return found;
}

function compile(arguments_: readonly string[]): void {
  const compilers = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
  for (const compiler of compilers) {
    const { error, status, stderr } = spawnSync(compiler, arguments_, { encoding: "utf8" });
    if (error) continue;
    if (status !== 0) throw new Error(`The benchmark's add-on does not compile:\n${stderr}`);
    return;
  }
  throw new Missing(`no C++ compiler was found (tried ${compilers.join(", ")})`);
}

/**
 * The add-on for an instruction set, compiled where its sources or flags have changed since.
 * @throws Missing where it is not there and cannot be compiled.
 */
export function loadAddon(isa: string): Addon {
  const list = require(join(root, "native", "build.json")) as BuildList;
  const isaFlags = list.instructionSets[process.arch]?.[isa];
  if (!isaFlags) throw new Missing(`no flags are known for ${isa} on ${process.arch}`);
  const files = readdirSync(sources)
    .sort()
    .map((file) => join(sources, file));
  const flags = [...list.flags, ...list.kernelFlags, ...isaFlags, `-DBENCH_ISA=${isa}`, `-DRMSPROP_ISA=${isa}`];
  const hash = createHash("sha256").update(flags.join(" "));
  // One of them includes the library's.
  for (const file of [...files, join(root, "native", "kernels", "factors.hpp")]) hash.update(readFileSync(file));
  const stamp = hash.digest("hex");

  const target = join(folder, `${isa}.node`);
  const stampFile = `${target}.stamp`;
  if (!existsSync(target) || !existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) {
    mkdirSync(folder, { recursive: true });
    const link = [
      "-shared",
      "-fPIC",
      "-pthread",
      ...(process.platform === "darwin" ? ["-undefined", "dynamic_lookup"] : []),
    ];
    compile([...flags, ...link, "-I", headers(), "-o", target, ...files.filter((file) => file.endsWith(".cpp"))]);
    writeFileSync(stampFile, stamp);
  }
  return require(target) as Addon;
}
