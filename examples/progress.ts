import { setTimeout } from "node:timers/promises";
import { Presets, SingleBar } from "cli-progress";

/** In milliseconds: as soon as timers run. */
const lineDelay = 1;

/** A progress bar that moves with each step of a training; where the output is no terminal, a line an epoch. */
export class Progress {
  readonly #bar: SingleBar;

  constructor(epochs: number, steps: number) {
    const options = {
      format: `  {bar} {percentage} % | epoch {epoch} of ${epochs} | loss {loss} | {duration} s`,
      stream: process.stdout,
      linewrap: null,
      noTTYOutput: true,
      notTTYSchedule: lineDelay,
    };
    this.#bar = new SingleBar(options, Presets.shades_classic);
    this.#bar.start(steps, 0, { epoch: 1, loss: "-" });
  }

  async epoch(epoch: number): Promise<void> {
    // The bar writes its lines from a timer, which a training that never waits would not let run. Timers of one delay
    // run in the order they were set, so the bar's is done when this one is.
    if (epoch > 1) await setTimeout(lineDelay);
    this.#bar.update({ epoch });
  }

  /** @param loss The mean loss so far in the epoch. */
  step(loss: number): void {
    this.#bar.increment({ loss: loss.toFixed(4) });
  }

  stop(): void {
    this.#bar.stop();
  }
}
