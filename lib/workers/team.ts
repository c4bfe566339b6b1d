import { OptimError } from "../errors.ts";
import { checkIdle, setRound } from "../memory/memory.ts";
import { bufferOf, type FloatArray } from "../numbers/typed-array.ts";
import type { ReplicatedModel } from "../parameters/allocate.ts";
import { setTeam } from "../parameters/replicated.ts";
import { divideBy } from "../parameters/standing.ts";
import { show } from "../values/show.ts";
import {
  at,
  type Control,
  controlOf,
  type Failure,
  makeControlBuffer,
  mostNumbers,
  type Report,
  type Start,
  type Work,
  waitAsync,
  writeWork,
} from "./control.ts";
import { type StartedWorker, startWorker } from "./host.ts";
import type { Team } from "./types.ts";

/**
 * Reads what a round is called with.
 * @throws OptimError ERR_OPTION.
 */
function takeWork(given: unknown): Work {
  const isNumber = (value: unknown): value is number => typeof value === "number";
  if (given === undefined || isNumber(given)) return given;
  const list: unknown[] = Array.isArray(given) ? Array.from(given) : [];
  if (Array.isArray(given) && list.length <= mostNumbers && list.every(isNumber)) return list;
  const wrong = list.findIndex((item) => !isNumber(item));
  const has = list.length > mostNumbers ? list.length : show(list[wrong]);
  const found = list.length === 0 ? `is ${show(given)}` : `has ${has}`;
  throw new OptimError(
    "ERR_OPTION",
    `Expected what backward() is called with to be a number or a list of at most ${mostNumbers} numbers, but it ${found}.`,
  );
}

/** What a worker threw, as it came over. */
function causeOf({ name, message, stack }: Failure): unknown {
  if (name === "") return message;
  const error = new Error(message);
  Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  if (stack !== undefined) error.stack = stack;
  return error;
}

function failureOf(message: string, cause?: unknown): OptimError {
  const error = new OptimError("ERR_WORKER", message);
  if (cause !== undefined) error.cause = cause;
  return error;
}

const textOf = (thrown: unknown): string => {
  const { name, message } = (thrown ?? {}) as { name?: unknown; message?: unknown };
  return typeof message === "string" ? `${name}: ${message}` : String(thrown);
};

/** The message of a failed clone begins with the source of the function that could not be cloned. */
const shorten = (text: string) => (text.length > 160 ? `${text.slice(0, 80)} … ${text.slice(-60)}` : text);

/** Who waits for the workers: for all to have started, or for a round. */
interface Waiting {
  resolve(results: number[]): void;
  reject(error: OptimError): void;
}

export class OpenTeam implements Team {
  readonly count: number;
  readonly #model: ReplicatedModel;
  readonly #buffer: SharedArrayBuffer;
  readonly #control: Control;
  /** The memory that workers write. */
  readonly #gradients: ReadonlySet<ArrayBufferLike>;
  readonly #workers: StartedWorker[] = [];
  #starting: number;
  #waiting: Waiting | undefined;
  /** Why the team ends. */
  #reason: OptimError | undefined;
  #gone: Promise<void> | undefined;

  private constructor(model: ReplicatedModel) {
    this.#model = model;
    this.count = model.replicas.length;
    this.#starting = this.count;
    this.#buffer = makeControlBuffer(this.count);
    this.#control = controlOf(this.#buffer);
    const arrays = model.replicas.flatMap(({ grads }) => Object.values<FloatArray>(grads));
    this.#gradients = new Set(arrays.map(bufferOf));
  }

