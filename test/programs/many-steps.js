// Steps very often, and says what that allocated: on the heap, outside it, and how often the collector ran meanwhile.
// node many-steps.js STEPS
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { allocate, RMSprop } from "../../dist/index.js";
import { binding } from "./binding.js";

const steps = Number(process.argv[2]);
const model = allocate({ w: [8, 3], b: [3] });
const optimizer = new RMSprop(model.parameters, { momentum: 0.9, centered: true, weightDecay: 0.1 });

let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().filter(({ startTime }) => startTime > begin && startTime < end).length;
});
let begin = 0;
let end = 0;

function stepOften(count) {
  for (let i = 0; i < count; i++) optimizer.step();
}

stepOften(100_000); // compiled from now on
await delay(50);
global.gc();
observer.observe({ entryTypes: ["gc"] });
const before = { ...process.memoryUsage(), ...binding.memoryCounters() };
begin = performance.now();
stepOften(steps);
end = performance.now();
const after = { ...process.memoryUsage(), ...binding.memoryCounters() };
await delay(20);
observer.disconnect();

const difference = Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name]]));
console.log(JSON.stringify({ ...difference, collections, taken: optimizer.state("w").step }));
