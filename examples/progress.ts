import { Presets, SingleBar } from "cli-progress";

/** In milliseconds: never. */
const longestDelay = 2 ** 31 - 1;

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
      notTTYSchedule: longestDelay, // `line()` writes them
    };
    this.#bar = new SingleBar(options, Presets.shades_classic);
    this.#bar.start(steps, 0, { epoch: 1, shown: "-" });
  }

  epoch(epoch: number): void {
    if (epoch > 1) this.line();
    this.#bar.update({ epoch });
  }

  /** Writes a line, where the output is no terminal. */
  line(): void {
    if (!process.stdout.isTTY) this.#bar.render();
  }

  /** @param value The mean loss so far in the epoch, or what else the bar shows. */
  step(value: number): void {
    this.#bar.increment({ shown: value.toFixed(4) });
  }

  stop(): void {
    this.#bar.stop();
  }
}
