// Trains a model for some steps on ranks, with a number of replicas that stays whatever the number of ranks is, and prints a
// hash of the parameters and of the state on rank 0. Arguments: the replicas, the first step and the last, a checkpoint to go
// on from or "-", and one to write or "-"; "plain" as the sixth trains without ranks.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { allocate, RMSprop } from "rmsprop";
import { loadCheckpoint, saveCheckpoint } from "rmsprop/checkpoint";
import { connect } from "rmsprop/distributed";

const [replicaCount, first, last] = process.argv.slice(2, 5).map(Number);
const [from, to, how] = process.argv.slice(5);

// A scalar, arrays of odd lengths, some of several tiles and buckets.
const shapes = { w1: [37, 301], b1: [301], w2: [301, 129], b2: [129], scale: [1], w3: [129, 11] };
const options = {
  ...{ lr: (step) => 0.01 / step, momentum: 0.9, centered: true, weightDecay: 0.01, clipGlobalNorm: 20 },
  ...{ ema: { decay: 0.9 }, skipNonFinite: true, diagnostics: ["gradNorm", "nonFinite"] },
};

/** Numbers that depend on the step, the replica and their place alone, over several magnitudes; one step has an infinity. */
function fill(grads, step, replica) {
  let seed = (step * 8191 + replica * 131 + 7) >>> 0;
  for (const grad of Object.values(grads)) {
    for (let i = 0; i < grad.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      grad[i] = (seed / 2 ** 31 - 1) * 10 ** ((seed >>> 7) % 4);
    }
  }
  if (step === 3 && replica === 1) grads.b2[5] = Number.POSITIVE_INFINITY;
}

/** Replicas in the order of a balanced tree, in double precision nowhere. */
function sum(arrays) {
  if (arrays.length === 1) return arrays[0];
  let left = 1;
  while (left * 2 < arrays.length) left *= 2;
  const [a, b] = [sum(arrays.slice(0, left)), sum(arrays.slice(left))];
  return a.map((value, i) => value + b[i]);
}

const initialize = (params) =>
  Object.values(params).forEach((param, p) => {
    for (let i = 0; i < param.length; i++) param[i] = Math.fround(((i * 7 + p) % 97) / 97 - 0.5);
  });

function hashOf(model, state) {
  const hash = createHash("sha256");
  for (const param of Object.values(model.params))
    hash.update(new Uint8Array(param.buffer, param.byteOffset, param.byteLength));
  hash.update(
    JSON.stringify(state, (_, value) =>
      ArrayBuffer.isView(value) ? [...new Uint32Array(value.slice().buffer)] : value,
    ),
  );
  return hash.digest("hex");
}

if (how === "plain") {
  const model = allocate(shapes);
  initialize(model.params);
  const optimizer = new RMSprop(model.parameters, options);
  if (from !== "-") loadCheckpoint(from, { parameters: model.parameters, optimizer });
  const made = Array.from({ length: replicaCount }, () => allocate(shapes));
  for (let step = first; step <= last; step++) {
    made.forEach(({ grads }, replica) => {
      fill(grads, step, replica);
    });
    for (const [name, grad] of Object.entries(model.grads)) {
      grad.set(sum(made.map(({ grads }) => grads[name])));
      for (let i = 0; i < grad.length; i++) grad[i] /= replicaCount;
    }
    optimizer.step();
  }
  if (to !== "-") saveCheckpoint(to, { parameters: model.parameters, optimizer });
  console.log(hashOf(model, optimizer.stateDict()));
} else {
  const ranks = await connect({ timeout: 60 });
  const own = replicaCount / ranks.size;
  const model = own === 1 ? allocate(shapes) : allocate(shapes, { replicas: own });
  if (ranks.rank === 0) initialize(model.params);
  await ranks.broadcast(model.params);
  const optimizer = await ranks.shard(RMSprop, model, options, { replicas: replicaCount, bucketBytes: 20_000 });
  if (from !== "-") await ranks.loadCheckpoint(from, { parameters: model.parameters, optimizer });
  for (let step = first; step <= last; step++) {
    optimizer.replicas.forEach((replica, i) => {
      fill(own === 1 ? model.grads : model.replicas[i].grads, step, replica);
    });
    if (step % 2 === 0) optimizer.ready("w3", "scale");
    await optimizer.step();
    assert.equal(optimizer.lastStep.skipped, step === 3);
  }
  if (to !== "-") await ranks.saveCheckpoint(to, { parameters: model.parameters, optimizer });
  const state = await optimizer.stateDict();
  // The parameters are the same on all ranks.
  const hash = hashOf(model, null);
  const other = Buffer.from(hash, "hex");
  await ranks.broadcast(other, ranks.size - 1);
  assert.equal(other.toString("hex"), hash);
  if (ranks.rank === 0) console.log(hashOf(model, state));
}
