// Trains a network to foretell the next letter of a nursery rhyme, the backward passes on worker threads, and has it go on
// by itself.
//
//     npm run example:workers -- --workers 4

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { allocate, RMSprop, schedules } from "rmsprop";
import { createTeam } from "rmsprop/workers";
import { digest } from "../digest.ts";
import { Progress } from "../progress.ts";
import { mulberry32 } from "../random.ts";
import { evaluate, initialize, shapes, write } from "./letters.ts";
import type { Data } from "./worker.ts";

/** How many places all workers draw together in a round. */
const batchSize = 128;

const { workers, steps } = readArguments();
const model = allocate(shapes, { shared: true, replicas: workers });
initialize(model.params, mulberry32(1));
const optimizer = new RMSprop(model.parameters, { lr: schedules.cosine(2e-3, { steps }), clipGlobalNorm: 1 });
const data: Data = { batchSize: Math.ceil(batchSize / workers) };
const team = await createTeam(model, new URL("./worker.js", import.meta.url), { data });

console.log(`Training for ${steps} steps with ${workers} ${workers === 1 ? "worker" : "workers"}.`);
const progress = new Progress({ steps });
const start = performance.now();
for (let step = 1; step <= steps; step++) {
  const losses = await team.backward(); // each worker's, and its gradients are written
  optimizer.step(); // by the mean of the workers' gradients
  progress.step(losses.reduce((sum, loss) => sum + loss) / workers);
  if (step % Math.ceil(steps / 10) === 0 && step < steps) progress.line();
}
const seconds = (performance.now() - start) / 1000;
progress.stop();
await team.close();

const { loss, right } = evaluate(model.params);
const rows = {
  "loss on the rhyme": loss.toFixed(4),
  "letters foretold": `${(100 * right).toFixed(2)} %`,
  "digest of the weights": digest(Object.values(model.params)),
  training: `${seconds.toFixed(2)} s`,
};
console.log();
for (const [label, text] of Object.entries(rows)) console.log(`  ${label.padEnd(28)}${text.padStart(20)}`);
console.log(`\n${write(model.params, 300)} ...`);

function readArguments(): { workers: number; steps: number } {
  try {
    const { values } = parseArgs({
      options: {
        workers: { type: "string", default: String(Math.min(availableParallelism(), 8)) },
        steps: { type: "string", default: "1000" },
      },
    });
    return { workers: positive("workers", values.workers, 64), steps: positive("steps", values.steps, 1e9) };
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

function positive(option: string, given: string, most: number): number {
  const value = /^[1-9][0-9]*$/.test(given) ? Number(given) : Number.NaN;
  if (value <= most) return value;
  throw new Error(`Expected --${option} to be a whole number from 1 to ${most}, but found "${given}".`);
}
