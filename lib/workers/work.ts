// A worker of a team: loads the user's module, and calls what its default function gave in each round.
import { at, type Control, controlOf, type Failure, type Report, readWork, type Start, waitAsync } from "./control.ts";

/** What a worker needs of its host. */
export interface WorkerSide {
  send(report: Report): void;
  /** Resolves when the event loop has had a turn. */
  turn(): Promise<unknown>;
  /** Resolves when what the module has printed is on its way; undefined where nothing waits. */
  flush(): Promise<unknown> | undefined;
}

type Backward = (work: unknown) => unknown;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === "function";

/** A thrown value as plain text: any error can be sent, and none runs into what structured clones leave out. */
function describe(thrown: unknown): Omit<Failure, "rmsprop" | "doing"> {
  try {
    if (thrown instanceof Error) {
      const { name, message, stack } = thrown;
      return { name: String(name), message: String(message), stack: stack === undefined ? stack : String(stack) };
    }
    return { name: "", message: String(thrown), stack: undefined };
  } catch {
    return { name: "", message: "something that has no text", stack: undefined };
  }
}

/** Works until the worker is ended. Never rejects: what is thrown is sent. */
export async function workFor(start: Start, side: WorkerSide): Promise<void> {
  let doing = "load its module";
  try {
    const module = (await import(/* webpackIgnore: true */ /* @vite-ignore */ start.url)) as { default?: unknown };
    if (typeof module.default !== "function") {
      throw new TypeError(
        `Expected a function as the default export of ${start.url}, but it is ${typeof module.default}.`,
      );
    }
    doing = "start";
    const backward = (await module.default(start.given)) as unknown;
    if (typeof backward !== "function") {
      throw new TypeError(
        `Expected the default function of ${start.url} to return the function of a backward pass, but it returned ${typeof backward}.`,
      );
    }
    doing = "do its backward pass";
    side.send({ rmsprop: "ready" });
    await workRounds(backward as Backward, start, side);
  } catch (error) {
    await side.flush();
    side.send({ rmsprop: "failed", doing, ...describe(error) });
  }
}

async function workRounds(backward: Backward, { control: buffer, given, announce }: Start, side: WorkerSide) {
  const control = controlOf(buffer);
  const { words, results } = control;
  const next = waiter(control, side);
  for (;;) {
    const round = await next();
    const returned = backward(readWork(control));
    // Not awaited where it is no promise: that would be a turn of microtasks for nothing.
    const result = isThenable(returned) ? await returned : returned;
    if (result !== undefined && typeof result !== "number") {
      throw new TypeError(`Expected a backward pass to return a number or nothing, but it returned ${typeof result}.`);
    }
    const flushed = side.flush();
    if (flushed) await flushed;
    results[given.index] = result ?? Number.NaN;
    if (Atomics.sub(words, at.pending, 1) !== 1) continue;
    Atomics.store(words, at.done, round);
    Atomics.notify(words, at.done);
    if (announce) side.send({ rmsprop: "done" });
  }
}

/**
 * The longest that a worker blocks its event loop, in milliseconds. Then messages and timers of the user's have a turn.
 */
const patience = 20;

/** A function that resolves with the number of the next round once it has begun. */
function waiter({ words }: Control, { turn }: WorkerSide): () => number | Promise<number> {
  let round = 0;
  let turned = performance.now();
  const isOver = () => Atomics.load(words, at.round) === round;

  async function waitInTurns(): Promise<number> {
    await turn();
    while (isOver()) {
      const waiting = waitAsync?.(words, at.round, round);
      if (waiting?.async) await waiting.value;
      else if (!waiting) {
        Atomics.wait(words, at.round, round, patience);
        await turn();
      }
    }
    turned = performance.now();
    round = Atomics.load(words, at.round);
    return round;
  }

  // A blocked thread is woken in half the time of one that waits in its event loop.
  return () => {
    do {
      const left = turned + patience - performance.now();
      if (left <= 0 || Atomics.wait(words, at.round, round, left) === "timed-out") return waitInTurns();
      // It may have done the round before the call that wakes it for it, which then wakes it from its next wait.
    } while (isOver());
    round = Atomics.load(words, at.round);
    return round;
  };
}
