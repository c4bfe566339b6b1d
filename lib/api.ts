// Everything that the package exports but the backend in use, which each entry point selects, and the schedules.

export type { BackendInfo } from "./backends/current.ts";
export { OptimError, type OptimErrorCode } from "./errors.ts";
export type { FloatArray, NumberType } from "./numbers/typed-array.ts";
export type { ParameterState, ParamsInput, StepInfo } from "./optimizer.ts";
export { Optimizer } from "./optimizer.ts";
export {
  Adadelta,
  type AdadeltaOptions,
  type AdadeltaState,
  Adagrad,
  type AdagradOptions,
  type AdagradState,
  Adam,
  type AdamOptions,
  type AdamState,
  AdamW,
  type AdamWOptions,
  type AdamWState,
  RMSprop,
  type RMSpropOptions,
  type RMSpropState,
  Rprop,
  type RpropOptions,
  type RpropState,
  SGD,
  type SGDOptions,
  type SGDState,
} from "./optimizers/all.ts";
export type { Gains } from "./optimizers/rmsprop-options.ts";
export type { CommonOptions } from "./options/common.ts";
export type { Diagnostic, Ema, LossScale, OptimizerOptions, StageOptions } from "./options/stage-options.ts";
export {
  type AllocateOptions,
  allocate,
  type Model,
  type Replica,
  type ReplicatedModel,
  type ReplicatedOptions,
  type Shapes,
} from "./parameters/allocate.ts";
export type { GradientFactors, MadeGradient } from "./parameters/gradient.ts";
export type { ParamGroup, ParamGroupInput } from "./parameters/group.ts";
export type {
  AnyParameter,
  MadeGradientParameter,
  Parameter,
  ParameterName,
  PlaceholderParameter,
} from "./parameters/parameter.ts";
export type { LearningRate } from "./schedules/learning-rate.ts";
export type { Schedule, ScheduleState } from "./schedules/schedule.ts";
export type { LossScaleState } from "./state/loss-scale.ts";
export type { LoadStateOptions } from "./state/partial-state.ts";
export type { StateDict, StateInput, Unmatched } from "./state/state-dict.ts";
export type { StepArrays, StepArraysOf } from "./step/call-arrays.ts";
