// The package as a user gets it: packed, and laid out in folders with programs beside it.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rolldown } from "rolldown";
import { NotBuilt } from "./report.ts";
import { root, succeed, work } from "./shell.ts";

/** The binaries by target, as the package holds them. */
export const binaries = {
  "linux-x64-glibc": "prebuilds/linux-x64/rmsprop.glibc.node",
  "linux-x64-musl": "prebuilds/linux-x64/rmsprop.musl.node",
  "linux-arm64-glibc": "prebuilds/linux-arm64/rmsprop.glibc.node",
  "linux-arm64-musl": "prebuilds/linux-arm64/rmsprop.musl.node",
  "linux-arm-glibc": "prebuilds/linux-arm/rmsprop.glibc.node",
  "darwin-x64": "prebuilds/darwin-x64/rmsprop.node",
  "darwin-arm64": "prebuilds/darwin-arm64/rmsprop.node",
  "win32-x64": "prebuilds/win32-x64/rmsprop.node",
  "win32-arm64": "prebuilds/win32-arm64/rmsprop.node",
} as const;

export const wasmFile = "prebuilds/wasm/kernels.js";

/** The path of a binary in this checkout. */
export function binary(target: keyof typeof binaries): string {
  const file = join(root, binaries[target]);
  if (!existsSync(file)) throw new NotBuilt(`${binaries[target]} is not built (npm run prebuild -- ${target})`);
  return file;
}

let tarball: string | undefined;

/** The packed package. What is built is packed as it is. */
export function packed(): string {
  if (tarball) return tarball;
  mkdirSync(work, { recursive: true });
  const options = ["pack", "--ignore-scripts", "--json", "--pack-destination", work];
  const [{ filename }] = JSON.parse(succeed(["npm"], options).stdout);
  tarball = join(work, filename);
  return tarball;
}

/** Gives an installed package a file for every binary, so that bundlers find all that it names. */
export function fillBinaries(folder: string): void {
  for (const file of [...Object.values(binaries), wasmFile]) {
    const path = join(folder, "node_modules/rmsprop", file);
    if (existsSync(path)) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  }
}

/** What the package depends on, from this checkout's own node_modules. */
export function dependencies(): string[] {
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return Object.keys(dependencies);
}

/** The programs that run on an installed package (programs/), each bundled into one file. */
export const programs = ["whole", "steps"] as const;

/** Puts the programs into a folder. */
export async function addPrograms(folder: string): Promise<void> {
  for (const name of programs) {
    const input = join(root, "test/platforms/programs", `${name}.js`);
    const bundle = await rolldown({ input, external: ["rmsprop"], platform: "node" });
    await bundle.write({ file: join(folder, `${name}.mjs`), format: "esm" });
    await bundle.close();
  }
}

/** A folder of a name with a project in it; without one, "rmsprop" there would be this repository, above it. */
export function projectFolder(name: string): string {
  const folder = join(work, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  return folder;
}

/** A folder of a name with the packed package in its node_modules, and the programs. */
export async function installed(name: string): Promise<string> {
  const folder = projectFolder(name);
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "rmsprop"), { recursive: true });
  succeed(["tar"], ["-xzf", packed(), "-C", join(modules, "rmsprop"), "--strip-components=1"]);
  for (const dependency of dependencies()) {
    cpSync(join(root, "node_modules", dependency), join(modules, dependency), { recursive: true });
  }
  await addPrograms(folder);
  return folder;
}
