// Trains in this thread and in others at once: node tfjs-workers.js BACKEND THREADS. Reports each one's hash.
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import * as tf from "@tensorflow/tfjs";
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import { createRMSProp } from "rmsprop/tfjs";
import { onBackend } from "./tfjs-node.js";
import { hashOf, makeModel, train } from "./tfjs-training.js";

const [backend, threads] = isMainThread ? process.argv.slice(2) : [workerData, 0];

async function trained(optimizer) {
  const model = makeModel(tf, optimizer, [8, 64, 64, 3]);
  await train(tf, model, 1, 60);
  return hashOf(model);
}

await onBackend(tf, wasm, backend);
const ours = () => trained(createRMSProp(tf, { learningRate: 0.003, momentum: 0.9 }));
if (isMainThread) {
  const workers = Array.from(
    { length: Number(threads) },
    () => new Worker(new URL(import.meta.url), { workerData: backend }),
  );
  const others = workers.map(
    (worker) => new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject)),
  );
  const hashes = [await ours(), ...(await Promise.all(others))];
  console.log(JSON.stringify({ hashes, theirs: await trained(tf.train.rmsprop(0.003, 0.9, 0.9)) }));
} else {
  parentPort.postMessage(await ours());
}
