// Allocates, steps and disposes again and again, in sizes below and above those that are mapped on their own, and says how
// much memory the process has after a tenth of the rounds and at the end.
// node memory-rounds.js ROUNDS
import { allocate, RMSprop } from "../../dist/index.js";
import { binding } from "./binding.js";

const rounds = Number(process.argv[2]);
const sizes = [10, 1000, 2 ** 15, 2 ** 19 + 3];

async function round(i) {
  const model = allocate({ w: [sizes[i % sizes.length]], b: [7] });
  const optimizer = new RMSprop(model.parameters, { momentum: 0.9 });
  optimizer.step();
  optimizer.step({ w: { grad: model.grads.w } });
  if (i % 8 === 0) await optimizer.stepAsync();
  optimizer.dispose();
  model.dispose();
}

function now() {
  global.gc();
  global.gc();
  return { resident: process.memoryUsage.rss(), ...binding.memoryCounters() };
}

let early;
for (let i = 1; i <= rounds; i++) {
  await round(i);
  if (i === rounds / 10) early = now();
}
console.log(JSON.stringify({ early, late: now() }));
