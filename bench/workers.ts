// How long an epoch of the demo's network takes in each of its forms, and where workers share nothing: as many trainings in
// threads of their own, each over its part of the digits, which is the most that the machine could do. Also a round of
// workers that do nothing. npm run bench:workers [-- --workers 2 --rounds 9]
import { once } from "node:events";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { allocate, backend, RMSprop, SGD } from "rmsprop";
import { createTeam } from "rmsprop/workers";
import { type Data, partOf } from "../examples/digits-batches.ts";
import { loadDigits } from "../examples/digits-data.ts";
import { trainerOf } from "../examples/digits-trainer.ts";
import { mulberry32 } from "../examples/random.ts";
import { median } from "./median.ts";

const { values } = parseArgs({
  options: { workers: { type: "string", default: "2" }, rounds: { type: "string", default: "9" } },
});
const [workers, rounds] = [Number(values.workers), Number(values.rounds)];
/** Not counted: runtimes compile what they have seen often. */
const warmUp = 2;
const batchSize = 32;

/** What takes turns. */
interface Contender {
  readonly name: string;
  epoch(): Promise<void>;
  close(): Promise<unknown>;
}

const inShared = <A extends Float32Array | Uint32Array>(array: A): A => {
  const copy = new (array.constructor as new (memory: SharedArrayBuffer) => A)(new SharedArrayBuffer(array.byteLength));
  copy.set(array);
  return copy;
};

const { images, labels } = loadDigits(8_000, mulberry32(1)).train;
const data: Data = {
  digits: { images: inShared(images), labels },
  order: inShared(Uint32Array.from(labels.keys())),
  batchSize,
};

async function together(name: string, factors: boolean, count: number): Promise<Contender> {
  const { parameters, backward, close } = await trainerOf({ factors, workers: count }, data, mulberry32(2));
  const optimizer = new RMSprop(parameters, { lr: 5e-4, momentum: 0.9 });
  return {
    name,
    async epoch() {
      for (let from = 0; from < data.order.length; from += batchSize) {
        await backward(from);
        optimizer.step();
      }
    },
    close,
  };
}

/** Trainings that know nothing of each other. */
async function apart(name: string, factors: boolean): Promise<Contender> {
  const threads = Array.from({ length: workers }, (_, i) => {
    const own: Data = { ...data, order: partOf(data.order, i, workers), batchSize: batchSize / workers };
    return new Worker(new URL("./workers-alone.js", import.meta.url), { workerData: { data: own, factors } });
  });
  const answers = () => Promise.all(threads.map((thread) => once(thread, "message")));
  await answers();
  return {
    name,
    async epoch() {
      const done = answers();
      for (const thread of threads) thread.postMessage("epoch");
      await done;
    },
    close: () => Promise.all(threads.map((thread) => thread.terminate())),
  };
}

/** Median times of an epoch, in milliseconds. Contenders take turns, so that what else the machine does falls on all alike. */
async function epochs(contenders: readonly Contender[]): Promise<Map<string, number>> {
  const times = contenders.map((): number[] => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const before = performance.now();
      await contender.epoch();
      if (round >= 0) times[i]?.push(performance.now() - before);
    }
  }
  for (const contender of contenders) await contender.close();
  return new Map(contenders.map(({ name }, i) => [name, median(times[i] as number[])]));
}

/** The time of a round of workers that do nothing, and of one with a step, in microseconds. */
async function idleRounds(): Promise<readonly [number, number]> {
  const model = allocate({ w: [1] }, { shared: true, replicas: workers });
  const optimizer = new SGD(model.parameters, { lr: 0 });
  const team = await createTeam(model, new URL("./workers-idle.js", import.meta.url));
  const [bare, stepped]: [number[], number[]] = [[], []];
  for (let i = 0; i < 4000; i++) {
    const before = performance.now();
    await team.backward(i);
    if (i % 2) optimizer.step();
    (i % 2 ? stepped : bare).push(1000 * (performance.now() - before));
  }
  await team.close();
  return [median(bare.slice(500)), median(stepped.slice(500))];
}

const load = () => loadavg()[0]?.toFixed(1);
console.log(`${cpus().length} CPUs, ${cpus()[0]?.model.trim()}, Node ${process.version}, load ${load()}`);
console.log(`An epoch of 8,000 digits in batches of ${batchSize}; steps on ${backend.name} ${backend.isa ?? ""}.`);
const apartLoops = `${workers} unconnected, loops`;
const apartFactors = `${workers} unconnected, factors`;
const measured = await epochs([
  await together("loops", false, 0),
  await together("factors", true, 0),
  await together(`${workers} workers`, false, workers),
  await together("both", true, workers),
  await apart(apartLoops, false),
  await apart(apartFactors, true),
]);
const of = (name: string) => measured.get(name) as number;
for (const [name, time] of measured) {
  console.log(`${name.padEnd(24)}${time.toFixed(1).padStart(8)} ms${(of("loops") / time).toFixed(2).padStart(8)}x`);
}
console.log(`${workers} workers reach ${(of(apartLoops) / of(`${workers} workers`)).toFixed(3)} of unconnected ones`);
console.log(`both reach ${(of(apartFactors) / of("both")).toFixed(3)} of unconnected ones`);
const [bare, stepped] = await idleRounds();
console.log(`a round of workers that do nothing: ${bare.toFixed(1)} us, with a step ${stepped.toFixed(1)} us`);
console.log(`load ${load()}`);
