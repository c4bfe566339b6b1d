import { finite32, isFinite32 } from "../options/number-domains.ts";
import { isRate, type OptionSpec } from "../options/option.ts";
import { isSchedule, type Rate } from "./schedule.ts";

/** The learning rate: a number, a function of the step, which counts from 1, or a schedule with state. */
export type LearningRate = Rate;

export const learningRate = (value: number): OptionSpec => ({
  default: value,
  domain: "a number of 0 or more, a schedule, or a function of the step (1, 2, …) that returns such a number",
  accepts: (found) => isRate(found) || typeof found === "function" || isSchedule(found),
  float32: { ...finite32, accepts: (found) => typeof found !== "number" || isFinite32(found) },
});

/** The option that every optimizer has. */
export interface RatedOptions {
  lr?: LearningRate;
}
