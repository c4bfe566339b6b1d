// Two worker threads step optimizers of their own over one pool, at once and off the event loop, while this thread does too.
// node two-workers.js STEPS
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { allocate, backend, RMSprop } from "../../dist/index.js";

async function work(steps) {
  const model = allocate({ w: [200_000], b: [3000] });
  model.grads.w.fill(1);
  model.grads.b.fill(-1);
  const optimizer = new RMSprop(model.parameters, { lr: 1, alpha: 0, eps: 0 });
  for (let step = 0; step < steps; step += 2) {
    optimizer.step();
    await optimizer.stepAsync();
  }
  const right = [model.params.w.every((value) => value === -steps), model.params.b.every((value) => value === steps)];
  optimizer.dispose();
  model.dispose();
  return right.every(Boolean);
}

if (isMainThread) {
  backend.setThreads(3);
  const steps = Number(process.argv[2]);
  const workers = [0, 1].map(() => new Worker(new URL(import.meta.url), { workerData: steps }));
  const exits = workers.map((worker) => once(worker, "exit"));
  const answers = workers.map((worker) => once(worker, "message"));
  const right = [await work(steps), ...(await Promise.all(answers)).map(([answer]) => answer)];
  await Promise.all(exits);
  console.log(JSON.stringify({ backend: backend.name, right }));
  process.exitCode = right.every(Boolean) ? 0 : 1;
} else {
  parentPort.postMessage(await work(workerData));
}
