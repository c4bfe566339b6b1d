// Worker threads step optimizers over arrays of their own heap and end, one after the other. Prints what the library holds of
// their state then, in this process.
// node state-of-ended.js WORKERS natural|exit|terminate|shown
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { RMSprop } from "../../dist/index.js";
import { binding } from "./binding.js";

if (isMainThread) {
  const [workers, ending] = process.argv.slice(2);
  for (let i = 0; i < Number(workers); i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: ending });
    const exited = once(worker, "exit");
    await once(worker, "message");
    if (ending === "terminate") worker.terminate();
    await exited;
  }
  console.log(JSON.stringify(binding.memoryCounters()));
} else {
  // Small state, and what is mapped on its own; of both number types, with and without stages.
  const arrays = [1000, 2 ** 20].flatMap((length) => [
    { name: `f${length}`, data: new Float32Array(length), grad: new Float32Array(length).fill(1) },
    { name: `d${length}`, data: new Float64Array(length), grad: new Float64Array(length).fill(1) },
  ]);
  const optimizer = new RMSprop(arrays, { momentum: 0.9, centered: true, ema: { decay: 0.5 } });
  optimizer.step();
  optimizer.loadStateDict(optimizer.stateDict());
  if (workerData === "shown") optimizer.state("f1000");
  parentPort.postMessage("stepped");
  if (workerData === "exit") process.exit();
  if (workerData === "terminate") for (;;) optimizer.step();
}
