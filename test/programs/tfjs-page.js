// What a page does with TensorFlow.js and ours: trains by both on each backend, and reports how many bits differ.
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { createRMSProp } from "rmsprop/tfjs";
import { bitsOf, makeModel, train } from "./tfjs-training.js";

async function trained(optimizer, steps) {
  const model = makeModel(tf, optimizer, [8, 64, 64, 3]);
  const loss = await train(tf, model, 1, steps);
  return { bits: bitsOf(model), loss };
}

const count = (arrays, isCounted) =>
  arrays.reduce((sum, words, i) => sum + words.filter((word, j) => isCounted(word, i, j)).length, 0);

async function compare(steps, write) {
  const theirs = await trained(tf.train.rmsprop(0.003, 0.9, 0.5), steps);
  const ours = await trained(createRMSProp(tf, { learningRate: 0.003, momentum: 0.5, write }), steps);
  return {
    weights: count(ours.bits, () => true),
    differing: count(ours.bits, (word, i, j) => word !== theirs.bits[i][j]),
    finite: count(ours.bits, (word) => (word & 0x7f800000) !== 0x7f800000),
    isSameLoss: ours.loss === theirs.loss,
  };
}

/** @param wasmFolder Where the page finds the wasm backend's binaries. */
export async function compareAll(wasmFolder, steps) {
  setWasmPaths(wasmFolder);
  const found = {};
  for (const backend of ["cpu", "wasm"]) {
    if (!(await tf.setBackend(backend))) throw new Error(`Expected TensorFlow.js to have its backend ${backend}.`);
    for (const write of ["replace", "inPlace"]) found[`${backend}, ${write}`] = await compare(steps, write);
  }
  const { buffer } = tf.backend().wasm.HEAPU8;
  return { ...found, heap: buffer.constructor.name };
}
