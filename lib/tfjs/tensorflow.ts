// What the adapter uses of TensorFlow.js: the caller's own, which it is handed. Nothing of it is imported at run time.
import type * as core from "@tensorflow/tfjs-core";

/** TensorFlow.js as a program imports it: `@tensorflow/tfjs`, or `@tensorflow/tfjs-core` with what it registers. */
export type TensorFlow = Pick<
  typeof core,
  | "backend"
  | "broadcastTo"
  | "cast"
  | "engine"
  | "getBackend"
  | "matMul"
  | "Optimizer"
  | "ones"
  | "serialization"
  | "tensor"
  | "tidy"
  | "variable"
>;

export type Tensor = core.Tensor;
export type Variable = core.Variable;
/** A tensor of a list of weights. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}
export type NamedTensorMap = core.NamedTensorMap;
export type KernelBackend = core.KernelBackend;
export type ConfigDict = core.serialization.ConfigDict;
