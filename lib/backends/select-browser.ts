import type { AnyRule } from "../rule.ts";
import { type BackendInfo, useFirst } from "./current.ts";
import { createReference } from "./reference.ts";
import { createWasm } from "./wasm.ts";
import { decodeBase64, loadKernels } from "./wasm-kernels.ts";

/** Chooses the backend in a browser: WebAssembly, or, with one warning, the reference where the page may not compile. */
export function selectBackend(rules: readonly AnyRule[], base64: string): BackendInfo {
  return useFirst(
    [
      { title: "WebAssembly", create: () => createWasm(loadKernels(decodeBase64(base64), rules)) },
      { title: "the TypeScript reference", create: createReference },
    ],
    (message) => console.warn(`rmsprop: ${message}`),
  );
}
