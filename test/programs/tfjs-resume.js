// 40 steps of a training that saves itself after 20, or the 20 that come after: node tfjs-resume.js BACKEND OPTIMIZER save|load FILE
import { readFileSync, writeFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import { createRMSProp, register } from "rmsprop/tfjs";
import { onBackend } from "./tfjs-node.js";
import { hashOf, makeModel, train } from "./tfjs-training.js";

const [, , backend, whose, way, file] = process.argv;
await onBackend(tf, wasm, backend);
if (whose === "ours") register(tf);

async function save(model) {
  const handler = tf.io.withSaveHandler(async ({ weightData, ...artifacts }) => {
    const data = Buffer.from(weightData).toString("base64");
    writeFileSync(file, JSON.stringify({ ...artifacts, weightData: data }));
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
  });
  await model.save(handler, { includeOptimizer: true });
}

async function load() {
  const { weightData, ...artifacts } = JSON.parse(readFileSync(file, "utf8"));
  const { buffer, byteOffset, length } = Buffer.from(weightData, "base64");
  const handler = tf.io.fromMemory({ ...artifacts, weightData: buffer.slice(byteOffset, byteOffset + length) });
  return tf.loadLayersModel(handler);
}

let model;
if (way === "save") {
  const optimizer =
    whose === "ours"
      ? createRMSProp(tf, { learningRate: 0.003, decay: 0.95, momentum: 0.9 })
      : tf.train.rmsprop(0.003, 0.95, 0.9);
  model = makeModel(tf, optimizer, [8, 16, 3]);
  await train(tf, model, 1, 20);
  await save(model);
} else {
  model = await load();
}
const loss = await train(tf, model, 21, 40);
const isOurs = "swapEma" in model.optimizer;
console.log(JSON.stringify({ hash: hashOf(model), loss, isOurs, iterations: model.optimizer.iterations }));
