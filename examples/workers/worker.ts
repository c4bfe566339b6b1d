// What each worker does: the backward pass over letters of its own part of the rhyme.

import type { TeamBackward, TeamWorker } from "rmsprop/workers";
import { mulberry32 } from "../random.ts";
import { addGradients, type Name, placeCount } from "./letters.ts";

/** What main.ts gives all workers. */
export interface Data {
  /** How many places each worker draws in a round. */
  readonly batchSize: number;
}

export default function start(worker: TeamWorker<Name, Float32Array, Data>): TeamBackward<undefined> {
  const { params, grads, index, count, data } = worker;
  const random = mulberry32(100 + index); // each draws other places, and the same ones in every run
  const ownCount = Math.floor((placeCount - index - 1) / count) + 1;
  const draw = () => index + count * Math.floor(random() * ownCount); // every count-th place of the rhyme
  return () => {
    for (const grad of Object.values(grads)) grad.fill(0);
    let loss = 0;
    for (let i = 0; i < data.batchSize; i++) loss += addGradients(params, grads, draw(), 1 / data.batchSize);
    return loss / data.batchSize;
  };
}
