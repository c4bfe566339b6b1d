// The backends that a test of optimizers can put in the place of the one in use.
import type { Backend } from "../../lib/backends/backend.ts";
import { currentBackend, useBackend } from "../../lib/backends/current.ts";
import { createReference } from "../../lib/backends/reference/reference.ts";
import { createWasm } from "../../lib/backends/wasm/wasm.ts";
import { wasm } from "./wasm.ts";

const own = currentBackend();
const reference = createReference();

/** By name: that in use, the reference, and WebAssembly where its kernels have been made. */
export const everyBackend: Readonly<Record<string, Backend>> = {
  [own.name]: own,
  reference,
  ...("kernels" in wasm && own.name !== "wasm" ? { wasm: createWasm(wasm.kernels) } : {}),
};

/** Puts the backend in use back in its place. */
export function useOwnBackend(): void {
  useBackend(own);
}
