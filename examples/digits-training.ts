import { setImmediate } from "node:timers/promises";
import { backend, RMSprop } from "rmsprop";
import { record } from "rmsprop/record";
import { jitter, loadDigits, memoryOf } from "./digits-data.ts";
import { type Form, trainerOf } from "./digits-trainer.ts";
import type { Weights } from "./layers.ts";
import { Network } from "./network.ts";
import { Progress } from "./progress.ts";
import { mulberry32, shuffle } from "./random.ts";

const seed = 1;
const trainCount = 8_000;
const batchSize = 32;
const epochs = 6;

/** What a training came to. */
export interface Training {
  readonly backend: string;
  readonly form: Form;
  /** The share of the held-out digits that the network recognizes. */
  readonly accuracy: number;
  readonly seconds: number;
  /** The median of its epochs. */
  readonly epochSeconds: number;
  /** The part of `seconds` that passed in `optimizer.step()`. */
  readonly stepSeconds: number;
  readonly steps: number;
  readonly weights: Weights;
}

/**
 * Trains on the backend of this process. The seed decides everything, so each run, backend and form starts alike.
 * @param recordFile The file to record the steps in, if any.
 */
export async function train(form: Form, recordFile?: string): Promise<Training> {
  console.log("Loading the digits ...");
  const random = mulberry32(seed);
  const { train: digits, test } = loadDigits(trainCount, random);
  const shared = form.workers > 0;
  const moved = { images: new Float32Array(memoryOf(digits.images.byteLength, shared)), labels: digits.labels };
  const order = new Uint32Array(memoryOf(trainCount * Uint32Array.BYTES_PER_ELEMENT, shared));
  for (let i = 0; i < trainCount; i++) order[i] = i;
  const steps = epochs * Math.ceil(trainCount / batchSize);

  const trainer = await trainerOf(form, { digits: moved, order, batchSize }, random);
  const optimizer = new RMSprop(trainer.parameters, {
    lr: (step) => 5e-4 * (1 - (step - 1) / steps), // falls to 0 over the training
    momentum: 0.9,
    diagnostics: recordFile === undefined ? false : ["gradNorm", "updateNorm"], // no bit of a weight depends on it
  });
  const recorder = recordFile === undefined ? undefined : record(optimizer, recordFile);

  console.log(`Training on ${trainCount.toLocaleString("en")} of them; the steps run on the ${describeBackend()}.`);
  const progress = new Progress({ steps, epochs });
  const seconds: number[] = [];
  let stepMilliseconds = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    progress.epoch(epoch);
    await setImmediate(); // nothing else lets Node say that the reader has gone
    const start = performance.now();
    shuffle(order, random);
    jitter(digits.images, moved.images, random);
    let loss = 0;
    for (let from = 0; from < trainCount; from += batchSize) {
      const batchLoss = await trainer.backward(from);
      loss += batchLoss;
      const before = performance.now();
      optimizer.step();
      stepMilliseconds += performance.now() - before;
      recorder?.step({ loss: batchLoss / Math.min(batchSize, trainCount - from) });
      progress.step(loss / Math.min(from + batchSize, trainCount));
    }
    seconds.push((performance.now() - start) / 1000);
  }
  progress.stop();
  recorder?.close();
  await trainer.close();

  return {
    backend: backend.name,
    form,
    accuracy: new Network(batchSize, trainer.weights).accuracy(test),
    seconds: seconds.reduce((sum, each) => sum + each),
    epochSeconds: seconds.sort((a, b) => a - b)[epochs >> 1] as number,
    stepSeconds: stepMilliseconds / 1000,
    steps,
    weights: trainer.weights,
  };
}

export function describeBackend(): string {
  if (backend.name === "reference") return "TypeScript reference";
  if (backend.name === "wasm") return "WebAssembly";
  return `native backend (${backend.isa}, ${backend.threads} ${backend.threads === 1 ? "thread" : "threads"})`;
}
