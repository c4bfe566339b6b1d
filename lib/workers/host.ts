// How workers are started here. Each entry point says it.

/** What a worker makes known. */
export interface WorkerEvents {
  message(message: unknown): void;
  /** What it threw and nobody caught. It may go on after it. */
  error(thrown: unknown): void;
  exit(code?: number): void;
}

export interface StartedWorker {
  /** @throws DataCloneError. */
  post(message: unknown): void;
  /** Whether the worker keeps the program alive. It does at first. */
  hold(holds: boolean): void;
  /** Ends it, whatever it is at, and resolves when it is gone. */
  end(): Promise<unknown>;
}

export type StartWorker = (events: WorkerEvents) => StartedWorker;

let startHere: StartWorker | undefined;

export function startWorkersBy(start: StartWorker): void {
  startHere = start;
}

export const startWorker: StartWorker = (events) => (startHere as StartWorker)(events);
