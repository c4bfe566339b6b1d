import { fileURLToPath } from "node:url";
import { remoteKind } from "./remote.ts";

/** The library on WebAssembly: in another process, because a process chooses its backend once. */
export const wasm = {
  ...remoteKind("wasm", () => ({
    command: process.execPath,
    args: [fileURLToPath(new URL("./reference-process.js", import.meta.url))],
    env: { RMSPROP_BACKEND: "wasm" },
  })),
  against: "plain loop",
};
