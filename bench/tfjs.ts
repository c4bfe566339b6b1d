// How long TensorFlow.js's RMSProp takes, and ours in its place: in training on its backends in Node, and in Chromium.
// Not a suite of cases: TensorFlow.js is what is measured too. npm run bench:tfjs [-- CASE ...]
import { createRequire } from "node:module";
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { rolldown } from "rolldown";
import { registerConvGradient } from "../examples/tfjs/conv-gradient.ts";
import { chromium, open } from "../test/support/chromium.ts";
import { root } from "./addon.ts";
import { lineOf, steps, training } from "./tfjs-turns.ts";

const batchSize = 32;
const wasmFolder = join(
  dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json")),
  "dist/",
);

const compiled = (optimizer: tf.Optimizer, layers: tf.layers.Layer[]) => {
  const model = tf.sequential({ layers });
  model.compile({ optimizer, loss: "categoricalCrossentropy" });
  return model;
};

/** A batch of noise: how long a step takes does not depend on what is learnt. */
const batchOf =
  (shape: readonly number[], classes: number) =>
  (turn: number): { x: tf.Tensor; y: tf.Tensor } => ({
    x: tf.randomUniform([batchSize, ...shape], 0, 1, "float32", 1000 + turn),
    y: tf.tidy(() => tf.oneHot(tf.range(0, batchSize, 1, "int32").mod(tf.scalar(classes, "int32")), classes).toFloat()),
  });

const dense = (turns: number) =>
  training(
    (optimizer) =>
      compiled(optimizer, [
        tf.layers.dense({ inputShape: [784], units: 512, activation: "relu" }),
        tf.layers.dense({ units: 512, activation: "relu" }),
        tf.layers.dense({ units: 10, activation: "softmax" }),
      ]),
    batchOf([784], 10),
    turns,
  );

const lstm = () =>
  training(
    (optimizer) =>
      compiled(optimizer, [
        tf.layers.lstm({ inputShape: [24, 27], units: 64 }),
        tf.layers.dense({ units: 27, activation: "softmax" }),
      ]),
    batchOf([24, 27], 27),
    100,
  );

const conv = () =>
  training(
    (optimizer) =>
      compiled(optimizer, [
        tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 8, kernelSize: 3, activation: "relu" }),
        tf.layers.averagePooling2d({ poolSize: 2 }),
        tf.layers.conv2d({ filters: 16, kernelSize: 3, activation: "relu" }),
        tf.layers.averagePooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 10, activation: "softmax" }),
      ]),
    batchOf([28, 28, 1], 10),
    100,
  );

async function inChromium(): Promise<string> {
  if (chromium === undefined) return "Chromium: there is none";
  const file = join(root, "build", "bench", "tfjs", "page.js");
  const bundle = await rolldown({
    input: join(root, "bench", "tfjs-page.ts"),
    platform: "browser",
    cwd: root,
    logLevel: "silent",
  });
  await bundle.write({ file, format: "esm" });
  await bundle.close();
  const script = `report(await (await import("/bench/page.js")).measure("/tfjs/"));`;
  return (await open<string[]>({ script }, { bench: dirname(file), tfjs: wasmFolder }, 300_000)).join("\n");
}

async function on(
  backend: string,
  name: string,
  measure: () => ReturnType<typeof training> | ReturnType<typeof steps>,
) {
  if (!(await tf.setBackend(backend))) throw new Error(`Expected TensorFlow.js to start its backend ${backend}.`);
  return lineOf(`${backend}, ${name}`, await measure());
}

const cases: Readonly<Record<string, () => Promise<string>>> = {
  "dense-wasm": () => on("wasm", "dense, 669,706 weights", () => dense(200)),
  "dense-cpu": () => on("cpu", "dense, 669,706 weights", () => dense(100)),
  "small-wasm": () => on("wasm", "50 variables of 64, no training", () => steps(Array(50).fill([64]), 300)),
  "lstm-wasm": () => on("wasm", "LSTM of 64 units", lstm),
  "conv-wasm": () => on("wasm", "two convolutions", conv),
  chromium: inChromium,
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(cases);
const unknown = names.find((name) => !(name in cases));
if (unknown) throw new Error(`Expected cases of ${Object.keys(cases).join(", ")}, but found ${unknown}.`);

tf.enableProdMode(); // says nothing of its other backends
setWasmPaths(wasmFolder);
registerConvGradient();
const load = () => loadavg()[0]?.toFixed(1);
console.log(`${cpus()[0]?.model.trim()}, Node ${process.version}, TensorFlow.js ${tf.version.tfjs}, load ${load()}`);
for (const name of names) console.log(await cases[name]?.());
console.log(`load ${load()}`);
