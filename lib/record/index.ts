import "../disposable.ts";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { currentBackend } from "../backends/current.ts";
import { OptimError } from "../errors.ts";
import { ratesOf, type StepInfo } from "../optimizer.ts";
import { type OptionTable, readOptions } from "../options/option.ts";
import { show } from "../values/show.ts";
import { AppendedFile } from "./file.ts";
import { format, type Head, Lines, plainGroups } from "./lines.ts";

/** What can be recorded: an optimizer of `rmsprop`, of `rmsprop/tfjs`, or what has the same properties. */
export interface Recordable {
  /** What the last step did. */
  readonly lastStep: StepInfo | undefined;
  /** The groups and their options, for the first line of the run. */
  readonly paramGroups?: readonly object[];
  /** The factor of the loss, where there is one. */
  readonly lossScale?: number;
}

/** Options of `record`. */
export interface RecordOptions {
  /** What a report calls the run. Default the file's name without its ending. */
  name?: string;
  /**
   * The longest that a line waits in memory, in seconds, above 0; default 1. A process that is killed loses these lines.
   */
  flushSeconds?: number;
}

/** The characters from which on lines wait no longer. */
const enough = 2 ** 16;

const recordOptions: OptionTable = {
  name: {
    default: undefined,
    domain: "a string of one character or more",
    accepts: (value) => typeof value === "string" && value.length > 0,
  },
  flushSeconds: {
    default: 1,
    domain: "a number above 0, of 3,600 at most",
    accepts: (value) => typeof value === "number" && value > 0 && value <= 3600,
  },
};

/** Those that have a file open. */
const open = new Set<Recorder>();

/** Writes what waits, as the process ends by itself. Nobody is left to hear of an error. */
function flushAll(): void {
  for (const recorder of open) {
    try {
      recorder.flush();
    } catch {}
  }
}

/**
 * Records the steps of a training: a line of JSON for each. `record` makes one.
 * @example
 * ```js
 * import { readFileSync } from "node:fs";
 * import { SGD } from "rmsprop";
 * import { record } from "rmsprop/record";
 *
 * const w = { name: "w", data: Float32Array.of(4), grad: new Float32Array(1) };
 * const optimizer = new SGD([w], { lr: 0.25, diagnostics: ["updateNorm"] });
 * const recorder = record(optimizer, "run.jsonl");
 * for (let step = 0; step < 3; step++) {
 *   w.grad[0] = 2 * w.data[0];
 *   const loss = w.data[0] ** 2;
 *   optimizer.step();
 *   recorder.step({ loss });
 * }
 * recorder.close();
 * const [head, ...steps] = readFileSync("run.jsonl", "utf8").trim().split("\n").map(JSON.parse);
 * console.log(head.optimizer, head.groups[0].lr); // SGD 0.25
 * console.log(steps.map(({ step, loss, updateNorm }) => [step, loss, updateNorm])); // [ [ 1, 16, 2 ], [ 2, 4, 1 ], [ 3, 1, 0.5 ] ]
 * ```
 */
export class Recorder {
  readonly #optimizer: Recordable;
  readonly #file: AppendedFile;
  readonly #lines = new Lines();
  readonly #flushMilliseconds: number;
  readonly #began = performance.now();
  #flushed = this.#began;
  #timer: NodeJS.Timeout | undefined;
  /** What went wrong while nobody was there to hear it. */
  #failure: unknown;

