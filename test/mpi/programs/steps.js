// Steps without an end, of which rank 0 says when the first is done.
import { allocate, SGD } from "rmsprop";
import { connect } from "rmsprop/distributed";

const ranks = await connect();
const model = allocate({ w: [100_000] });
const optimizer = await ranks.shard(SGD, model, { lr: 1e-3 });
for (;;) {
  await optimizer.step();
  if (ranks.rank === 0 && optimizer.lastStep.step === 1) console.log("stepped");
}
