// Trains a network to recognize handwritten digits in pieces: each run goes on where the checkpoint of the last one left
// off, in a process of its own, and the weights end with the same bits as those of a training that was never stopped.
//
//     node resume.js --checkpoint digits.safetensors --until 100
//     node resume.js --checkpoint digits.safetensors --until 200

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import * as library from "rmsprop";
import { loadCheckpoint, saveCheckpoint } from "rmsprop/checkpoint";
import { digest } from "./digest.ts";
import { type Digits, loadDigits } from "./digits-data.ts";
import { formIn, shapes } from "./layers.ts";
import { initialize, Network } from "./network.ts";
import { mulberry32 } from "./random.ts";

const trainCount = 8_000;
const batchSize = 32;

const { values: given } = parseArgs({
  options: {
    /** The file to go on from, if it is there, and to save to. */
    checkpoint: { type: "string" },
    /** The last step to take. */
    until: { type: "string", default: "200" },
    /** A class of the library. */
    optimizer: { type: "string", default: "RMSprop" },
    /** Its options, as JSON. */
    options: { type: "string", default: "{}" },
  },
});

type AnyOptimizer = library.Optimizer<{ lr?: library.LearningRate }>;
type OptimizerClass = new (parameters: readonly library.Parameter[], options: object) => AnyOptimizer;

const { train: digits } = loadDigits(trainCount, mulberry32(1));
const { params, grads, parameters } = library.allocate(shapes);
initialize(params, mulberry32(2));
const network = new Network(batchSize, params, formIn(grads));
const Optimizer = new Map<string, unknown>(Object.entries(library)).get(given.optimizer) as OptimizerClass;
const { chain, linearWarmup, reduceOnPlateau } = library.schedules;
const plateau = reduceOnPlateau(1e-3, { factor: 0.7, patience: 6, cooldown: 5 });
const optimizer = new Optimizer(parameters, {
  lr: chain([plateau, linearWarmup(1, { steps: 20 })]), // the state of `plateau` is saved with the optimizer's
  ...JSON.parse(given.options),
});

let step = 0;
if (given.checkpoint && existsSync(given.checkpoint)) {
  const { metadata } = loadCheckpoint(given.checkpoint, { parameters, optimizer });
  step = Number(metadata.step);
  console.log(`Going on after step ${step}.`);
}
while (step < Number(given.until)) {
  step++;
  const loss = network.backward(digits, batchOf(digits, step));
  optimizer.step();
  plateau.report(loss / batchSize);
}
if (given.checkpoint) saveCheckpoint(given.checkpoint, { parameters, optimizer, metadata: { step: String(step) } });

console.log(
  `After step ${step} the rate is ${plateau.rate(step)} and the weights are ${digest(Object.values(params))}.`,
);

/** The images of a step's batch: drawn from the step alone, so that a training that goes on sees the same ones. */
function batchOf({ labels }: Digits, step: number): Uint32Array {
  const random = mulberry32(1000 + step);
  return Uint32Array.from({ length: batchSize }, () => Math.floor(random() * labels.length));
}
