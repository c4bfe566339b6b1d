// Trains an LSTM to foretell the next letter of a nursery rhyme, and then has it go on by itself.
//
//     npm run example:tfjs -- lstm --optimizer builtin

import * as tf from "@tensorflow/tfjs";
import { createRMSProp } from "rmsprop/tfjs";
import { mulberry32, type Random } from "../random.ts";
import { rhyme } from "../rhyme.ts";
import { begin, exact, percent } from "./shared.ts";

const batchSize = 32;
/** How many letters the model sees. */
const windowLength = 24;

const letters = [...new Set(rhyme)].sort();
const run = await begin({ wasm: 400, cpu: 50 });
const random = mulberry32(1);

const model = tf.sequential({
  layers: [
    tf.layers.lstm({
      inputShape: [windowLength, letters.length],
      units: 64,
      kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
      recurrentInitializer: tf.initializers.glorotNormal({ seed: 2 }),
    }),
    tf.layers.dense({
      units: letters.length,
      activation: "softmax",
      kernelInitializer: tf.initializers.glorotNormal({ seed: 3 }),
    }),
  ],
});
const optimizer = run.builtin ? tf.train.rmsprop(1e-2, 0.9) : createRMSProp(tf, { learningRate: 1e-2, decay: 0.9 });
model.compile({ optimizer: run.measured(optimizer), loss: "categoricalCrossentropy", metrics: ["accuracy"] });

await run.train(async () => {
  const { windows, next } = tensors(drawPlaces(random));
  const [loss] = (await model.trainOnBatch(windows, next)) as [number, number];
  tf.dispose([windows, next]);
  return loss;
});

const everyFourth = tensors(Array.from({ length: (rhyme.length - windowLength) / 4 }, (_, i) => 4 * i));
const [loss, accuracy] = model.evaluate(everyFourth.windows, everyFourth.next, { batchSize: 128 }) as [
  tf.Scalar,
  tf.Scalar,
];
const beginning = rhyme.slice(0, windowLength);
run.report(
  {
    "loss on the rhyme": exact(loss),
    "letters foretold": percent(accuracy.arraySync()),
  },
  model.getWeights(),
);
console.log(`It goes on: ${JSON.stringify(beginning)} ${JSON.stringify(goOn(beginning, 50))}\n`);

/** Places in the rhyme where a batch's windows begin. */
function drawPlaces(random: Random): number[] {
  return Array.from({ length: batchSize }, () => Math.floor(random() * (rhyme.length - windowLength)));
}

/** The windows of the rhyme that begin at these places, and the letters that come next: one-hot, a row for each. */
function tensors(places: readonly number[]): { windows: tf.Tensor3D; next: tf.Tensor2D } {
  const windows = places.map((place) => rhyme.slice(place, place + windowLength));
  const next = places.map((place) => rhyme.charAt(place + windowLength));
  return {
    windows: tf.tensor3d(oneHot(windows.join("")), [places.length, windowLength, letters.length]),
    next: tf.tensor2d(oneHot(next.join("")), [places.length, letters.length]),
  };
}

function oneHot(text: string): Float32Array {
  const rows = new Float32Array(text.length * letters.length);
  for (let i = 0; i < text.length; i++) rows[i * letters.length + letters.indexOf(text.charAt(i))] = 1;
  return rows;
}

/** The letters that the model holds likeliest after a beginning, one after the other. */
function goOn(beginning: string, count: number): string {
  let text = beginning;
  for (let i = 0; i < count; i++) {
    text += tf.tidy(() => {
      const window = tf.tensor3d(oneHot(text.slice(-windowLength)), [1, windowLength, letters.length]);
      const probabilities = model.predict(window) as tf.Tensor2D;
      return letters[probabilities.argMax(1).dataSync()[0] as number];
    });
  }
  return text.slice(beginning.length);
}
