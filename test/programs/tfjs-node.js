// TensorFlow.js on its backends in Node.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Makes a backend of a copy of TensorFlow.js the one in use. */
export async function onBackend(tf, wasm, name) {
  const folder = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json"));
  wasm.setWasmPaths(join(folder, "dist/"));
  tf.enableProdMode(); // says nothing of its other backends
  if (!(await tf.setBackend(name))) throw new Error(`Expected TensorFlow.js to have its backend ${name}.`);
}
