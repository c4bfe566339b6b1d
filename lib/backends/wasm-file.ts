import { createRequire } from "node:module";

/**
 * Reads the kernels' WebAssembly module, which is in the package; in a checkout only once it has been made.
 * @throws Error where it is not there.
 */
export function readWasmFile(): Uint8Array {
  const require = createRequire(import.meta.url);
  try {
    return Buffer.from(require("../../prebuilds/wasm/kernels.js").default, "base64");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    throw new Error("there is no prebuilds/wasm/kernels.js, which the package holds and `npm run prebuild` makes");
  }
}
