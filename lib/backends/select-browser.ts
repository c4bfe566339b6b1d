import type { AnyRule } from "../rules/rule.ts";
import { type BackendInfo, useFirst } from "./current.ts";
import { createReference } from "./reference/reference.ts";
import { decodeBase64, loadKernels } from "./wasm/kernels.ts";
import { createWasm } from "./wasm/wasm.ts";

/**
 * Chooses the backend where there is no Node: WebAssembly, or, with one warning, the reference where the page may not compile.
 * @param kernels The kernels' module: compiled, or its bytes in base64.
 */
export function selectBackend(rules: readonly AnyRule[], kernels: string | WebAssembly.Module): BackendInfo {
  const source = () => (typeof kernels === "string" ? decodeBase64(kernels) : kernels);
  return useFirst(
    [
      { title: "WebAssembly", create: () => createWasm(loadKernels(source(), rules)) },
      { title: "the TypeScript reference", create: createReference },
    ],
    (message) => console.warn(`rmsprop: ${message}`),
  );
}