  /** @throws as `record` does. */
  constructor(optimizer: Recordable, file: string | URL, options?: RecordOptions) {
    if (typeof optimizer !== "object" || optimizer === null || !("lastStep" in optimizer)) {
      throw new OptimError("ERR_OPTION", `Expected an optimizer to record, but found ${show(optimizer)}.`);
    }
    if (typeof file !== "string" && !(file instanceof URL)) {
      throw new OptimError("ERR_OPTION", `Expected the path or the file: URL of a record, but found ${show(file)}.`);
    }
    const base = { name: undefined as string | undefined, flushSeconds: 1 };
    const { name, flushSeconds } = readOptions(recordOptions, base, options, "record()");
    this.#optimizer = optimizer;
    this.#flushMilliseconds = 1000 * flushSeconds;
    const path = typeof file === "string" ? file : fileURLToPath(file);
    const { name: backend, isa, threads } = currentBackend();
    const head: Head = {
      rmsprop: format,
      name: name ?? basename(path).replace(/\.\w+$/, ""),
      began: new Date().toISOString(),
      optimizer: optimizer.constructor.name,
      groups: plainGroups(optimizer.paramGroups ?? []),
      backend: { name: backend, isa, threads },
    };
    this.#file = new AppendedFile(path);
    this.#file.add(`${JSON.stringify(head)}\n`);
    try {
      this.flush();
    } catch (error) {
      this.#file.abandon();
      throw error;
    }
    if (open.size === 0) process.on("exit", flushAll);
    open.add(this);
  }

  /**
   * Records the step that the optimizer has just taken: `lastStep`, the learning rate of each group, `lossScale`, and the
   * seconds since the record began.
   * @param values Numbers of the step, by names of your own: its loss, and whatever else is to be plotted.
   * @throws OptimError ERR_OPTION where a value is no number, or has a name that the recorder uses itself; ERR_STATE before the
   * optimizer's first step, and once the recorder is closed. The system's error where the file cannot be written.
   */
  step(values: Readonly<Record<string, number | undefined>> = {}): void {
    const optimizer = this.#optimizer;
    if (!this.#file.isOpen) throw new OptimError("ERR_STATE", "Expected a recorder that is open, but it was closed.");
    if (this.#failure !== undefined) this.#fail();
    const info = optimizer.lastStep;
    if (info === undefined) {
      throw new OptimError(
        "ERR_STATE",
        "Expected the optimizer to have taken a step to record, but it has taken none.",
      );
    }
    const now = performance.now();
    const rates = ratesOf(optimizer) ?? [];
    const milliseconds = Math.round(now - this.#began);
    this.#file.add(this.#lines.of(info, rates, optimizer.lossScale ?? 1, milliseconds, values));
    if (now - this.#flushed >= this.#flushMilliseconds || this.#file.waiting >= enough) this.flush();
    else this.#timer ??= this.#startTimer();
  }

  /**
   * Writes the lines that wait.
   * @throws The system's error where the file cannot be written; the lines wait on.
   */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushed = performance.now();
    if (this.#file.isOpen) this.#file.flush();
  }

  /**
   * Writes the lines that wait, and closes the file.
   * @throws The system's error where the file cannot be written; it is closed all the same.
   */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    open.delete(this);
    if (open.size === 0) process.off("exit", flushAll);
    this.#file.close();
    if (this.#failure !== undefined) this.#fail();
  }

  /** The same as `close()`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Flushes lines after which no step comes in time. It keeps no process alive. */
  #startTimer(): NodeJS.Timeout {
    const timer = setTimeout(() => {
      try {
        this.flush();
      } catch (error) {
        this.#failure = error;
      }
    }, this.#flushMilliseconds);
    timer.unref();
    return timer;
  }

  #fail(): never {
    const failure = this.#failure;
    this.#failure = undefined;
    throw failure;
  }
}

/**
 * Records a training in a file, to be shown by `npx rmsprop report`. The file is added to: a run that goes on from a checkpoint
 * takes the same one. Lines wait in memory for a second at most, and are written as the process ends by itself; one that is
 * killed loses those that waited, and a line that it wrote in part is passed over.
 * @param optimizer An optimizer, of `rmsprop` or of `rmsprop/tfjs`. Which norms there are to record its option `diagnostics`
 * says.
 * @param file A path or a `file:` URL; by custom its name ends in `.jsonl`.
 * @param options See below.
 * @throws OptimError ERR_OPTION; the system's error where the file cannot be opened.
 */
export function record(optimizer: Recordable, file: string | URL, options?: RecordOptions): Recorder {
  return new Recorder(optimizer, file, options);
}
