// The demo's network on handwritten digits, by five optimizers from the same start over the same
// batches, for the site. Writes the losses and the sizes of gradients and steps as JSON into a file that it is told. `--grid` prints what the rates below
// were chosen from.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Adagrad, Adam, allocate, backend, RMSprop, SGD } from "rmsprop";
import { loadDigits } from "./digits-data.ts";
import { formIn, type Name, shapes } from "./layers.ts";
import { initialize, Network } from "./network.ts";
import { mulberry32, shuffle } from "./random.ts";

const seed = 1;
const trainCount = 8_000;
const batchSize = 32;
const steps = 250;
/** Every so many steps the sizes of gradients and steps are written down. */
const every = 2;

type Parameters = ReturnType<typeof allocate<typeof shapes>>["parameters"];

/** The rates: of those of the grid the one with the least loss over the last 50 steps, found by `--grid`. */
const kinds = {
  sgd: { title: "SGD", lr: 0.3, make: (parameters: Parameters, lr: number) => new SGD(parameters, { lr }) },
  momentum: {
    title: "SGD with momentum 0.9",
    lr: 0.1,
    make: (parameters: Parameters, lr: number) => new SGD(parameters, { lr, momentum: 0.9 }),
  },
  adagrad: {
    title: "Adagrad",
    lr: 0.03,
    make: (parameters: Parameters, lr: number) => new Adagrad(parameters, { lr }),
  },
  adam: { title: "Adam", lr: 0.01, make: (parameters: Parameters, lr: number) => new Adam(parameters, { lr }) },
  rmsprop: {
    title: "RMSprop",
    lr: 0.003,
    make: (parameters: Parameters, lr: number) => new RMSprop(parameters, { lr, alpha: 0.99 }),
  },
} as const;

type Kind = keyof typeof kinds;

const grid = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const names = Object.keys(shapes) as Name[];
const { train: digits, test } = loadDigits(trainCount, mulberry32(seed));

/** The root of the mean square. */
function sizeOf(array: Float32Array): number {
  let sum = 0;
  for (const value of array) sum += value * value;
  return Math.sqrt(sum / array.length);
}

const three = (value: number) => Number(value.toPrecision(4));

function trainingOf(kind: Kind, lr: number) {
  const random = mulberry32(seed + 1);
  const model = allocate(shapes);
  initialize(model.params, random);
  const network = new Network(batchSize, model.params, formIn(model.grads));
  const optimizer = kinds[kind].make(model.parameters, lr);
  const order = Uint32Array.from(digits.labels.keys());
  shuffle(order, random);
  const losses: number[] = [];
  const gradients = names.map((): number[] => []);
  const changes = names.map((): number[] => []);
  for (let step = 0; step < steps; step++) {
    const places = order.subarray(step * batchSize, (step + 1) * batchSize);
    losses.push(three(network.backward(digits, places) / batchSize));
    const written = step % every === 0;
    const before = written ? names.map((name) => model.params[name].slice()) : [];
    if (written) for (const [i, name] of names.entries()) gradients[i]?.push(three(sizeOf(model.grads[name])));
    optimizer.step();
    for (const [i, array] of before.entries()) {
      changes[i]?.push(three(sizeOf(model.params[names[i] as Name].map((value, k) => value - (array[k] as number)))));
    }
  }
  const accuracy = network.accuracy(test);
  optimizer.dispose();
  model.dispose();
  return { title: kinds[kind].title, lr, accuracy, losses, gradients, changes };
}

if (process.argv.includes("--grid")) {
  for (const kind of Object.keys(kinds) as Kind[]) {
    for (const lr of grid) {
      const { losses, accuracy } = trainingOf(kind, lr);
      const last = losses.slice(-50).reduce((sum, loss) => sum + loss, 0) / 50;
      console.log(kind, lr, last.toFixed(4), accuracy);
    }
  }
} else {
  const trainings = Object.fromEntries(
    (Object.keys(kinds) as Kind[]).map((kind) => [kind, trainingOf(kind, kinds[kind].lr)]),
  );
  const file = process.argv[2] as string;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ backend: backend.name, steps, every, batchSize, layers: names, trainings }));
  console.log(`${file}: five trainings of ${steps} steps`);
}
