// Two ranks, one of which fails as it is asked to, while the other does what ranks do.
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { connect } from "rmsprop/distributed";

const { how, inWorker } = isMainThread ? { how: process.argv[2], inWorker: false } : workerData;

/** Keeps this rank alive without a collective. */
const lives = () => new Promise((resolve) => setTimeout(resolve, 1e8));

const ways = {
  async kill(ranks) {
    if (ranks.rank === 1) process.kill(process.pid, "SIGKILL");
    await ranks.barrier();
  },
  async term(ranks) {
    if (ranks.rank === 1) process.kill(process.pid, "SIGTERM");
    await ranks.barrier();
  },
  async throws(ranks) {
    if (ranks.rank === 1) {
      setTimeout(() => {
        throw new Error("A bug in a timer.");
      });
      await lives();
    }
    await ranks.barrier();
  },
  async rejects(ranks) {
    if (ranks.rank === 1) throw new Error("A bug in the backward pass.");
    await ranks.barrier();
  },
  async exit3(ranks) {
    if (ranks.rank === 1) process.exit(3);
    await ranks.barrier();
  },
  async exit0(ranks) {
    if (ranks.rank === 1) process.exit(0);
    await lives();
  },
  async ends(ranks) {
    if (ranks.rank === 0) await lives();
  },
  async underWay(ranks) {
    if (ranks.rank === 1) await lives();
    ranks.barrier();
    process.exit(0);
  },
  async hangs(ranks) {
    if (ranks.rank === 1) for (;;);
    await ranks.barrier();
  },
  async caught(ranks) {
    if (ranks.rank === 1) await lives();
    await ranks.barrier().catch((error) => console.log(`caught ${error.code}`));
    await ranks.mean(1).catch((error) => console.log(`caught ${error.code}`));
  },
  async differs(ranks) {
    await ranks.broadcast({ w: new Float32Array(ranks.rank === 1 ? 3 : 4) });
  },
  async reallyExit(ranks) {
    if (ranks.rank === 1) process.reallyExit(0);
    await ranks.barrier();
  },
  async terminated(ranks) {
    if (!inWorker) throw new Error("Expected to be in a worker.");
    if (ranks.rank === 0) await lives();
    const waiting = ranks.barrier();
    console.log("terminate me");
    await waiting;
  },
  async well(ranks) {
    await ranks.barrier();
    console.log(`mean ${await ranks.mean(ranks.rank)}`);
  },
  async exits4Later(ranks) {
    await ranks.barrier();
    process.on("exit", () => {
      if (ranks.rank === 1) process.exitCode = 4;
    });
  },
  async twice(ranks) {
    await ranks.barrier();
    if (ranks !== (await connect())) throw new Error("Expected the same ranks.");
    const worker = new Worker(new URL(import.meta.url), { workerData: { how: "well", inWorker: true } });
    const error = await new Promise((resolve) => worker.once("error", resolve));
    console.log(error.message);
  },
};

const startsWorker = { workerEnds: "well", workerTerminated: "terminated" };

if (isMainThread && Object.hasOwn(startsWorker, how)) {
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { how: startsWorker[how], inWorker: true },
    stdout: how === "workerTerminated",
  });
  worker.stdout?.on("data", (text) => {
    if (String(text).includes("terminate me")) setTimeout(() => worker.terminate(), 300);
  });
} else {
  await ways[how](await connect());
}
