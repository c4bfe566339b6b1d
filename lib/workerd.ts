// The entry point in workerd (Cloudflare Workers), which compiles no WebAssembly while a program runs, but gives a compiled
// module for an import of its file.

import { selectBackend } from "./backends/select-browser.ts";
import kernels from "./kernels.wasm";
import { rules } from "./rules/all.ts";

export * from "./api.ts";
export * as schedules from "./schedules/index.ts";

/** What executes steps in this worker. */
export const backend = selectBackend(rules, kernels);
