import { fileURLToPath } from "node:url";
import { remoteKind } from "./remote.ts";

/** The library on its TypeScript reference: in another process, because a process chooses its backend once. */
export const reference = remoteKind("reference", () => ({
  command: process.execPath,
  args: [fileURLToPath(new URL("./reference-process.js", import.meta.url))],
  env: { RMSPROP_BACKEND: "reference" },
}));
