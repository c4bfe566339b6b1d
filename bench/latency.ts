// How late an event loop's timer is while steps work off it again and again, and what that costs the step. Not a suite of
// cases: what is measured is the loop, not the step. npm run bench:latency
import { setTimeout as delay } from "node:timers/promises";
import { allocate, backend, RMSprop } from "rmsprop";
import { median } from "./median.ts";

const elements = 2 ** 26;
const ticks = 2000;

const model = allocate({ w: [elements] });
model.params.w.fill(0.5);
model.grads.w.fill(0.25);
const optimizer = new RMSprop(model.parameters);

const milliseconds = (value: number) => `${value.toFixed(2)} ms`;

async function timed(action: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** How late each of some 1 ms timers is, in milliseconds, in rising order. */
async function lateness(): Promise<number[]> {
  const late: number[] = [];
  for (let tick = 0; tick < ticks; tick++) {
    const start = performance.now();
    await delay(1);
    late.push(performance.now() - start - 1);
  }
  return late.sort((a, b) => a - b);
}

const at = (sorted: readonly number[], share: number) => sorted[Math.ceil(share * sorted.length) - 1] as number;

for (let i = 0; i < 3; i++) optimizer.step();
// One right after the other, in turn, so that what else the machine does falls on both alike.
const ratios: number[] = [];
const [synchronous, asynchronous]: [number[], number[]] = [[], []];
for (let i = 0; i < 21; i++) {
  const [alone, beside] = [await timed(() => optimizer.step()), await timed(() => optimizer.stepAsync())];
  synchronous.push(alone);
  asynchronous.push(beside);
  ratios.push(beside / alone);
}

const idle = await lateness();
let steps = 0;
let stop = false;
const working = (async () => {
  while (!stop) {
    await optimizer.stepAsync();
    steps++;
  }
})();
const busy = await lateness();
stop = true;
await working;

const row = (name: string, sorted: readonly number[]) =>
  `${name}: late by ${milliseconds(at(sorted, 0.5))} at the median, ${milliseconds(at(sorted, 0.99))} at the 99th percentile, ${milliseconds(at(sorted, 1))} at most`;
console.log(`${backend.name} ${backend.isa}, ${backend.threads} threads, ${elements} elements`);
console.log(`a 1 ms timer of ${ticks} ticks, ${row("idle", idle)}`);
console.log(`beside stepAsync, ${steps} steps, ${row("busy", busy)}`);
console.log(
  `stepAsync ${milliseconds(median(asynchronous))}, step ${milliseconds(median(synchronous))}, ratio ${median(ratios).toFixed(3)}`,
);
