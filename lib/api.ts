// Everything that the package exports but the backend in use, which each entry point selects, and the schedules.
export { type AllocateOptions, allocate, type Model, type Shapes } from "./allocate.ts";
export type { BackendInfo } from "./backends/current.ts";
export { OptimError, type OptimErrorCode } from "./errors.ts";
export type { ParamGroup, ParamGroupInput } from "./group.ts";
export type { StepArrays, StepArraysOf } from "./inputs.ts";
export type { ParameterState, ParamsInput, StepInfo } from "./optimizer.ts";
export { Optimizer } from "./optimizer.ts";
export {
  Adagrad,
  type AdagradOptions,
  type AdagradState,
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
export type { Parameter, ParameterName } from "./parameter.ts";
export type { LoadStateOptions } from "./partial-state.ts";
export type { LearningRate } from "./schedules/learning-rate.ts";
export type { Schedule, ScheduleState } from "./schedules/schedule.ts";
export type { Diagnostic, Ema, LossScale, OptimizerOptions, StageOptions } from "./stage-options.ts";
export type { LossScaleState } from "./state/loss-scale.ts";
export type { StateDict, StateInput, Unmatched } from "./state-dict.ts";
export type { FloatArray, NumberType } from "./typed-array.ts";
