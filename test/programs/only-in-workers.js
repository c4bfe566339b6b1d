// Only worker threads load the library; each ends, and with it what a process keeps of an add-on that no thread uses any
// more, while the pool's threads are there. Prints whether each stepped right, and whether the code that the pool's threads
// sleep in was still there after it: that it is not shows otherwise only where one wakes.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

if (isMainThread) {
  const isThere = () => process.platform !== "linux" || /\.node$/m.test(readFileSync("/proc/self/maps", "utf8"));
  const results = [];
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(new URL(import.meta.url));
    const exited = once(worker, "exit");
    const [right] = await once(worker, "message");
    await exited;
    await delay(20); // the threads go to sleep
    results.push({ right, isThere: isThere() });
  }
  console.log(JSON.stringify(results));
} else {
  const { allocate, backend, RMSprop } = await import("../../dist/index.js");
  backend.setThreads(3);
  const model = allocate({ w: [2 ** 21] });
  model.grads.w.fill(1);
  const optimizer = new RMSprop(model.parameters, { lr: 1, alpha: 0, eps: 0 });
  for (let step = 0; step < 5; step++) optimizer.step();
  parentPort.postMessage(model.params.w.every((value) => value === -5));
}
