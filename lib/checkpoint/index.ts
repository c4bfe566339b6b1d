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
export { type FromTorchOptions, fromTorch, type TorchStateDict, toTorch } from "./convert/torch.ts";
export type { Values } from "./convert/values.ts";
export { fromKeras, fromTfjs, toKeras, toTfjs, type Weights } from "./convert/weights.ts";
export type { Dtype, TensorData } from "./dtypes.ts";
export type { Safetensors, Tensor } from "./read.ts";
export { readSafetensors, readSafetensorsAsync, writeSafetensors, writeSafetensorsAsync } from "./safetensors.ts";
export type { TensorInput } from "./write.ts";
