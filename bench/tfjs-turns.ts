// TensorFlow.js's optimizer and ours in both ways of writing, taken in turn, so that what else the machine does falls on all
// alike. A turn is several steps: whoever trains has one model in the caches, not three. In Node and in pages.
import * as tf from "@tensorflow/tfjs";
import { createRMSProp } from "rmsprop/tfjs";

const ways = ["builtin", "replace", "inPlace"] as const;
export type Way = (typeof ways)[number];

/** Times of each way, in milliseconds. */
export interface Times {
  /** Those of the optimizer alone. */
  readonly optimizer: Readonly<Record<Way, number>>;
  /** Those of whole training steps; 0 where there is no training. */
  readonly step: Readonly<Record<Way, number>>;
  readonly turns: number;
}

const optimizerOf = (way: Way): tf.Optimizer =>
  way === "builtin" ? tf.train.rmsprop(1e-3, 0.9) : createRMSProp(tf, { learningRate: 1e-3, decay: 0.9, write: way });

const byWay = <T>(of: (way: Way) => T) => Object.fromEntries(ways.map((way) => [way, of(way)])) as Record<Way, T>;

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * Steps that are not counted: slots are made in the first, and the runtime compiles what it has seen a hundred times. A
 * training takes thousands.
 */
const warmUp = 100;

/** Steps of one way before the next has its turn. */
const together = 10;

/**
 * Trains models that differ in the optimizer alone, a batch each in every turn.
 * @param makeModel Makes one that is compiled with an optimizer.
 * @param batchOf Makes a batch.
 */
export async function training(
  makeModel: (optimizer: tf.Optimizer) => tf.LayersModel,
  batchOf: (turn: number) => { readonly x: tf.Tensor; readonly y: tf.Tensor },
  turns: number,
): Promise<Times> {
  const [optimizer, step] = [byWay((): number[] => []), byWay((): number[] => [])];
  const models = byWay((way) => {
    const made = optimizerOf(way);
    const apply = made.applyGradients.bind(made);
    made.applyGradients = (gradients) => {
      const before = performance.now();
      apply(gradients);
      optimizer[way].push(performance.now() - before);
    };
    return makeModel(made);
  });
  for (let begin = -warmUp; begin < turns; begin += together) {
    for (const way of ways) {
      for (let turn = begin; turn < Math.min(begin + together, turns); turn++) {
        const { x, y } = batchOf(turn);
        const before = performance.now();
        await models[way].trainOnBatch(x, y);
        step[way].push(performance.now() - before);
        tf.dispose([x, y]);
      }
    }
  }
  for (const way of ways) models[way].dispose();
  const counted = (times: Record<Way, number[]>) => byWay((way) => median(times[way].slice(warmUp)));
  return { optimizer: counted(optimizer), step: counted(step), turns };
}

/** Steps variables of some shapes by gradients that stay, `times` steps a sample. */
export function steps(shapes: readonly (readonly number[])[], turns: number, times = 1): Times {
  const all = byWay((way) => {
    const optimizer = optimizerOf(way);
    const variables = shapes.map((shape) => tf.variable(tf.randomNormal([...shape], 0, 1, "float32", 1)));
    const gradients = variables.map(({ name, shape }) => ({
      name,
      tensor: tf.randomNormal(shape as [number], 0, 1, "float32", 2),
    }));
    return { optimizer, variables, gradients, times: [] as number[] };
  });
  for (let turn = -warmUp; turn < turns; turn++) {
    for (const way of ways) {
      const { optimizer, gradients, times: own } = all[way];
      const before = performance.now();
      for (let i = 0; i < times; i++) optimizer.applyGradients(gradients);
      own.push((performance.now() - before) / times);
    }
  }
  for (const way of ways) tf.dispose([all[way].variables, all[way].gradients.map(({ tensor }) => tensor)] as never);
  return { optimizer: byWay((way) => median(all[way].times.slice(warmUp))), step: byWay(() => 0), turns };
}

/** The shapes of a dense network's 669,706 weights. */
export const denseShapes = [[784, 512], [512], [512, 512], [512], [512, 10], [10]] as const;

/** What a case came to: milliseconds, how many times as fast as TensorFlow.js's, and the optimizer's share of a step. */
export function lineOf(name: string, { optimizer, step, turns }: Times): string {
  const time = (way: Way) => `${way} ${optimizer[way].toFixed(3)} ms`;
  const ratio = (way: Way) => `${way} ${(optimizer.builtin / optimizer[way]).toFixed(1)}x`;
  const share = (way: Way) => `${way} ${((100 * optimizer[way]) / step[way]).toFixed(1)} %`;
  const shares =
    step.builtin > 0 ? `; of a step of ${step.builtin.toFixed(1)} ms: ${share("builtin")}, ${share("inPlace")}` : "";
  return `${name}: ${ways.map(time).join(", ")}; ${ratio("replace")}, ${ratio("inPlace")}${shares} (${turns} turns)`;
}
