// The end of this process as one of several ranks: with the others, or it ends them all.
import type { BackendRanks } from "../backends/ranks.ts";

const { inspect } = process.getBuiltinModule("node:util");

let isHooked = false;

/**
 * Ends the ranks when this process does, or its thread where that is a worker's: well, with code 0, once all ranks have come
 * to their end; else all of them, with the code, after a sentence that names this one.
 */
export function endTogether(ranks: BackendRanks): void {
  if (isHooked) return;
  isHooked = true;
  let thrown: string | undefined;
  // Node prints an error that nobody caught after the exit event, which the process does not outlive.
  process.on("uncaughtExceptionMonitor", (error) => {
    if (process.listenerCount("uncaughtException") > 0) return;
    thrown = inspect(error);
    // Deno has no exit event then.
    if ("Deno" in globalThis) ranks.finish(1, thrown);
  });
  process.on("exit", (code) => {
    ranks.finish(code, thrown ?? `Expected all ranks to end together, but this one ends with code ${code}.`);
  });
}
