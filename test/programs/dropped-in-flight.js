// Begins steps off the event loop and drops everything that they work on, or moves its memory to another owner and drops
// that, while the collector runs. The arrays are mapped on their own, so that a step over memory that has gone ends the
// process.
// node dropped-in-flight.js ROUNDS drop|transfer
import { allocate, RMSprop } from "../../dist/index.js";
import { binding } from "./binding.js";

const [, , rounds, way] = process.argv;
const length = 2 ** 20;

function begin() {
  const model = allocate({ w: [length] });
  const optimizer = new RMSprop(model.parameters);
  const grad = allocate({ g: [length] }).params.g;
  const step = optimizer.stepAsync({ w: { grad } });
  if (way === "transfer") {
    for (const { buffer } of [model.params.w, model.grads.w, optimizer.state("w").squareAvg, grad]) buffer.transfer();
  }
  return step;
}

for (let round = 0; round < Number(rounds); round++) {
  const steps = [begin(), begin(), begin()];
  for (let i = 0; i < 3; i++) {
    global.gc();
    await new Promise(setImmediate);
  }
  await Promise.all(steps);
}
for (let i = 0; i < 5; i++) {
  global.gc();
  await new Promise(setImmediate);
}
console.log(JSON.stringify(binding.memoryCounters()));
