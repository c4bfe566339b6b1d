import { selectBackend } from "./backends/select.ts";
import { rules } from "./rules/all.ts";

export * from "./api.ts";
export * as schedules from "./schedules/index.ts";

/**
 * What executes steps in this process. It is chosen when the package is imported; docs/platforms.md says how.
 * @example
 * ```js
 * import { backend } from "rmsprop";
 *
 * console.log(backend.name, backend.isa, backend.threads); // for example native avx2 8
 * backend.setThreads(1);
 * console.log(backend.threads); // 1
 * ```
 */
export const backend = selectBackend(rules);
