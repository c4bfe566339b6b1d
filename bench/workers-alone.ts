// A worker thread that trains by itself: an epoch for each message.
import { parentPort, workerData } from "node:worker_threads";
import { RMSprop } from "rmsprop";
import type { Data } from "../examples/digits-batches.ts";
import { trainerOf } from "../examples/digits-trainer.ts";
import { mulberry32 } from "../examples/random.ts";

const { data, factors } = workerData as { readonly data: Data; readonly factors: boolean };
const { parameters, backward } = await trainerOf({ factors, workers: 0 }, data, mulberry32(2));
const optimizer = new RMSprop(parameters, { lr: 5e-4, momentum: 0.9 });

parentPort?.on("message", () => {
  for (let from = 0; from < data.order.length; from += data.batchSize) {
    backward(from);
    optimizer.step();
  }
  parentPort?.postMessage("done");
});
parentPort?.postMessage("ready");
