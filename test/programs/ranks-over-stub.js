// One rank over the stub of MPI, which does what its argument says, and fails as variables of the environment have it.
import { connect } from "rmsprop/distributed";

const ways = {
  async all(ranks) {
    const w = new Float32Array([1, 2, 3]);
    await ranks.broadcast({ w });
    await ranks.barrier();
    const { rank, size, library } = ranks;
    console.log(JSON.stringify({ rank, size, library, mean: await ranks.mean(3), w: [...w] }));
  },
  async tells(ranks) {
    for (const call of [() => ranks.barrier(), () => ranks.mean(1)]) {
      await call().catch(({ code, message }) => console.log(`${code} ${message}`));
    }
  },
  async underWay(ranks) {
    ranks.barrier();
    process.exit(0);
  },
  async throws() {
    throw new Error("A bug.");
  },
  async exits() {
    process.exit(5);
  },
  async reallyExits() {
    process.reallyExit(0);
  },
};

await ways[process.argv[2]](await connect());
