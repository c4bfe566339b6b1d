// What each worker of the demo does: the backward pass of its part of a batch.

import type { TeamBackward, TeamWorker } from "rmsprop/workers";
import { batchOf, partOf, type WorkersData } from "./digits-batches.ts";
import { formIn, keepIn, type Name } from "./layers.ts";
import { Network } from "./network.ts";

export default function start({
  params,
  grads,
  index,
  count,
  data,
}: TeamWorker<Name, Float32Array, WorkersData>): TeamBackward {
  const rows = data.rows?.[index];
  const network = new Network(Math.ceil(data.batchSize / count), params, rows ? keepIn(rows) : formIn(grads));
  return (from) => {
    const batch = batchOf(data, from);
    // A step takes the mean of the replicas' gradients, but the sum of a list of factors.
    const divisor = rows ? batch.length : batch.length / count;
    return network.backward(data.digits, partOf(batch, index, count), divisor);
  };
}
