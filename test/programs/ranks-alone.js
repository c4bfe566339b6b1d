// One rank without a launcher; says which MPI libraries the process has loaded, before it connects and after.
import { existsSync, readFileSync } from "node:fs";
import { connect } from "rmsprop/distributed";

const loaded = () =>
  existsSync("/proc/self/maps")
    ? [...new Set(readFileSync("/proc/self/maps", "utf8").match(/\S*libmpi\S*|\S*libopen-rte\S*/g))]
    : [];
const before = loaded();
const ranks = await connect();
const w = new Float32Array([1, 2, 3]);
await ranks.broadcast(w);
await ranks.barrier();
const { rank, size, library } = ranks;
console.log(JSON.stringify({ before, after: loaded(), rank, size, library, mean: await ranks.mean(3), w: [...w] }));
