import type { Communicator } from "./communicator.ts";

/**
 * Whose turn it is to ask for collectives. Whoever asks for several takes a turn, and the next one waits for its end. So all
 * ranks ask in the order in which their programs call, whatever takes how long.
 */
export class Turns {
  #last: Promise<unknown> | undefined;

  /** Runs `work` at once where no turn is under way, else after those that were taken before. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const turn = before ? before.then(work, work) : start(work);
    this.#last = turn;
    const done = () => {
      if (this.#last === turn) this.#last = undefined;
    };
    turn.then(done, done);
    return turn;
  }

  /**
   * Runs `work`, which waits for nothing, at once where no turn is under way, else in a turn. It takes none at once, so that
   * others of its kind need not wait for the event loop. What it throws in a turn is lost.
   */
  now(work: () => void): void {
    if (this.#last) this.take(async () => work()).catch(() => {});
    else work();
  }
}

async function start<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

const turns = new WeakMap<Communicator, Turns>();

/** The turns of all that use a communicator. */
export function turnsOf(communicator: Communicator): Turns {
  const found = turns.get(communicator);
  if (found) return found;
  const made = new Turns();
  turns.set(communicator, made);
  return made;
}
