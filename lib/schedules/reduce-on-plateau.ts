import { OptimError } from "../errors.ts";
import { isRate, nonNegative, rateDomain } from "../options/option.ts";
import { show } from "../values/show.ts";
import { belowOne, checkRate, checkStep, oneOf, readScheduleOptions, wholeNumber } from "./domains.ts";
import type { Schedule, ScheduleState } from "./schedule.ts";

/** Options of `schedules.reduceOnPlateau`. */
export interface ReduceOnPlateauOptions {
  /** Whether a metric is better when it is smaller, "min", the default, or when it is larger, "max". */
  mode?: "min" | "max";
  /** The factor of the rate when the metric no longer gets better, 0 or more and below 1. Default 0.1. */
  factor?: number;
  /** Reports in a row that may be no better than the best one; the next such one reduces the rate. Default 10. */
  patience?: number;
  /** How much better than the best a metric must be to count, 0 or more. Default 1e-4. */
  threshold?: number;
  /**
   * Whether the threshold is a part of the magnitude of the best, "rel", the default, or absolute, "abs". In mode "min" a
   * metric counts below `best - threshold * |best|` or `best - threshold`, in mode "max" above the sums. PyTorch leaves
   * the bars out, so that below zero it takes a worse metric for a better one; above zero the two agree to the last bit.
   */
  thresholdMode?: "rel" | "abs";
  /** Reports after a reduction that do not count. Default 0. */
  cooldown?: number;
  /** The lowest rate, 0 or more. Default 0. */
  min?: number;
  /** Reductions no larger than this are left out. Default 1e-8. */
  eps?: number;
}

const table = {
  mode: oneOf(["min", "max"]),
  factor: belowOne(0.1),
  patience: wholeNumber(0, 10),
  threshold: nonNegative(1e-4),
  thresholdMode: oneOf(["rel", "abs"]),
  cooldown: wholeNumber(0, 0),
  min: nonNegative(0),
  eps: nonNegative(1e-8),
};

/**
 * A rate that is reduced when a metric, reported by the training, no longer gets better: PyTorch's ReduceLROnPlateau. Its
 * state is the rate, the best metric, and the counts of reports.
 */
export class ReduceOnPlateau implements Schedule {
  readonly #options: Required<ReduceOnPlateauOptions>;
  #rate: number;
  /** Null before the first metric that is better than none. */
  #best: number | null = null;
  #badReports = 0;
  #cooldownLeft = 0;

  /**
   * Made by `reduceOnPlateau`, which checks what it is given.
   * @internal
   */
  constructor(rate: number, options: Required<ReduceOnPlateauOptions>) {
    this.#rate = rate;
    this.#options = options;
    Object.freeze(this); // its rate is a method, which an assignment would replace
  }

  /**
   * The rate now.
   * @param step Any step: the rate depends on the reports alone.
   */
  rate(step: number): number {
    checkStep(step);
    return this.#rate;
  }

  /**
   * Takes a metric into account, such as an epoch's loss; the next step has the rate that follows from it. A metric that
   * is NaN is no better than any.
   * @param metric For example the loss of an epoch.
   * @throws OptimError ERR_OPTION for anything but a number.
   */
  report(metric: number): void {
    if (typeof metric !== "number") {
      throw new OptimError("ERR_OPTION", `Expected the metric to be a number, but it is ${show(metric)}.`);
    }
    const { factor, patience, cooldown, min, eps } = this.#options;
    if (this.#isBetter(metric)) {
      this.#best = metric;
      this.#badReports = 0;
    } else {
      this.#badReports++;
    }
    if (this.#cooldownLeft > 0) {
      this.#cooldownLeft--;
      this.#badReports = 0;
    }
    if (this.#badReports <= patience) return;
    const reduced = Math.max(this.#rate * factor, min);
    if (this.#rate - reduced > eps) this.#rate = reduced;
    this.#cooldownLeft = cooldown;
    this.#badReports = 0;
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const sign = mode === "min" ? -1 : 1;
    const best = this.#best;
    // A state of PyTorch's begins with the worst infinity as its best.
    if (best === null || best === -sign * Number.POSITIVE_INFINITY) return sign * metric > Number.NEGATIVE_INFINITY;
    // `best + sign * threshold * |best|`, as one product: for a best below zero the factor lies on the other side of 1.
    const away = best < 0 ? -sign : sign;
    const bound = thresholdMode === "rel" ? best * (1 + away * threshold) : best + sign * threshold;
    return mode === "min" ? metric < bound : metric > bound;
  }

  /** A copy of the rate, the best metric and the counts. */
  stateDict(): ScheduleState {
    return { rate: this.#rate, best: this.#best, badReports: this.#badReports, cooldownLeft: this.#cooldownLeft };
  }

  /**
   * Puts a state in the place of its own.
   * @param state As `stateDict` gave it.
   * @throws OptimError ERR_STATE where it does not fit; nothing is changed then.
   */
  loadStateDict(state: ScheduleState): void {
    const { rate, best, badReports, cooldownLeft } = (state ?? {}) as Record<string, unknown>;
    const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
    const check = (name: string, value: unknown, fits: boolean, domain: string) => {
      if (fits) return;
      throw new OptimError(
        "ERR_STATE",
        `Expected '${name}' in the state of reduceOnPlateau to be ${domain}, but it is ${show(value)}.`,
      );
    };
    check("rate", rate, isRate(rate), rateDomain);
    check("best", best, best === null || (typeof best === "number" && !Number.isNaN(best)), "a number or null");
    check("badReports", badReports, isCount(badReports), "a whole number of 0 or more");
    check("cooldownLeft", cooldownLeft, isCount(cooldownLeft), "a whole number of 0 or more");
    this.#rate = rate as number;
    this.#best = best as number | null;
    this.#badReports = badReports as number;
    this.#cooldownLeft = cooldownLeft as number;
  }
}

/**
 * Reduces the rate when a metric no longer gets better: hand each metric to the `report` of what this returns.
 * @param lr The rate of the first step.
 * @param options See below.
 * @throws OptimError ERR_OPTION.
 * @example
 * ```js
 * import { SGD, allocate, schedules } from "rmsprop";
 *
 * const plateau = schedules.reduceOnPlateau(0.1, { patience: 1 });
 * const optimizer = new SGD(allocate({ w: [2] }).parameters, { lr: plateau });
 * for (const loss of [1, 0.5, 0.5, 0.5]) plateau.report(loss); // after each epoch
 * optimizer.step();
 * console.log(plateau.rate(1)); // 0.010000000000000002
 * ```
 */
export function reduceOnPlateau(lr: number, options?: ReduceOnPlateauOptions): ReduceOnPlateau {
  const rate = checkRate("reduceOnPlateau", lr);
  return new ReduceOnPlateau(rate, readScheduleOptions("reduceOnPlateau", table, options));
}
