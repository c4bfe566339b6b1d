// Worker threads are terminated in the middle of steps off the event loop, one after the other: steps with stages and of
// many groups, so that there are commands, sums of tiles and a report beside the arrays, in memory that the system takes
// back at once where it is freed. What they work in must stay until they are done.
// node terminated-async.js ROUNDS allocated|shared|sharedAllocated
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { allocate, RMSprop } from "../../dist/index.js";

const groups = 2048;
const length = 1024;
const shapes = Object.fromEntries(Array.from({ length: groups }, (_, i) => [`w${i}`, [length]]));

const models = {
  allocated: () => allocate(shapes).parameters,
  sharedAllocated: () => allocate(shapes, { shared: true }).parameters,
  shared: () => {
    const [params, grads] = [0, 0].map(() => new SharedArrayBuffer(4 * length * groups));
    const of = (buffer, i) => new Float32Array(buffer, 4 * length * i, length);
    return Object.keys(shapes).map((name, i) => ({ name, data: of(params, i), grad: of(grads, i) }));
  },
};

if (isMainThread) {
  const [rounds, kind] = process.argv.slice(2);
  const codes = new Set();
  for (let round = 0; round < Number(rounds); round++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: kind });
    const exited = once(worker, "exit");
    const [code] = await once(worker, "message");
    codes.add(code);
    await delay(1 + (round % 11));
    worker.terminate();
    await exited;
  }
  // What works on although its worker has ended, ends.
  await delay(100);
  console.log(JSON.stringify({ rounds: Number(rounds), codes: [...codes] }));
  process.exit();
} else {
  const params = models[workerData]();
  const optimizer = new RMSprop(
    params.map((parameter) => ({ params: [parameter] })),
    { clipGlobalNorm: 1 },
  );
  const code = await optimizer.stepAsync().then(
    () => "stepped",
    ({ code }) => code,
  );
  parentPort.postMessage(code);
  if (code === "stepped") for (;;) await optimizer.stepAsync();
}
