// What the page of bench/tfjs.ts measures.
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { denseShapes, lineOf, steps } from "./tfjs-turns.ts";

/** @param wasmFolder Where the page finds the wasm backend's binaries. */
export async function measure(wasmFolder: string): Promise<string[]> {
  setWasmPaths(wasmFolder);
  await tf.setBackend("wasm");
  // A page's clock has a tenth of a millisecond.
  const lines = [lineOf("Chromium, wasm, 669,706 weights in 6 variables, no training", steps(denseShapes, 100, 5))];
  await tf.setBackend("cpu");
  lines.push(lineOf("Chromium, cpu, the same", steps(denseShapes, 20)));
  return lines;
}
