// A worker allocates memory, takes it over with transfer(), which makes it transferable, posts it here and ends: arrays of
// allocate(), and the state of an optimizer, which state() shows. Node then finalizes the worker's buffers although their
// memory lives on in this thread.
// node transfer-and-exit.js KILOBYTES natural|exit|terminate
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { allocate, backend, RMSprop } from "../../dist/index.js";

const [kilobytes, ending] = isMainThread ? [Number(process.argv[2]), process.argv[3]] : workerData;
const length = kilobytes * 256;

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: [kilobytes, ending] });
  const exited = once(worker, "exit"); // which may come in the same turn as the message
  const [[buffers, offsets]] = await once(worker, "message");
  if (ending === "terminate") worker.terminate();
  await exited;
  // Whatever was finalized late is, and what was freed is likely to be given out again.
  for (let i = 0; i < 5; i++) {
    global.gc();
    await delay(10);
  }
  const others = Array.from({ length: 4 }, () => allocate({ w: [length] }));
  for (const { params, grads } of others) {
    params.w.fill(-1);
    grads.w.fill(-1);
  }
  const [data, grad, state] = buffers.map((buffer, i) => new Float32Array(buffer, offsets[i], length));
  const holds = (array, expected) => array.length === length && array.every((value) => value === expected);
  const whole = holds(data, 2) && holds(grad, 3) && holds(state, 4);
  new RMSprop([{ name: "w", data, grad }], { lr: 1, alpha: 0, eps: 0 }).step();
  const stepped = data.every((value) => value === 1);
  data.fill(5);
  const alone = others.every(({ params, grads }) => [...params.w, ...grads.w].every((value) => value === -1));
  console.log(JSON.stringify({ backend: backend.name, whole, stepped, alone }));
} else {
  const model = allocate({ w: [length] });
  model.params.w.fill(2);
  model.grads.w.fill(3);
  const { squareAvg } = new RMSprop(model.parameters).state("w");
  squareAvg.fill(4);
  const arrays = [model.params.w, model.grads.w, squareAvg];
  const offsets = arrays.map(({ byteOffset }) => byteOffset);
  const buffers = arrays.map(({ buffer }) => buffer.transfer());
  parentPort.postMessage([buffers, offsets], buffers);
  if (ending === "exit") process.exit();
  if (ending === "terminate") setInterval(() => {}, 1000);
}
