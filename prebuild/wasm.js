// Compiles native/kernels/ to WebAssembly, into a module that holds its bytes as text, so that a browser gets them by
// import and every other runtime by require, from one file: node prebuild/wasm.js ZIG
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where it goes in the package. lib/backends/wasm-file.ts and lib/browser.ts name the same file. */
export const wasmFile = "prebuilds/wasm/kernels.js";

// The kernels need no C library, but its headers name the types. What they export besides the memory is the address of
// the backend's table, and the functions that it points to.
const target = ["-target", "wasm32-wasi"];
const linkFlags = [
  ...["-O3", "-nostdlib", "-Wl,--no-entry", "-Wl,--export-table", "-Wl,--export=_ZN7rmsprop4wasm7backendE", "-Wl,-s"],
  ...["-Wl,-z,stack-size=16384"],
];

/**
 * @param {string} zig The path of zig.
 * @returns {Buffer} The WebAssembly module.
 */
export function compileWasm(zig) {
  const { flags, kernelFlags, kernelSource, wasmFlags } = JSON.parse(
    readFileSync(join(root, "native", "build.json"), "utf8"),
  );
  const folder = mkdtempSync(join(tmpdir(), "rmsprop-wasm-"));
  try {
    const run = (...args) => execFileSync(zig, ["c++", ...target, ...args], { cwd: root, stdio: "inherit" });
    const object = join(folder, "kernels.o");
    const module = join(folder, "kernels.wasm");
    run(...flags, ...kernelFlags, ...wasmFlags, "-DRMSPROP_ISA=wasm", "-c", kernelSource, "-o", object);
    run(...linkFlags, object, "-o", module);
    return readFileSync(module);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Makes prebuilds/wasm/kernels.js.
 * @param {string} zig The path of zig.
 */
export function buildWasm(zig) {
  const module = compileWasm(zig);
  const file = join(root, wasmFile);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `// native/kernels/, compiled to WebAssembly.\nexport default "${module.toString("base64")}";\n`);
  console.log(`${wasmFile}: ${module.length} bytes of WebAssembly, in base64`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , zig] = process.argv;
  if (!zig) throw new Error("Expected the path of zig: node prebuild/wasm.js ZIG");
  buildWasm(zig);
}
