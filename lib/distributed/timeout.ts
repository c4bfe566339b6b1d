import { defaultsOf, isNumber, type OptionTable, readOptions } from "../options/option.ts";

/** The options of `connect`. */
export interface ConnectOptions {
  /**
   * How long this rank waits for others, in seconds, before it says so and ends: at the start, in a collective, at the end.
   * Default: what the environment variable RMSPROP_MPI_TIMEOUT says, or 600.
   */
  timeout?: number;
}

export const isTimeout = (value: unknown) => isNumber(value) && value > 0 && value < Number.POSITIVE_INFINITY;

const optionTable: OptionTable = {
  timeout: { default: 600, domain: "a finite number of seconds above 0", accepts: isTimeout },
};

/**
 * The time-out that a program asks for, or the default.
 * @throws OptimError ERR_OPTION.
 */
export const readTimeout = (options: ConnectOptions): number =>
  readOptions(optionTable, defaultsOf<Required<ConnectOptions>>(optionTable), options, "connect").timeout;
