import type { BackendInfo } from "../backends/current.ts";
import { copyInto } from "../numbers/typed-array.ts";
import { RMSprop, SGD } from "../optimizers/all.ts";
import { allocate } from "../parameters/allocate.ts";

/** Nanoseconds an element on one number of threads. */
export interface Timed {
  readonly threads: number;
  /** A step of RMSprop with its defaults. */
  readonly step: number;
  /** What its traffic takes at the best rate that was seen here at this size: the step cannot be faster out of caches. */
  readonly limit: number;
}

/** What was measured at one size. */
export interface Size {
  readonly elements: number;
  readonly timed: readonly Timed[];
  /** A loop of plain JavaScript over the same arrays, one thread, in nanoseconds an element. */
  readonly loop: number;
}

/** 4 kB to 64 MiB an array. */
export const sizes = [2 ** 10, 2 ** 15, 2 ** 20, 2 ** 24] as const;

const bytesPerElement = 4;
/** A step of RMSprop reads three arrays and writes two; one of SGD reads two and writes one; a copy reads and writes one. */
const traffic = { step: 5, sgd: 3, copy: 2 };

/** Milliseconds of each measurement, of which there are some forty. */
const budget = 150;
const rounds = 2;

/** The shortest time of a call, in nanoseconds: of several in a row where one is too short for the clock. */
function shortest(run: () => void): number {
  let inRow = 1;
  let least = Number.POSITIVE_INFINITY;
  const start = performance.now();
  for (let passed = 0; passed < budget; passed = performance.now() - start) {
    const before = performance.now();
    for (let i = 0; i < inRow; i++) run();
    const took = performance.now() - before;
    if (took < 0.5) inRow *= 2;
    else least = Math.min(least, took / inRow);
  }
  return 1e6 * least;
}

/** RMSprop as one writes it in JavaScript. */
function plainLoop(w: Float32Array, g: Float32Array, squareAvg: Float32Array): void {
  const [lr, alpha, eps] = [0.01, 0.99, 1e-8];
  for (let i = 0; i < w.length; i++) {
    const gradient = g[i] as number;
    const square = alpha * (squareAvg[i] as number) + (1 - alpha) * gradient * gradient;
    squareAvg[i] = square;
    w[i] = (w[i] as number) - (lr * gradient) / (Math.sqrt(square) + eps);
  }
}

/** Measures one size, on one thread and on all that the backend may use. */
export function measureSize(elements: number, backend: BackendInfo): Size {
  const model = allocate({ w: [elements] });
  const other = allocate({ w: [elements] });
  const { w } = model.params;
  const g = model.grads.w;
  for (let i = 0; i < elements; i++) g[i] = ((i % 1000) - 500) / 5000;
  const optimizer = new RMSprop(model.parameters);
  // On arrays of its own: an array belongs to one optimizer.
  const simple = new SGD(other.parameters, { lr: 1e-3 });
  const squareAvg = other.grads.w;
  const counts = [...new Set([1, backend.threads])];
  const step = counts.map(() => Number.POSITIVE_INFINITY);
  const sgd = counts.map(() => Number.POSITIVE_INFINITY);
  let [copy, loop] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const threads = backend.threads;
  try {
    for (let round = 0; round < rounds; round++) {
      counts.forEach((count, i) => {
        backend.setThreads(count);
        step[i] = Math.min(
          step[i] as number,
          shortest(() => optimizer.step()),
        );
        sgd[i] = Math.min(
          sgd[i] as number,
          shortest(() => simple.step()),
        );
      });
      copy = Math.min(
        copy,
        shortest(() => copyInto(w, g)),
      );
      loop = Math.min(
        loop,
        shortest(() => plainLoop(w, g, squareAvg)),
      );
    }
  } finally {
    backend.setThreads(threads);
    optimizer.dispose();
    simple.dispose();
    model.dispose();
    other.dispose();
  }
  const timed = counts.map((count, i): Timed => {
    const perArray = Math.min(
      (sgd[i] as number) / traffic.sgd,
      copy / traffic.copy,
      (step[i] as number) / traffic.step,
    );
    return { threads: count, step: (step[i] as number) / elements, limit: (traffic.step * perArray) / elements };
  });
  return { elements, timed, loop: loop / elements };
}

/** What a step moves at a rate, in GB (10^9 bytes) a second. */
export const gigabytes = (nanoseconds: number) => (traffic.step * bytesPerElement) / nanoseconds;
