// Trains a small convolutional network to recognize handwritten digits.
//
//     npm run example:tfjs -- conv --optimizer builtin
//
// On the backend cpu a step takes long, so that it takes few of them there unless told otherwise.

import * as tf from "@tensorflow/tfjs";
import { createRMSProp } from "rmsprop/tfjs";
import { classCount, loadDigits, pixelCount } from "../digits-data.ts";
import { mulberry32 } from "../random.ts";
import { registerConvGradient } from "./conv-gradient.ts";
import { allDigits, drawDigits } from "./digit-tensors.ts";
import { begin, exact, percent } from "./shared.ts";

const batchSize = 32;
const side = Math.sqrt(pixelCount);

const run = await begin({ wasm: 1_500, cpu: 20 });
if (run.backend === "wasm") registerConvGradient();
const random = mulberry32(1);
const { train, test } = loadDigits(9_000, random);

// The pooling is by the mean: the gradient of the one by the maximum is wrong on wasm in TensorFlow.js 4.22.
const model = tf.sequential({
  layers: [
    tf.layers.reshape({ inputShape: [pixelCount], targetShape: [side, side, 1] }),
    tf.layers.averagePooling2d({ poolSize: 2 }), // a quarter of the pixels is enough, and a quarter of the work
    tf.layers.conv2d({
      filters: 8,
      kernelSize: 3,
      activation: "relu",
      kernelInitializer: tf.initializers.heNormal({ seed: 1 }),
    }),
    tf.layers.averagePooling2d({ poolSize: 2 }),
    tf.layers.conv2d({
      filters: 16,
      kernelSize: 3,
      activation: "relu",
      kernelInitializer: tf.initializers.heNormal({ seed: 2 }),
    }),
    tf.layers.averagePooling2d({ poolSize: 2 }),
    tf.layers.flatten(),
    tf.layers.dense({
      units: classCount,
      activation: "softmax",
      kernelInitializer: tf.initializers.glorotNormal({ seed: 3 }),
    }),
  ],
});
const optimizer = run.builtin ? tf.train.rmsprop(2e-3, 0.9) : createRMSProp(tf, { learningRate: 2e-3, decay: 0.9 });
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
