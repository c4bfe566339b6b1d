// The backends whose bits the tests compare with the reference's.
import { everyNative, loadBinding } from "../../lib/backends/native/native.ts";
import { createWasm } from "../../lib/backends/wasm/wasm.ts";
import { rules } from "../../lib/rules/all.ts";
import { wasm } from "./wasm.ts";

/** The native add-on, unless RMSPROP_BACKEND asks for another backend. */
export const binding = (process.env.RMSPROP_BACKEND || "native") === "native" ? loadBinding(rules) : undefined;

const natives = binding ? everyNative(binding) : [];

/**
 * Two for each instruction set of this machine, for arrays in caches and beyond them, and WebAssembly where its kernels have
 * been made.
 */
export const backends = [...natives, ...("kernels" in wasm ? [createWasm(wasm.kernels)] : [])];
