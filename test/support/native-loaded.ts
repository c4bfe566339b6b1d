import { loadBinding } from "../../lib/backends/native.ts";
import { rules } from "../../lib/optimizers/all.ts";

/** Fails the whole run where the native backend does not load and RMSPROP_BACKEND does not ask for another. */
export default function setup(): void {
  if (process.env.RMSPROP_BACKEND && process.env.RMSPROP_BACKEND !== "native") return;
  try {
    loadBinding(rules);
  } catch (error) {
    throw new Error(
      "Expected the native backend to load, so that it is tested; build it with `npm run build:native`, or set " +
        `RMSPROP_BACKEND=wasm or reference to test without it. The reason: ${(error as Error).message}`,
    );
  }
}
