export {
  type Loaded,
  type LoadOptions,
  loadCheckpoint,
  loadCheckpointAsync,
  type SaveOptions,
  type StatefulOptimizer,
  saveCheckpoint,
  saveCheckpointAsync,
} from "./checkpoint.ts";
export type { Dtype, TensorData } from "./dtypes.ts";
export type { Safetensors, Tensor } from "./read.ts";
export { readSafetensors, readSafetensorsAsync, writeSafetensors, writeSafetensorsAsync } from "./safetensors.ts";
export type { TensorInput } from "./write.ts";
