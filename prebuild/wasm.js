// native/kernels/, compiled to WebAssembly: a module that holds its bytes as text, so that a browser gets them by import and
// every other runtime by require, from one file.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { root, runZig } from "./toolchain.js";

const { kernelSource, flags, kernelFlags, wasmFlags } = createRequire(import.meta.url)("../native/build.json");

/** What `npm run prebuild` calls it, and where it goes in the package. lib/backends/ and lib/browser.ts name the same file. */
export const wasm = { name: "wasm", file: "prebuilds/wasm/kernels.js" };

// The headers of a C library name types; the kernels call nothing of it.
const target = ["-target", "wasm32-wasi"];

// Besides their memory the kernels export the address of their backend's table, and the functions that it points to.
const linked = [
  ...["-O3", "-nostdlib", "-Wl,-s", "-Wl,--no-entry", "-Wl,-z,stack-size=16384"],
  ...["-Wl,--export-table", "-Wl,--export=_ZN7rmsprop4wasm7backendE"],
];

/**
 * @param {string} folder Where objects go, in the repository.
 * @param {string} output The module.
 * @param {string} cache zig's folder of what it has compiled before.
 * @returns {Promise<string[]>} what the compiler warned of
 */
export async function compileWasm(folder, output, cache) {
  const objects = join(folder, wasm.name);
  mkdirSync(join(root, objects), { recursive: true });
  mkdirSync(dirname(output), { recursive: true });
  const env = { ZIG_LOCAL_CACHE_DIR: cache };
  const object = join(objects, "kernels.o");
  const module = join(objects, "kernels.wasm");
  const compiled = ["-g0", "-DNDEBUG", `-ffile-prefix-map=${root}=.`, "-DRMSPROP_ISA=wasm", "-c", kernelSource];
  const warnings = [
    await runZig(["c++", ...target, ...flags, ...kernelFlags, ...wasmFlags, ...compiled, "-o", object], env),
    await runZig(["c++", ...target, ...linked, object, "-o", module], env),
  ];
  const text = readFileSync(join(root, module)).toString("base64");
  writeFileSync(output, `// native/kernels/, compiled to WebAssembly.\nexport default "${text}";\n`);
  // So that the compiler of lib/ takes the module for one that is compiled already.
  writeFileSync(output.replace(/\.js$/, ".d.ts"), "declare const base64: string;\nexport default base64;\n");
  return warnings.filter((warning) => warning !== "");
}
