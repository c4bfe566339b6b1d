// Trains the network of the digits on several processes, each with a share of every batch and a part of the optimizer's state.
// Started by itself it is one rank; the weights are the same, to the bit, for any number of ranks that divides the replicas.
//
//     npm run example:distributed -- --replicas 4
//     mpirun --bind-to none -n 4 node build/tools/examples/ranks/main.js --replicas 4

import { parseArgs } from "node:util";
import { allocate, RMSprop } from "rmsprop";
import { connect } from "rmsprop/distributed";
import { digest } from "../digest.ts";
import { loadDigits } from "../digits-data.ts";
import { formIn, shapes } from "../layers.ts";
import { initialize, Network } from "../network.ts";
import { Progress } from "../progress.ts";
import { mulberry32, shuffle } from "../random.ts";

const trainCount = 8_000;
const batchSize = 32;
const epochs = 4;
const steps = epochs * Math.ceil(trainCount / batchSize);

const ranks = await connect();
const replicas = readReplicas(ranks.size);
const model = allocate(shapes, { replicas: replicas / ranks.size });
// All ranks draw alike, because the seed decides everything: the digits, their order, and the first weights.
const random = mulberry32(1);
const { train, test } = loadDigits(trainCount, random);
initialize(model.params, random);
await ranks.broadcast(model.params);

const optimizer = await ranks.shard(
  RMSprop,
  model,
  { lr: (step) => 5e-4 * (1 - (step - 1) / steps), momentum: 0.9 }, // falls to 0 over the training
  { replicas },
);
/** The passes of this rank's replicas, each over its own share of a batch. */
const passes = model.replicas.map(({ grads }, i) => {
  const replica = optimizer.replicas[i] as number;
  const network = new Network(Math.ceil(batchSize / replicas), model.params, formIn(grads));
  return (batch: Uint32Array) => {
    const share = batch.filter((_, place) => place % replicas === replica);
    // A step takes the mean of the replicas' gradients.
    return network.backward(train, share, batch.length / replicas);
  };
});

const progress = ranks.rank === 0 ? new Progress({ steps, epochs }) : undefined;
if (progress) console.log(`Training with ${replicas} ${replicas === 1 ? "replica" : "replicas"} on ${describe()}.`);
const order = Uint32Array.from({ length: trainCount }, (_, i) => i);
const start = performance.now();
for (let epoch = 1; epoch <= epochs; epoch++) {
  progress?.epoch(epoch);
  shuffle(order, random);
  for (let from = 0; from < trainCount; from += batchSize) {
    const batch = order.subarray(from, from + batchSize);
    let loss = 0;
    for (const pass of passes) loss += pass(batch);
    await optimizer.step(); // by the mean of all replicas' gradients; the weights are the same on all ranks
    progress?.step((ranks.size * loss) / batch.length); // of this rank's share
  }
}
const seconds = (performance.now() - start) / 1000;
progress?.stop();

if (ranks.rank === 0) {
  const rows = {
    "held-out digits recognized": `${(100 * new Network(batchSize, model.params).accuracy(test)).toFixed(2)} %`,
    "digest of the weights": digest(Object.values(model.params)),
    training: `${seconds.toFixed(2)} s`,
  };
  console.log();
  for (const [label, text] of Object.entries(rows)) console.log(`  ${label.padEnd(30)}${text.padStart(18)}`);
}

function describe(): string {
  const { size, library } = ranks;
  return size === 1 ? "one rank" : `${size} ranks over ${library?.name} ${library?.version}`;
}

/** The replicas that all ranks share, by default one each. */
function readReplicas(size: number): number {
  try {
    const { values } = parseArgs({ options: { replicas: { type: "string", default: String(size) } } });
    const count = /^[1-9][0-9]*$/.test(values.replicas) ? Number(values.replicas) : Number.NaN;
    if (count <= batchSize && count % size === 0) return count;
    const domain =
      size === 1 ? `from 1 to ${batchSize}` : `up to ${batchSize} that the number of ranks, ${size}, divides`;
    throw new Error(`Expected --replicas to be a whole number ${domain}, but found "${values.replicas}".`);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
