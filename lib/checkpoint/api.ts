// The exports that `rmsprop/checkpoint` has everywhere; Node's entry point adds files.
export { decodeCheckpoint, encodeCheckpoint } from "./checkpoint-bytes.ts";
export type { StatefulOptimizer } from "./checkpoint-format.ts";
export type { Loaded, LoadOptions } from "./checkpoint-load.ts";
export type { SaveOptions } from "./checkpoint-save.ts";
export { type FromTorchOptions, fromTorch, type TorchStateDict, toTorch } from "./convert/torch.ts";
export type { Values } from "./convert/values.ts";
export { fromKeras, fromTfjs, toKeras, toTfjs, type Weights } from "./convert/weights.ts";
export type { Dtype, Float16ArrayLike, RawDtype, ReadOptions, TensorData } from "./dtypes.ts";
export type { Safetensors, Tensor } from "./read.ts";
export { decodeSafetensors, encodeSafetensors } from "./safetensors-bytes.ts";
export type { TensorInput } from "./write.ts";
