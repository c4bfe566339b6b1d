import { selectBackend } from "./backends/select.ts";
import { rules } from "./optimizers/all.ts";

export * from "./api.ts";

/** What executes steps in this process. */
export const backend = selectBackend(rules);
