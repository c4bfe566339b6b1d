// Trains a network to recognize handwritten digits, its weights stepped by RMSprop. It does so twice, on the native
// backend and on the TypeScript reference, to show what a native step saves and that both leave the same bits.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { allocate, backend, RMSprop } from "rmsprop";
import { jitter, loadDigits } from "./digits-data.ts";
import { formIn, shapes } from "./layers.ts";
import { initialize, Network } from "./network.ts";
import { Progress } from "./progress.ts";
import { mulberry32, shuffle } from "./random.ts";

const seed = 1;
const trainCount = 8_000;
const batchSize = 32;
const epochs = 6;
const leastAccuracy = 0.945;

/** What a training came to. */
interface Training {
  readonly backend: string;
  /** The share of the held-out digits that the network recognizes. */
  readonly accuracy: number;
  readonly seconds: number;
  /** The part of `seconds` that passed in `optimizer.step()`. */
  readonly stepSeconds: number;
  readonly steps: number;
  readonly weights: Readonly<Record<string, Float32Array>>;
}

if (process.argv.includes("--child")) await sendToParent(await train());
else await main();

async function main(): Promise<void> {
  const own = await train();
  if (own.backend === "reference") {
    report([own]);
    console.log(`There is nothing to compare: ${whyNotNative()}`);
  } else {
    const reference = await trainInChild("reference");
    report([own, reference]);
    compare(own, reference);
  }
  if (own.accuracy < leastAccuracy) {
    fail(
      `Expected ${percent(leastAccuracy)} of the held-out digits to be recognized, but ${percent(own.accuracy)} are.`,
    );
  }
}

/** Trains on the backend of this process. The seed decides everything, so each run and each backend starts alike. */
async function train(): Promise<Training> {
  console.log("Loading the digits ...");
  const random = mulberry32(seed);
  const { train: digits, test } = loadDigits(trainCount, random);
  const moved = { images: new Float32Array(digits.images.length), labels: digits.labels };
  const order = Uint32Array.from(digits.labels.keys());
  const steps = epochs * Math.ceil(trainCount / batchSize);

  const { params, grads, parameters } = allocate(shapes);
  initialize(params, random);
  const network = new Network(batchSize, params, formIn(grads));
  const optimizer = new RMSprop(parameters, {
    lr: (step) => 5e-4 * (1 - (step - 1) / steps), // falls to 0 over the training
    momentum: 0.9,
  });

  console.log(`Training on ${counted(trainCount)} of them; the steps run on the ${describeBackend()}.`);
  const progress = new Progress({ steps, epochs });
  let stepMilliseconds = 0;
  const start = performance.now();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    await progress.epoch(epoch);
    shuffle(order, random);
    jitter(digits.images, moved.images, random);
    let loss = 0;
    for (let from = 0; from < trainCount; from += batchSize) {
      loss += network.backward(moved, order.subarray(from, from + batchSize));
      const before = performance.now();
      optimizer.step();
      stepMilliseconds += performance.now() - before;
      progress.step(loss / Math.min(from + batchSize, trainCount));
    }
  }
  const seconds = (performance.now() - start) / 1000;
  progress.stop();

  const accuracy = network.accuracy(test);
  return { backend: backend.name, accuracy, seconds, stepSeconds: stepMilliseconds / 1000, steps, weights: params };
}

/** Runs this program again on another backend, since a process chooses its backend once, and returns what it trained. */
function trainInChild(backendName: string): Promise<Training> {
  const child = fork(fileURLToPath(import.meta.url), ["--child"], {
    env: { ...process.env, RMSPROP_BACKEND: backendName },
    serialization: "advanced", // which sends typed arrays as they are
  });
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Training));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const how = signal ? `by ${signal}` : `with exit code ${code}`;
      reject(new Error(`Expected the training on the ${backendName} backend to send its result, but it ended ${how}.`));
    });
  });
}

function sendToParent(training: Training): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!process.send) throw new Error("Expected --child to be given by this program alone, to a process it forks.");
    process.send(training, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

/** Prints the trainings side by side. */
function report(trainings: readonly Training[]): void {
  const rows: [string, (training: Training) => string][] = [
    ["", (training) => training.backend],
    ["held-out digits recognized", ({ accuracy }) => percent(accuracy)],
    ["training", ({ seconds }) => `${seconds.toFixed(1)} s`],
    ["optimizer's share of it", ({ stepSeconds, seconds }) => percent(stepSeconds / seconds)],
    ["one step", ({ stepSeconds, steps }) => `${((1000 * stepSeconds) / steps).toFixed(3)} ms`],
  ];
  console.log();
  for (const [label, cell] of rows) {
    console.log(`  ${label.padEnd(28)}${trainings.map((training) => cell(training).padStart(12)).join("")}`);
  }
  console.log();
}

/** Says whether two trainings left the same bits in all weights. */
function compare(own: Training, other: Training): void {
  let count = 0;
  let different = 0;
  for (const [name, weights] of Object.entries(own.weights)) {
    // As integers, because 0 and -0 are equal as numbers, and differ in their bits.
    const ownBits = asIntegers(weights);
    const otherBits = asIntegers(other.weights[name] as Float32Array);
    count += ownBits.length;
    different += ownBits.filter((bits, i) => bits !== otherBits[i]).length;
  }
  if (different === 0) {
    console.log(`Both backends left the same bits in all ${counted(count)} weights.`);
  } else {
    fail(
      `Expected both backends to leave the same bits, but ${counted(different)} of ${counted(count)} weights differ.`,
    );
  }
}

function asIntegers({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

function describeBackend(): string {
  if (backend.name === "reference") return "TypeScript reference";
  if (backend.name === "wasm") return "WebAssembly";
  return `native backend (${backend.isa}, ${backend.threads} ${backend.threads === 1 ? "thread" : "threads"})`;
}

function whyNotNative(): string {
  const { fallbackReason } = backend;
  return fallbackReason === undefined
    ? `RMSPROP_BACKEND asks for the ${backend.name} backend, so the native backend was not loaded.`
    : `the native backend did not load, so the steps ran on the ${describeBackend()}. The reason: ${fallbackReason.trim()}`;
}

function fail(sentence: string): void {
  console.error(sentence);
  process.exitCode = 1;
}

function counted(count: number): string {
  return count.toLocaleString("en");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
