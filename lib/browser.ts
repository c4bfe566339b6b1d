// The entry point in browsers.
import kernels from "../prebuilds/wasm/kernels.js";
import { selectBackend } from "./backends/select-browser.ts";
import { rules } from "./rules/all.ts";

export * from "./api.ts";
export * as schedules from "./schedules/index.ts";

/** What executes steps in this page. */
export const backend = selectBackend(rules, kernels);
