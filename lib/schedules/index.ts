// Learning rates that change with the step.
export { chain, type SequenceOptions, sequence } from "./compose.ts";
export {
  type CosineOptions,
  constant,
  cosine,
  type ExponentialOptions,
  exponential,
  type LinearWarmupOptions,
  linearWarmup,
  type OneCycleOptions,
  oneCycle,
  type ScheduleFunction,
  type StepOptions,
  step,
} from "./functions.ts";
export { type ReduceOnPlateau, type ReduceOnPlateauOptions, reduceOnPlateau } from "./reduce-on-plateau.ts";
export type { Schedule, ScheduleState } from "./schedule.ts";
