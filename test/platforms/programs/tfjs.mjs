// Trains a model of TensorFlow.js with ours and with its own optimizer, and says whether both have the same bits.
import * as tf from "@tensorflow/tfjs";
import { backend } from "rmsprop";
import { createRMSProp } from "rmsprop/tfjs";

tf.enableProdMode();
await tf.setBackend("cpu");

async function trained(optimizer) {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [8], kernelInitializer: "ones" })],
  });
  model.compile({ optimizer, loss: "meanSquaredError" });
  const { history } = await model.fit(tf.ones([4, 8]), tf.zeros([4, 1]), { epochs: 20 });
  return history.loss;
}

const losses = await trained(createRMSProp(tf, { learningRate: 0.02, decay: 0.95 }));
const theirs = await trained(tf.train.rmsprop(0.02, 0.95));
console.log(JSON.stringify({ backend: backend.name, losses, isSame: losses.every((loss, i) => loss === theirs[i]) }));
