import { told } from "../host.ts";
import { show } from "../values/show.ts";
import { binaries, folder as binariesFolder, loadBuild, loadWasm } from "./binaries.cjs";
import type { NativeBinding } from "./native/binding.ts";

// Imported, "node:fs" takes some 5 ms of a program that does not use it: an import asks for all that it exports.
const { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync } =
  process.getBuiltinModule("node:fs");
const { join, resolve } = process.getBuiltinModule("node:path");

/** The first bytes of a file, and how many it has. */
function headOf(file: string, length: number): { head: Buffer; size: number } {
  const head = Buffer.alloc(length);
  const descriptor = openSync(file, "r");
  try {
    const { size } = fstatSync(descriptor);
    readSync(descriptor, head, 0, length, 0);
    return { head, size };
  } finally {
    closeSync(descriptor);
  }
}

/** Whether the executable asks for musl's loader; undefined where it names neither that one nor glibc's. */
function asksForMusl(): boolean | undefined {
  try {
    const loader = headOf(process.execPath, 4096)
      .head.toString("latin1")
      .match(/\/ld-(musl-|linux)/)?.[1];
    return loader === undefined ? undefined : loader === "musl-";
  } catch {
    return undefined; // no permission to read it
  }
}

/**
 * Whether the process runs on musl's C library. Known without running a program or looking for files of a distribution. The
 * process's report tells for certain, but it takes some 5 ms.
 */
function isMusl(): boolean {
  const asked = asksForMusl();
  if (asked !== undefined) return asked;
  try {
    const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
    const before = report.excludeNetwork ?? false;
    // The report would otherwise look up the names of all open connections.
    report.excludeNetwork = true;
    const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
    report.excludeNetwork = before;
    return header.glibcVersionRuntime === undefined;
  } catch {
    return false; // no permission to ask, in Deno, which there is for glibc only
  }
}

/** The system of this process, as `binaries` names those that there are binaries for. */
export function targetOf({ platform, arch }: { platform: string; arch: string }, musl: () => boolean = isMusl): string {
  if (platform !== "linux") return `${platform}-${arch}`;
  const { arm_version: armVersion } = process.config.variables as { arm_version?: string | number };
  // Node calls every 32-bit ARM "arm", but the binary has instructions of version 7.
  const processor = arch === "arm" && Number(armVersion) < 7 ? `armv${armVersion}` : arch;
  return `linux-${processor}-${musl() ? "musl" : "glibc"}`;
}

const magics: readonly [string, string][] = [
  ["linux", "7f454c46"],
  ["darwin", "cffaedfe"],
  ["win32", "4d5a"],
];
const elfMachines: Readonly<Record<string, number>> = { arm: 40, x64: 62, arm64: 183 };

/**
 * What can be seen to be wrong with a binary before the system loads it. glibc maps an ELF file without asking whether all
 * of it is there, and the process is killed when it touches what is not.
 */
export function damageOf(file: string, { platform, arch }: { platform: string; arch: string }): string | undefined {
  // To open a pipe waits until somebody writes to it.
  if (!statSync(file).isFile()) return "it is no file";
  const { head, size } = headOf(file, 64);
  const system = magics.find(([, magic]) => head.toString("hex").startsWith(magic))?.[0];
  if (system === undefined) return `it is no binary of any system (${size} bytes)`;
  if (system !== platform) return `it is a binary for ${system}`;
  if (system !== "linux") return undefined;
  const machine = head.readUInt16LE(18);
  if (machine !== (elfMachines[arch] ?? machine)) {
    const found = Object.keys(elfMachines).find((name) => elfMachines[name] === machine) ?? `ELF machine ${machine}`;
    return `it is a binary for ${found}`;
  }
  // The table of sections is the last thing in the file.
  const wide = head[4] === 2;
  const end =
    (wide ? Number(head.readBigUInt64LE(40)) : head.readUInt32LE(32)) +
    head.readUInt16LE(wide ? 58 : 46) * head.readUInt16LE(wide ? 60 : 48);
  return size < end ? `it is truncated: ${size} of ${end} bytes` : undefined;
}

function isPackage(folder: string): boolean {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name === "rmsprop";
  } catch {
    return false;
  }
}

const codeOf = (error: unknown) => (error as { code?: unknown } | null)?.code;

/** Loads a binary if nothing is seen to be wrong with it. */
function loadFile(file: string, load: () => NativeBinding): NativeBinding {
  let problem: string | undefined;
  try {
    problem = damageOf(file, process);
  } catch (error) {
    // In a bundle the binary lies elsewhere, where `load` finds it.
    if (codeOf(error) !== "ENOENT") throw error;
  }
  const wrong = (what: string) =>
    new Error(`Expected a binary for ${process.platform}-${process.arch} at ${file}, but ${what}.`);
  if (problem !== undefined) throw wrong(problem);
  try {
    return load();
  } catch (error) {
    throw codeOf(error) === "MODULE_NOT_FOUND" ? wrong("there is none") : error;
  }
}

/**
 * Loads the binary: the one that RMSPROP_NATIVE_PATH names, or one built on the spot, or the one that the package has for
 * this system. What it speaks is not looked at.
 * @throws Error with the reason why there is none.
 */
export function loadBinary(): NativeBinding {
  const named = told(() => process.env.RMSPROP_NATIVE_PATH);
  if (named) {
    const file = resolve(named);
    // What has another ending would be read as JavaScript.
    if (!file.endsWith(".node")) {
      throw new Error(`Expected RMSPROP_NATIVE_PATH to name a file that ends in .node, but it is ${show(named)}.`);
    }
    return loadFile(file, () => process.getBuiltinModule("node:module").createRequire(file)(file));
  }
  // Above both lib/backends and dist/backends. In a bundle it is some other folder, and a build that it has is not ours.
  const root = binariesFolder === undefined ? undefined : join(binariesFolder, "..", "..");
  if (root !== undefined && existsSync(join(root, "build", "Release")) && isPackage(root)) return loadBuild(root);
  const target = targetOf(process);
  const binary = binaries[target];
  if (!binary) {
    throw new Error(`The package has no binary for ${target}, only for ${Object.keys(binaries).join(", ")}.`);
  }
  return root === undefined ? binary.load() : loadFile(join(root, binary.file), binary.load);
}

/**
 * Reads the kernels' WebAssembly module, which is in the package; in a checkout only once it has been made.
 * @throws Error where it is not there.
 */
export function readWasm(): Uint8Array {
  try {
    return Buffer.from(loadWasm(), "base64");
  } catch (error) {
    if (codeOf(error) !== "MODULE_NOT_FOUND") throw error;
    throw new Error("there is no prebuilds/wasm/kernels.js, which the package holds and `npm run prebuild` makes");
  }
}
