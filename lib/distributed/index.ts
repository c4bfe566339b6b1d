// The entry point `rmsprop/distributed`. The package's own, which it stands on, chooses the backend.
import "../index.ts";

export type { AnyTypedArray, BroadcastArrays } from "./arrays.ts";
export { connect } from "./connect.ts";
export type { MpiLibrary, Ranks } from "./ranks.ts";
export type { ConnectOptions } from "./timeout.ts";
