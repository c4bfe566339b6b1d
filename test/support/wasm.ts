import { readWasm } from "../../lib/backends/load.ts";
import { loadKernels, type WasmKernels } from "../../lib/backends/wasm/kernels.ts";
import { rules } from "../../lib/rules/all.ts";

function load(): { bytes: Uint8Array; kernels: WasmKernels } | { missing: string } {
  let bytes: Uint8Array;
  try {
    bytes = readWasm();
  } catch (error) {
    return { missing: (error as Error).message };
  }
  return { bytes, kernels: loadKernels(bytes, rules) };
}

/** The kernels in WebAssembly, or why they are not there: a checkout has them once `npm run prebuild -- wasm` made them. */
export const wasm = load();
