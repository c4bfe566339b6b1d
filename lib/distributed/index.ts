// The entry point `rmsprop/distributed`. The package's own, which it stands on, chooses the backend.
import "../index.ts";

export type { AnyTypedArray, BroadcastArrays } from "./arrays.ts";
export { type ConnectOptions, connect, type MpiLibrary, type Ranks } from "./ranks.ts";
