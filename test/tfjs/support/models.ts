// Small models with their data, the same each time. No input is 0: then no gradient stays 0.
import { tf } from "./tensorflow.ts";

const draw = (seed: number) => tf.initializers.glorotUniform({ seed });

/** The seeds of a layer's kernel and bias; biases that begin with 0 would make it no difference which gets which. */
const seeded = (seed: number) => ({
  kernelInitializer: draw(seed),
  biasInitializer: tf.initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed: seed + 1 }),
});

export interface ModelRow {
  readonly title: string;
  readonly input: readonly number[];
  readonly layers: () => tf.layers.Layer[];
}

const outputs = 3;

export const models = {
  dense: {
    title: "dense",
    input: [16, 7],
    layers: () => [
      tf.layers.dense({ units: 9, activation: "tanh", ...seeded(1), inputShape: [7] }),
      tf.layers.dense({ units: outputs, ...seeded(3) }),
    ],
  },
  lstm: {
    title: "LSTM",
    input: [5, 2, 2],
    layers: () => [
      tf.layers.lstm({ units: 3, ...seeded(1), recurrentInitializer: draw(5), inputShape: [2, 2] }),
      tf.layers.dense({ units: outputs, ...seeded(3) }),
    ],
  },
  convolution: {
    title: "convolution",
    input: [3, 6, 6, 1],
    layers: () => [
      tf.layers.conv2d({ filters: 2, kernelSize: 3, activation: "tanh", ...seeded(1), inputShape: [6, 6, 1] }),
      tf.layers.averagePooling2d({ poolSize: 2, strides: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: outputs, ...seeded(3) }),
    ],
  },
} as const satisfies Readonly<Record<string, ModelRow>>;

/** Trains a fresh model on one batch, over and over. */
export class Trial {
  readonly model: tf.Sequential;
  readonly #x: tf.Tensor;
  readonly #y: tf.Tensor;

  constructor({ input, layers }: ModelRow, optimizer: tf.Optimizer) {
    this.model = tf.sequential({ layers: layers() });
    this.model.compile({ optimizer, loss: "meanSquaredError" });
    this.#x = tf.randomUniform([...input], 0.1, 1, "float32", 11);
    this.#y = tf.randomUniform([input[0] as number, outputs], -1, 1, "float32", 12);
  }

  /** @returns The loss before the last step. */
  async train(steps: number): Promise<number> {
    let loss = Number.NaN;
    for (let i = 0; i < steps; i++) loss = (await this.model.trainOnBatch(this.#x, this.#y)) as number;
    return loss;
  }

  /** All weights, one after the other. */
  get weights(): Float32Array {
    return Float32Array.from(this.model.getWeights().flatMap((each) => [...each.dataSync()]));
  }

  dispose(): void {
    this.#x.dispose();
    this.#y.dispose();
    this.model.dispose(); // and the optimizer that it made of a name, not one that it was given
    this.model.optimizer.dispose();
  }
}
