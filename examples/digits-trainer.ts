// The forms in which the network of the digits is trained: they differ in where its gradients come from.

import { type AnyParameter, allocate } from "rmsprop";
import type { Digits } from "./digits-data.ts";
import { allocateRows, factorsOf, formIn, keepIn, type Name, shapes, type Weights } from "./layers.ts";
import { initialize, Network } from "./network.ts";
import type { Random } from "./random.ts";

/** Where gradients come from. */
export interface Form {
  /** Whether a step makes them of factors, so that no loop forms them. */
  readonly factors: boolean;
}

/** What is trained on. */
export interface Data {
  readonly digits: Digits;
  /** Places of the digits, in the order of an epoch. */
  readonly order: Uint32Array;
  readonly batchSize: number;
}

/** A network in training. */
export interface Trainer {
  readonly weights: Weights;
  /** As an optimizer takes them. */
  readonly parameters: readonly AnyParameter<Name>[];
  /**
   * Brings in what the next step needs: gradients of the mean loss of the batch that begins at a place in the order.
   * @returns The sum of the losses.
   */
  backward(from: number): number;
}

export function trainerOf({ factors }: Form, data: Data, random: Random): Trainer {
  const { params, grads, parameters } = allocate(shapes);
  initialize(params, random);
  const batchOf = (from: number) => data.order.subarray(from, from + data.batchSize); // the last one may be smaller
  if (!factors) {
    const network = new Network(data.batchSize, params, formIn(grads));
    return { weights: params, parameters, backward: (from) => network.backward(data.digits, batchOf(from)) };
  }
  const rows = allocateRows(data.batchSize, false);
  const network = new Network(data.batchSize, params, keepIn(rows));
  const made = factorsOf(rows);
  return {
    weights: params,
    parameters: parameters.map((parameter) => ({ ...parameter, grad: made[parameter.name] })),
    backward(from) {
      const places = batchOf(from);
      for (const factors of Object.values(made)) factors.batch = places.length;
      return network.backward(data.digits, places);
    },
  };
}
