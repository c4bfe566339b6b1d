// The backends whose bits the tests compare with the reference's.
import { createNative, loadBinding } from "../../lib/backends/native.ts";
import { createWasm } from "../../lib/backends/wasm.ts";
import { rules } from "../../lib/optimizers/all.ts";
import { wasm } from "./wasm.ts";

/** The native add-on, unless RMSPROP_BACKEND asks for another backend. */
export const binding = (process.env.RMSPROP_BACKEND || "native") === "native" ? loadBinding(rules) : undefined;

const natives = (binding?.describe().isas ?? []).map((isa) =>
  createNative(binding as never, { isa, elementsPerThread: 1 }),
);

/** One for each instruction set of this machine, and WebAssembly where its kernels have been made. */
export const backends = [...natives, ...("kernels" in wasm ? [createWasm(wasm.kernels)] : [])];