  static async start(model: ReplicatedModel, url: string, data: unknown): Promise<Team> {
    const team = new OpenTeam(model);
    setTeam(model, true);
    await new Promise<unknown>((resolve, reject) => {
      team.#waiting = { resolve, reject };
      for (let index = 0; index < team.count && !team.#reason; index++) team.#startWorker(index, url, data);
    });
    team.#divideBy(team.count);
    return team;
  }

  #startWorker(index: number, url: string, data: unknown): void {
    const { count } = this;
    let worker: StartedWorker;
    try {
      worker = startWorker({
        message: (message) => this.#take(index, message),
        error: (thrown) => {
          const wanted = this.#starting > 0 ? "start" : "catch its errors";
          this.#fail(index, wanted, `threw ${textOf(thrown)}`, thrown);
        },
        exit: (code) =>
          this.#fail(index, "stay until the team is closed", `exited${code === undefined ? "" : ` with code ${code}`}`),
      });
    } catch (thrown) {
      this.#fail(index, "be started", `could not be: ${textOf(thrown)}`, thrown);
      return;
    }
    this.#workers.push(worker);
    const { params, replicas } = this.#model;
    const given = { params, grads: replicas[index]?.grads, index, count, data };
    const start: Start = { url, control: this.#buffer, announce: waitAsync === undefined, given };
    try {
      worker.post(start);
    } catch (thrown) {
      const message = `Expected 'data' to be a value that structured clone takes, but ${shorten(textOf(thrown))}`;
      void this.#endFor(new OptimError("ERR_OPTION", message));
    }
  }

  #take(index: number, message: unknown): void {
    const report = message as Report | null | undefined;
    switch (report?.rmsprop) {
      case "ready":
        this.#starting--;
        if (this.#starting > 0) return;
        for (const worker of this.#workers) worker.hold(false);
        this.#settle();
        return;
      case "done":
        this.#finish();
        return;
      case "closed":
        this.#fail(index, "stay until the team is closed", "closed itself");
        return;
      case "failed":
        this.#fail(index, report.doing, `threw ${textOf(causeOf(report))}`, causeOf(report));
    }
  }

  #settle(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    setRound(this.#gradients, false);
    waiting?.resolve(Array.from(this.#control.results));
  }

  #divideBy(divisor: number): void {
    divideBy(
      this.#model.parameters.map(({ grad }) => grad),
      divisor,
    );
  }

  #fail(index: number, wanted: string, found: string, cause?: unknown): void {
    const sentence = `Expected worker ${index} of a team of ${this.count} to ${wanted}, but it ${found}`;
    void this.#endFor(failureOf(`${sentence.replace(/\.$/, "")}.`, cause));
  }

  /** Ends all workers, the first time. */
  #endFor(reason: OptimError): Promise<void> {
    if (!this.#reason) {
      // First of all: on Deno an exit is told before the call that ends a worker returns.
      this.#reason = reason;
      this.#divideBy(1);
      this.#gone = this.#endWorkers(reason);
    }
    return this.#gone as Promise<void>;
  }

  async #endWorkers(reason: OptimError): Promise<void> {
    for (const worker of this.#workers) worker.hold(true);
    // Nothing may write gradients any more once a program hears of it.
    await Promise.allSettled(this.#workers.map((worker) => worker.end()));
    setTeam(this.#model, false);
    setRound(this.#gradients, false);
    // What waits for the round lets go of the memory.
    Atomics.notify(this.#control.words, at.done);
    this.#waiting?.reject(reason);
    this.#waiting = undefined;
  }

  async backward(work?: number | readonly number[], ...others: unknown[]): Promise<number[]> {
    const given = takeWork(work);
    if (others.length > 0) {
      throw new OptimError(
        "ERR_OPTION",
        `Expected backward() to be called with a number or one list of numbers, but with ${1 + others.length} values.`,
      );
    }
    this.#checkReady();
    const { words } = this.#control;
    writeWork(this.#control, given);
    const before = words[at.round] as number;
    words[at.pending] = this.count;
    setRound(this.#gradients, true);
    // A promise of waitAsync keeps no program alive. One worker that does is enough: if it ends, so does the round.
    this.#workers[0]?.hold(true);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      Atomics.store(words, at.round, before + 1);
      Atomics.notify(words, at.round);
      this.#watch(before);
    });
  }

  /** @throws OptimError ERR_STEP_IN_FLIGHT, ERR_WORKER. */
  #checkReady(): void {
    if (this.#reason) {
      const { message, cause } = this.#reason;
      throw failureOf(`Expected a team at work, but it has ended. ${message}`, cause);
    }
    if (this.#waiting) {
      throw new OptimError(
        "ERR_STEP_IN_FLIGHT",
        "Expected the round before to be done, but it is not: await what backward() returned.",
      );
    }
    const [first] = this.#model.parameters;
    if (first) checkIdle(bufferOf(first.data));
  }

  /** Looks out for the end of the round that is under way. */
  #watch(before: number): void {
    const waiting = waitAsync?.(this.#control.words, at.done, before);
    // It may be the call for the round before that wakes it.
    if (waiting?.async) void waiting.value.then(() => this.#finish() || this.#watch(before));
    else if (waiting) this.#finish();
  }

  /** Ends the round if all workers have done it. Returns whether nothing waits for it any more. */
  #finish(): boolean {
    if (this.#reason) return true;
    const { words } = this.#control;
    if (Atomics.load(words, at.done) !== Atomics.load(words, at.round)) return false;
    this.#workers[0]?.hold(false);
    this.#settle();
    return true;
  }

  async close(): Promise<void> {
    await this.#endFor(failureOf("The team was closed."));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
