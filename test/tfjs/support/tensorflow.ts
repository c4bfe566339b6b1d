// TensorFlow.js for tests, on the backends that the adapter knows.
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

export { tf };

export const backendNames = ["cpu", "wasm"] as const;
export type BackendName = (typeof backendNames)[number];

/** The folder of the wasm backend's binaries. */
export const wasmFolder = dirname(fileURLToPath(import.meta.resolve("@tensorflow/tfjs-backend-wasm"))) + sep;

setWasmPaths(wasmFolder);

/** Makes a backend the one in use. */
export async function useBackend(name: BackendName): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error(`Expected TensorFlow.js to have its backend ${name}.`);
  // Its own kernels leave data behind on wasm, which it only tells when it believes to be tested.
  tf.env().set("IS_TEST", false);
}

/**
 * The gradient of a convolution's filter, which the wasm backend lacks, for stride 1 and no padding: the convolution of
 * the input with the output's gradient, examples and channels exchanged.
 */
export function registerFilterGradient(): void {
  if (tf.getKernel("Conv2DBackpropFilter", "wasm")) return;
  tf.registerKernel({
    kernelName: "Conv2DBackpropFilter",
    backendName: "wasm",
    kernelFunc: ({ inputs }) =>
      tf.tidy(() => {
        const input = tf.transpose(inputs.x as tf.Tensor4D, [3, 1, 2, 0]);
        const gradient = tf.transpose(inputs.dy as tf.Tensor4D, [1, 2, 0, 3]);
        return tf.transpose(tf.conv2d(input, gradient, 1, "valid"), [1, 2, 0, 3]);
      }),
  });
}

/** How many float32 elements have other bits. */
export function differing(found: Float32Array, expected: Float32Array): number {
  const bits = ({ buffer, byteOffset, length }: Float32Array) => new Uint32Array(buffer, byteOffset, length);
  const [a, b] = [bits(found), bits(expected)];
  return Math.max(a.length, b.length) - a.filter((word, i) => word === b[i]).length;
}

/** A tensor's values, in an array that nobody else has. */
export const valuesOf = (tensor: tf.Tensor): Float32Array => Float32Array.from(tensor.dataSync());
