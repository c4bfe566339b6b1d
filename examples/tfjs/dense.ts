// Trains a dense network to recognize handwritten digits.
//
//     npm run example:tfjs -- dense --optimizer builtin --backend cpu

import * as tf from "@tensorflow/tfjs";
import { createRMSProp } from "rmsprop/tfjs";
import { classCount, loadDigits, pixelCount } from "../digits-data.ts";
import { mulberry32 } from "../random.ts";
import { allDigits, drawDigits } from "./digit-tensors.ts";
import { begin, exact, percent } from "./shared.ts";

const batchSize = 32;

const run = await begin({ wasm: 500, cpu: 200 });
const random = mulberry32(1);
const { train, test } = loadDigits(9_000, random);

const model = tf.sequential({
  layers: [
    tf.layers.dense({
      inputShape: [pixelCount],
      units: 256,
      activation: "relu",
      kernelInitializer: tf.initializers.heNormal({ seed: 1 }),
    }),
    tf.layers.dense({
      units: classCount,
      activation: "softmax",
      kernelInitializer: tf.initializers.glorotNormal({ seed: 2 }),
    }),
  ],
});
const optimizer = run.builtin ? tf.train.rmsprop(1e-3, 0.9) : createRMSProp(tf, { learningRate: 1e-3, decay: 0.9 });
model.compile({ optimizer: run.measured(optimizer), loss: "categoricalCrossentropy", metrics: ["accuracy"] });

await run.train(async () => {
  const { images, labels } = drawDigits(train, batchSize, random);
  const [loss] = (await model.trainOnBatch(images, labels)) as [number, number];
  tf.dispose([images, labels]);
  return loss;
});

const { images, labels } = allDigits(test);
const [loss, accuracy] = model.evaluate(images, labels, { batchSize: 500 }) as [tf.Scalar, tf.Scalar];
run.report({ "held-out loss": exact(loss), "held-out accuracy": percent(accuracy.arraySync()) }, model.getWeights());
