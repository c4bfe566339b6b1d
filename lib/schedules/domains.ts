import { OptimError } from "../errors.ts";
import {
  checkOption,
  defaultsOf,
  isRate,
  type OptionSpec,
  type OptionTable,
  rateDomain,
  readOptions,
} from "../options/option.ts";
import { show } from "../values/show.ts";

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

export const wholeNumber = (least: number, value?: number): OptionSpec => ({
  default: value,
  domain: `a whole number of ${least} or more`,
  accepts: (found) => isWhole(found) && found >= least,
});

export const above = (bound: number, value?: number): OptionSpec => ({
  default: value,
  domain: `a finite number above ${bound}`,
  accepts: (found) => typeof found === "number" && found > bound && found < Number.POSITIVE_INFINITY,
});

export const belowOne = (value?: number): OptionSpec => ({
  default: value,
  domain: "a number of 0 or more and below 1",
  accepts: (found) => typeof found === "number" && found >= 0 && found < 1,
});

export const oneOf = (choices: readonly string[]): OptionSpec => ({
  default: choices[0],
  domain: choices.map((choice) => JSON.stringify(choice)).join(" or "),
  words: choices,
  accepts: (found) => choices.includes(found as string),
});

/** A hint for a schedule that was most likely given as `lr` itself, which the optimizer calls with the step alone. */
export const callFirst = (owner: string, given: string) =>
  `; where it is given as 'lr' itself, call it first: lr: schedules.${owner}(${given}).`;

/**
 * Reads the options of a schedule. Those without a default must be given.
 * @throws OptimError ERR_OPTION.
 */
export function readScheduleOptions<O extends object>(owner: string, table: OptionTable, given: unknown): Required<O> {
  const needed = Object.keys(table).filter((name) => table[name]?.default === undefined);
  if (given === undefined && needed.length > 0) {
    const names = needed.map((name) => `'${name}'`).join(", ");
    throw new OptimError(
      "ERR_OPTION",
      `Expected the schedule ${owner} to be given ${names}, but there are no options` +
        callFirst(owner, `0.1, { ${needed.join(", ")} }`),
    );
  }
  const options = readOptions(table, defaultsOf<Required<O>>(table), given, `the schedule ${owner}`);
  for (const [name, value] of Object.entries(options)) checkOption(table, name, value);
  return options;
}

/** @throws OptimError ERR_OPTION. */
export function checkRate(owner: string, rate: unknown): number {
  if (isRate(rate)) return rate;
  throw new OptimError(
    "ERR_OPTION",
    `Expected the learning rate of ${owner} to be ${rateDomain}, but it is ${show(rate)}.`,
  );
}

/** @throws OptimError ERR_OPTION. */
export function checkStep(step: unknown): number {
  if (isWhole(step) && step >= 1) return step;
  throw new OptimError("ERR_OPTION", `Expected the step to be a whole number of 1 or more, but it is ${show(step)}.`);
}
