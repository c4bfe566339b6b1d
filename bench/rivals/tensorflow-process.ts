// Steps of TensorFlow.js's optimizers: tensorflow-process.js BACKEND.
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Optimizer, Tensor, Variable } from "@tensorflow/tfjs-core";
import { type Contender, numbersOf, repeated } from "../contenders/contender.ts";
import { serve } from "../contenders/remote-process.ts";
import { Missing, makeWork, type Work } from "../work.ts";
import { tensorflowFolder } from "./tensorflow.ts";

const [backend = "cpu"] = process.argv.slice(2);
const require = createRequire(join(tensorflowFolder, "package.json"));
const tf: typeof import("@tensorflow/tfjs-core") = require("@tensorflow/tfjs-core");
require(`@tensorflow/tfjs-backend-${backend}`);

function optimizerOf({ case: of }: Work): Optimizer {
  const { lr, alpha, eps, momentum, weightDecay, centered } = numbersOf(of);
  if (weightDecay) throw new Missing("TensorFlow.js has no weight decay");
  if (of.type !== "float32") throw new Missing("TensorFlow.js computes in float32 only");
  if (of.optimizer === "RMSprop") return tf.train.rmsprop(lr, alpha, momentum, eps, centered === 1);
  if (of.optimizer === "SGD") return momentum ? tf.train.momentum(lr, momentum) : tf.train.sgd(lr);
  throw new Missing(`TensorFlow.js has no ${of.optimizer} like ours`);
}

/**
 * What its WebAssembly runs with, which it finds out by itself. Threads it never takes on Node (flags_wasm.js); with the flag
 * forced its workers do not start there, because their program is a blob's address.
 */
const hasSimd = () => tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");

async function contenderOf(work: Work): Promise<Contender> {
  await tf.setBackend(backend);
  await tf.ready();
  tf.disposeVariables();
  const optimizer = optimizerOf(work);
  const gradients: Record<string, Tensor> = {};
  const variables: Variable[] = work.arrays.map(({ param, grad }, i) => {
    const name = `p${i}`;
    gradients[name] = tf.tensor1d(Float32Array.from(grad));
    return tf.variable(tf.tensor1d(Float32Array.from(param)), true, name);
  });
  return {
    run: repeated(() => optimizer.applyGradients(gradients)),
    param: () => (variables[0] as Variable).dataSync() as Float32Array,
    version:
      backend === "wasm" ? `${tf.version_core}${(await hasSimd()) ? " with SIMD" : ""}, one thread` : tf.version_core,
  };
}

await serve(async (of) => contenderOf(makeWork(of)));
