// What each rank does for the benchmark: rank.js PART ELEMENTS ROUNDS. Rank 0 prints a line of JSON.
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { allocate, RMSprop } from "rmsprop";
import { connect } from "rmsprop/distributed";
import { median } from "../median.ts";

const [part = "", elements = "0", rounds = "0"] = process.argv.slice(2);
const count = Number(elements);
const warmUp = 2;
const options = { lr: 1e-3, momentum: 0.9 };

const ranks = await connect();
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
    const optimizer = await ranks.shard(RMSprop, model, options);
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

  /** Seconds that are left to wait for when gradients travel behind a backward pass that is longer than they take. */
  async behind() {
    const model = allocate({ w: [count] });
    model.grads.w.fill(0.5);
    const optimizer = await ranks.shard(RMSprop, model, options);
    const [alone, left]: [number[], number[]] = [[], []];
    for (let round = -warmUp; round < Number(rounds); round++) {
      await ranks.barrier();
      const before = performance.now();
      await optimizer.step();
      const travel = performance.now() - before;
      await ranks.barrier();
      optimizer.ready("w");
      busy(2 * travel);
      const after = performance.now();
      await optimizer.step();
      const waited = performance.now() - after;
      if (round < 0) continue;
      alone.push(travel / 1000);
      left.push(waited / 1000);
    }
    return { alone: median(alone), left: median(left) };
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
    for (let round = -warmUp; round < Number(rounds); round++) {
      let before = performance.now();
      await optimizer.step();
      const first = performance.now() - before;
      before = performance.now();
      await rival.stepAsync();
      const second = performance.now() - before;
      if (round < 0) continue;
      ours.push(first);
      plains.push(second);
    }
    const ratios = ours.map((time, i) => time / (plains[i] as number));
    return { ratio: median(ratios) };
  },
};

const result = await parts[part]?.();
if (result === undefined) throw new Error(`Expected one of ${Object.keys(parts).join(", ")}, but found "${part}".`);
if (ranks.rank === 0) console.log(JSON.stringify({ library: ranks.library?.version, ...result }));
