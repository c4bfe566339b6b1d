// Steps very often, and says what that allocated: on the heap, outside it, and how often the collector ran meanwhile.
// node many-steps.js STEPS: so many, three times.
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { allocate, RMSprop } from "../../dist/index.js";
import { binding } from "./binding.js";

const steps = Number(process.argv[2]);
const model = allocate({ w: [8, 3], b: [3] });
const optimizer = new RMSprop(model.parameters, { momentum: 0.9, centered: true, weightDecay: 0.1 });

let collections = 0;
let [begin, end] = [0, 0];
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().filter(({ startTime }) => startTime > begin && startTime < end).length;
});
observer.observe({ entryTypes: ["gc"] });

const counters = () => {
  const { heapUsed, external } = process.memoryUsage();
  return { heapUsed, external, ...binding.memoryCounters() };
};

function stepOften() {
  for (let i = 0; i < steps; i++) optimizer.step();
}

async function measure() {
  await delay(50);
  global.gc();
  await delay(50); // finalizers
  collections = 0;
  const before = counters();
  begin = performance.now();
  stepOften();
  end = performance.now();
  const after = counters();
  await delay(20);
  const differences = Object.entries(after).map(([name, value]) => [name, value - before[name]]);
  return { ...Object.fromEntries(differences), collections };
}

stepOften(); // compiled from now on
const runs = [];
for (let run = 0; run < 3; run++) runs.push(await measure());
observer.disconnect();
console.log(JSON.stringify({ runs, taken: optimizer.state("w").step }));
