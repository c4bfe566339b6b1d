// What each rank does for the benchmark: rank.js PART ELEMENTS ROUNDS [BUCKETBYTES]. Rank 0 prints a line of JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { allocate, RMSprop, SGD } from "rmsprop";
import { connect, type Ranks } from "rmsprop/distributed";
import { median } from "../median.ts";

const [part = "", elements = "0", rounds = "0", bucketBytes = "0"] = process.argv.slice(2);
const count = Number(elements);
const warmUp = 2;
const options = { lr: 1e-3, momentum: 0.9 };
const given = Number(bucketBytes) > 0 ? { bucketBytes: Number(bucketBytes) } : {};

/** The part of the package's native add-on that is watched here. */
interface Binding {
  readonly ranks: { collective(kind: number, ...rest: readonly unknown[]): Promise<number> | undefined };
  memoryCounters(): { readonly bytes: number };
}

/** The add-on as the package has loaded it: it says what the package does not. */
function loadedBinding(): Binding {
  const modules = Object.values(createRequire(import.meta.url).cache);
  const found = modules.find((module) => module?.filename.endsWith(".node"));
  if (!found) throw new Error("Expected the package to have loaded its native add-on, but it has not.");
  return found.exports as Binding;
}

/** The exchanges of gradients that are asked for from now on. */
function watchExchanges(): Promise<number>[] {
  const { ranks } = loadedBinding();
  const { collective } = ranks;
  const begun: Promise<number>[] = [];
  ranks.collective = (kind, ...rest) => {
    const promise = collective(kind, ...rest);
    if (kind === 0 && promise) begun.push(promise);
    return promise;
  };
  return begun;
}

const ranks: Ranks = await connect();
/** What this machine's network card has sent, in bytes. */
const sent = () => Number(readFileSync("/sys/class/net/eth0/statistics/tx_bytes", "utf8"));

/** A backward pass: JavaScript without a pause. */
function busy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

const parts: Readonly<Record<string, () => Promise<object>>> = {
  /** Seconds of a step, and the bytes that it sends: the mean of all ranks, for a step that begins and ends with a barrier. */
  async step() {
    const model = allocate({ w: [count] });
    model.grads.w.fill(0.5);
    const optimizer = await ranks.shard(RMSprop, model, options, given);
    const [seconds, bytes]: [number[], number[]] = [[], []];
    for (let round = -warmUp; round < Number(rounds); round++) {
      await ranks.barrier();
      const [before, sentBefore] = [performance.now(), sent()];
      await optimizer.step();
      const time = (performance.now() - before) / 1000;
      // What the last of its packets are is not known before all have them.
      await ranks.barrier();
      const mean = await ranks.mean(sent() - sentBefore);
      if (round >= 0) {
        seconds.push(time);
        bytes.push(mean);
      }
    }
    return { seconds, bytes: median(bytes) };
  },

  /**
   * Seconds that gradients take from `ready()` until all have arrived, by themselves, and that are left of it behind a backward
   * pass that is longer; and the same of a step.
   */
  async behind() {
    const begun = watchExchanges();
    const model = allocate({ w: [count] });
    model.grads.w.fill(0.5);
    const optimizer = await ranks.shard(RMSprop, model, options);
    const times = { travel: [] as number[], left: [] as number[], step: [] as number[], stepLeft: [] as number[] };
    for (let round = -warmUp; round < Number(rounds); round++) {
      const note = (name: keyof typeof times, from: number) => {
        if (round >= 0) times[name].push((performance.now() - from) / 1000);
      };
      for (const isBehind of [false, true]) {
        await ranks.barrier();
        begun.length = 0;
        const before = performance.now();
        optimizer.ready("w");
        const asked = begun.length;
        if (isBehind) busy(Math.max(250, 2000 * median(times.travel.length > 0 ? times.travel : [0])));
        const after = performance.now();
        await Promise.all(begun);
        note(isBehind ? "left" : "travel", isBehind ? after : before);
        await optimizer.step();
        note(isBehind ? "stepLeft" : "step", isBehind ? after : before);
        if (asked === 0 || begun.length !== asked) {
          throw new Error(`Expected ready() to let all gradients travel at once, but ${asked} of ${begun.length} did.`);
        }
      }
    }
    const [travel, left, step, stepLeft] = [times.travel, times.left, times.step, times.stepLeft].map(median);
    return { travel, left, step, stepLeft };
  },

  /** Bytes of a slot: on this rank what momentum takes beside none, the most of all ranks; of the whole; and the buckets. */
  async state() {
    const begun = watchExchanges();
    const taken: number[] = [];
    for (const momentum of [0, 0.9]) {
      const model = allocate({ w: [count] });
      const before = loadedBinding().memoryCounters().bytes;
      const optimizer = await ranks.shard(SGD, model, { lr: 1e-3, momentum });
      begun.length = 0;
      await optimizer.step();
      taken.push(loadedBinding().memoryCounters().bytes - before);
      optimizer.dispose();
      model.dispose();
    }
    const [none, some] = taken as [number, number];
    const shares = Array.from({ length: ranks.size }, () => new Float64Array(1));
    for (const [rank, share] of shares.entries()) {
      share[0] = some - none;
      await ranks.broadcast(share, rank);
    }
    return { most: Math.max(...shares.map(([share = 0]) => share)), whole: 4 * count, buckets: begun.length };
  },

  /** The delay of the event loop that 1 of 100 turns exceeds, in milliseconds: idle, and while steps are under way. */
  async loop() {
    const model = allocate({ w: [count] });
    const optimizer = await ranks.shard(RMSprop, model, options);
    const measure = async (work: () => Promise<unknown>) => {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      await work();
      delay.disable();
      return delay.percentile(99) / 1e6;
    };
    const wait = () => new Promise((resolve) => setTimeout(resolve, 2000));
    for (let i = 0; i < warmUp; i++) await optimizer.step();
    await ranks.barrier();
    const idle = await measure(wait);
    await ranks.barrier();
    const stepping = await measure(async () => {
      for (let i = 0; i < Number(rounds); i++) await optimizer.step();
    });
    return { idle, stepping };
  },

  /** A step of one rank, whose bucket is the whole model, against the plain optimizer's. */
  async one() {
    const sharded = allocate({ w: [count] });
    const plain = allocate({ w: [count] });
    const optimizer = await ranks.shard(RMSprop, sharded, options, { bucketBytes: 4 * count });
    const rival = new RMSprop(plain.parameters, options);
    const [ours, plains]: [number[], number[]] = [[], []];
    const timed = async (step: () => Promise<unknown>, times: number[]) => {
      const before = performance.now();
      await step();
      times.push(performance.now() - before);
    };
    const steps = [() => timed(() => optimizer.step(), ours), () => timed(() => rival.stepAsync(), plains)] as const;
    for (let round = -warmUp; round < Number(rounds); round++) {
      for (const step of round % 2 === 0 ? steps : [...steps].reverse()) await step();
    }
    // Whatever else the machine does only adds to either.
    return { ratio: Math.min(...ours) / Math.min(...plains) };
  },
};

const result = await parts[part]?.();
if (result === undefined) throw new Error(`Expected one of ${Object.keys(parts).join(", ")}, but found "${part}".`);
if (ranks.rank === 0) console.log(JSON.stringify({ library: ranks.library?.version, ...result }));
