// The entry point `rmsprop/distributed`. The package's own, which it stands on, chooses the backend.
import "../index.ts";
import { loadCheckpointAsync, saveCheckpointAsync } from "../checkpoint/checkpoint.ts";
import { useFiles } from "./checkpoint.ts";

export * from "./api.ts";
export { connect } from "./connect.ts";

useFiles({ saveCheckpointAsync, loadCheckpointAsync });
