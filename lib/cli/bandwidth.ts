import type { BackendInfo } from "../backends/current.ts";
import { copyInto } from "../numbers/typed-array.ts";
import { SGD } from "../optimizers/all.ts";
import { allocate } from "../parameters/allocate.ts";

/** The traffic between memory and processor, reads and writes together, in GB (10^9 bytes) a second. */
export interface Bandwidth {
  /** Of a step of plain SGD on as many threads, which reads two arrays and writes one. */
  readonly step: readonly { readonly threads: number; readonly gigabytesPerSecond: number }[];
  /** Of copying one typed array into another on one thread. The reading of what a store overwrites is not counted. */
  readonly copy: number;
}

/** 64 MiB an array, beyond most caches. */
const length = 2 ** 24;
const bytesPerElement = 4;
const budget = 300; // milliseconds

/** The best of several repetitions, in GB/s. */
function best(bytes: number, run: () => void): number {
  run();
  let least = Number.POSITIVE_INFINITY;
  const start = performance.now();
  do {
    const before = performance.now();
    run();
    least = Math.min(least, performance.now() - before);
  } while (performance.now() - start < budget);
  return bytes / least / 1e6;
}

/** Measures memory as steps see it, on one thread and on all that the backend may use. It takes a second and 128 MiB. */
export function measureBandwidth(backend: BackendInfo): Bandwidth {
  const model = allocate({ w: [length] });
  const { w } = model.params;
  model.grads.w.fill(1e-3);
  const optimizer = new SGD(model.parameters, { lr: 1e-3 });
  const threads = backend.threads;
  try {
    const step = [...new Set([1, threads])].map((count) => {
      backend.setThreads(count);
      return { threads: count, gigabytesPerSecond: best(3 * bytesPerElement * length, () => optimizer.step()) };
    });
    const copy = best(2 * bytesPerElement * length, () => copyInto(w, model.grads.w));
    return { step, copy };
  } finally {
    backend.setThreads(threads);
    optimizer.dispose();
    model.dispose();
  }
}
