// Eight worker threads step optimizers of their own, some at once and some off the event loop, and are terminated in the
// middle, again and again; between the rounds this thread steps too, and must find what it always finds.
// node terminated-workers.js ROUNDS
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { allocate, backend, RMSprop } from "../../dist/index.js";

const length = 2 ** 16; // worth two threads while the pool is awake

/** An optimizer over shared memory, which goes with its thread, and a little of the library's own, which is kept. */
function make() {
  const shared = allocate({ w: [length] }, { shared: true });
  const own = allocate({ b: [5] });
  shared.grads.w.fill(0.5);
  own.grads.b.fill(-0.5);
  return { shared, own, optimizer: new RMSprop([...shared.parameters, ...own.parameters], { momentum: 0.9 }) };
}

if (isMainThread) {
  backend.setThreads(3);
  const rounds = Number(process.argv[2]);
  const results = new Set();
  let steps = 0;
  for (let round = 0; round < rounds; round++) {
    const workers = Array.from({ length: 8 }, (_, i) => new Worker(new URL(import.meta.url), { workerData: i }));
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const exits = workers.map((worker) => once(worker, "exit"));
    await delay(round % 4);
    for (const worker of workers) worker.terminate();
    const { shared, own, optimizer } = make();
    for (let step = 0; step < 20; step++) optimizer.step();
    await optimizer.stepAsync();
    steps += optimizer.state("w").step;
    results.add([shared.params.w[0], shared.params.w[length - 1], own.params.b[4]].join(" "));
    for (const each of [optimizer, shared, own]) each.dispose();
    await Promise.all(exits);
  }
  console.log(JSON.stringify({ rounds, steps, results: results.size }));
} else {
  const { optimizer } = make();
  optimizer.step();
  parentPort.postMessage("at work");
  if (workerData % 2 === 0) for (;;) optimizer.step();
  else for (;;) await optimizer.stepAsync();
}
