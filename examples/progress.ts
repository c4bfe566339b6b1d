import { setTimeout } from "node:timers/promises";
import { Presets, SingleBar } from "cli-progress";

/** In milliseconds: as soon as timers run. */
const lineDelay = 1;

/** What a progress bar shows beside its bar. */
export interface ProgressOptions {
  /** How many steps make it full. */
  readonly steps: number;
  /** How many epochs they are. Left out where a training has none. */
  readonly epochs?: number;
  /** What the value of `step()` is. Default: "loss". */
  readonly value?: string;
}

/** A progress bar that moves with each step of a training; where the output is no terminal, a line for each `line()`. */
export class Progress {
  readonly #bar: SingleBar;

  constructor({ steps, epochs, value = "loss" }: ProgressOptions) {
    const epoch = epochs === undefined ? "" : ` | epoch {epoch} of ${epochs}`;
    const options = {
      format: `  {bar} {percentage} %${epoch} | ${value} {shown} | {duration} s`,
      stream: process.stdout,
      linewrap: null,
      noTTYOutput: true,
      notTTYSchedule: lineDelay,
    };
    this.#bar = new SingleBar(options, Presets.shades_classic);
    this.#bar.start(steps, 0, { epoch: 1, shown: "-" });
  }

  async epoch(epoch: number): Promise<void> {
    if (epoch > 1) await this.line();
    this.#bar.update({ epoch });
  }

  /** Lets the bar write its line, where the output is no terminal. */
  async line(): Promise<void> {
    // The bar writes its lines from a timer, which a training that never waits would not let run. Timers of one delay
    // run in the order they were set, so the bar's is done when this one is.
    await setTimeout(lineDelay);
  }

  /** @param value The mean loss so far in the epoch, or what else the bar shows. */
  step(value: number): void {
    this.#bar.increment({ shown: value.toFixed(4) });
  }

  stop(): void {
    this.#bar.stop();
  }
}
