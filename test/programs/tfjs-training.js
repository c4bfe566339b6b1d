// A training by TensorFlow.js's layers that is the same everywhere: in a process, a thread or a page.

/** Numbers from -1 to 1 without 0, from a seed. */
function numbers(length, seed) {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >> 8) | 1) / 2 ** 23;
  });
}

/** A dense network with weights from seeds, under an optimizer. */
export function makeModel(tf, optimizer, [inputs, ...units]) {
  const kernelInitializer = (seed) => tf.initializers.glorotUniform({ seed });
  const layers = units.map((unit, i) =>
    tf.layers.dense({
      units: unit,
      ...(i === 0 ? { inputShape: [inputs] } : {}),
      ...(i === units.length - 1 ? {} : { activation: "tanh" }),
      kernelInitializer: kernelInitializer(i + 1),
    }),
  );
  const model = tf.sequential({ layers });
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

/** Trains on a batch of 16 that depends on the step alone. Returns the last loss. */
export async function train(tf, model, from, to) {
  let loss = 0;
  const [inputs] = model.inputs[0].shape.slice(-1);
  const [outputs] = model.outputs[0].shape.slice(-1);
  for (let step = from; step <= to; step++) {
    const x = tf.tensor2d(numbers(16 * inputs, step), [16, inputs]);
    const y = tf.tensor2d(numbers(16 * outputs, -step), [16, outputs]);
    loss = await model.trainOnBatch(x, y);
    x.dispose();
    y.dispose();
  }
  return loss;
}

/** The bits of a model's weights. */
export function bitsOf(model) {
  return model.getWeights().map((tensor) => new Uint32Array(Float32Array.from(tensor.dataSync()).buffer));
}

/** One number of 53 bits for a model's weights: FNV of all of their words, in two halves. */
export function hashOf(model) {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (const words of bitsOf(model)) {
    for (const word of words) {
      a = Math.imul(a ^ word, 0x01000193);
      b = Math.imul(b ^ (word >>> 7) ^ (word << 3), 0x01000193);
    }
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
