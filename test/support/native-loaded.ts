import { createRequire } from "node:module";
import { loadBinding } from "../../lib/backends/native/native.ts";
import { StaleError } from "../../lib/backends/signatures.ts";
import { rules } from "../../lib/rules/all.ts";

/** Whether the native backend is to be tested here. */
export const hasAddon = !process.env.RMSPROP_BACKEND || process.env.RMSPROP_BACKEND === "native";

/** Whether this process runs under the address sanitizer, as `npm run test:sanitize` has it. */
export const asan = /libasan/.test(process.env.LD_PRELOAD ?? "");

/** The file of the add-on that this process has loaded. */
export function addonFile(): string | undefined {
  loadBinding(rules);
  return Object.keys(createRequire(import.meta.url).cache).find((file) => /rmsprop[^/\\]*\.node$/.test(file));
}

/** Fails the whole run where the native backend does not load and RMSPROP_BACKEND does not ask for another. */
export default function setup(): void {
  if (!hasAddon) return;
  try {
    loadBinding(rules);
  } catch (error) {
    const difference = error instanceof StaleError ? error.difference : undefined;
    const how = difference
      ? ` It has ${difference.found ?? "nothing"} where ${difference.expected ?? "nothing"} is expected: spell both alike.`
      : "";
    throw new Error(
      "Expected the native backend to load, so that it is tested; build it with `npm run build:native`, or set " +
        `RMSPROP_BACKEND=wasm or reference to test without it. The reason: ${(error as Error).message}.${how}`,
    );
  }
}
