import * as tf from "@tensorflow/tfjs";

const kernelName = "Conv2DBackpropFilter";

/**
 * Gives the backend wasm the gradient of a convolution by its filter, which TensorFlow.js 4.22 lacks there: a training with
 * a convolution ends with "Kernel 'Conv2DBackpropFilter' not registered for backend 'wasm'"
 * (https://github.com/tensorflow/tfjs/issues/8474). Where TensorFlow.js has one, that stays.
 *
 * That gradient is a convolution itself, of the inputs with the gradients of the outputs, in which batch and channels have
 * changed places: what is summed over is the batch. This form of it holds for strides of 1 and no padding.
 */
export function registerConvGradient(): void {
  if (tf.getKernel(kernelName, "wasm")) return;
  tf.registerKernel({
    kernelName,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => {
      const { strides, pad, dataFormat } = attrs as { strides: number | number[]; pad: unknown; dataFormat: string };
      if ([strides].flat().some((stride) => stride !== 1) || pad !== "valid" || dataFormat !== "NHWC") {
        throw new Error(
          `Expected a convolution with strides 1, padding valid and format NHWC, but found ${strides}, ${pad} and ${dataFormat}.`,
        );
      }
      // A kernel is given the tensors that the gradient was asked for with; its type says less.
      const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
      return tf.tidy(() => {
        const channelsFirst = tf.transpose(x, [3, 1, 2, 0]);
        const gradients = tf.transpose(dy, [1, 2, 0, 3]);
        return tf.transpose(tf.conv2d(channelsFirst, gradients, 1, "valid"), [1, 2, 0, 3]);
      });
    },
  });
}
