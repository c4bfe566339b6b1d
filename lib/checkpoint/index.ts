export * from "./api.ts";
export { loadCheckpoint, loadCheckpointAsync, saveCheckpoint, saveCheckpointAsync } from "./checkpoint.ts";
export { readSafetensors, readSafetensorsAsync, writeSafetensors, writeSafetensorsAsync } from "./safetensors.ts";
