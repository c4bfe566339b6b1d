// Steps the whole family, generic over the runtime: no imports, so that it also runs in a browser. What it digests must be
// equal on every runtime, platform and backend.

/** A uniform generator over [0, 1) with its seed (mulberry32). */
export function uniformFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * 64 bits over the bits of arrays, as text.
 * @throws Error for a NaN, whose bits are unspecified: no step here makes one.
 */
export function digestOf(arrays) {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (const array of arrays) {
    if (array.some(Number.isNaN)) throw new Error("Expected no NaN among the results.");
    for (const word of new Uint32Array(array.buffer, array.byteOffset, array.byteLength / 4)) {
      a = Math.imul(a ^ word, 0x01000193);
      b = Math.imul((b << 13) | (b >>> 19), 5) ^ word;
    }
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}

/** An element, less than and more than a tile, and many tiles with a tail. */
const shapes = { one: [1], small: [7, 43], tile: [1024], many: [5, 1231] };

/** What is trained: every optimizer, with options that reach its flags, and every preset. */
export const cases = {
  RMSprop: [
    {},
    { momentum: 0.9, nesterov: true },
    { centered: true, weightDecay: 0.01 },
    { alpha: 0.9, eps: 1e-4, epsInSqrt: true, momentum: 0.5, lrInMomentum: true, maximize: true },
    { biasCorrection: true, weightDecay: 0.1, decoupledWeightDecay: true, lr: (step) => 0.1 / step },
    ...["torch", "torch2", "tf1", "keras", "tfjs", "optax", "timm", "mxnet", "mlx", "graves", "dqn", "hinton"].map(
      (preset) => ({ preset }),
    ),
  ],
  SGD: [
    {},
    { momentum: 0.9, dampening: 0.1, weightDecay: 0.01 },
    { momentum: 0.9, nesterov: true },
    ...["torch", "tf1", "keras", "tfjs", "optax"].map((preset) => ({ preset, momentum: 0.9 })),
  ],
  Adagrad: [
    {},
    { lrDecay: 0.01, weightDecay: 0.1 },
    ...["torch", "keras", "tfjs", "optax"].map((preset) => ({ preset })),
  ],
  Rprop: [{}, { etas: [0.4, 1.3], stepSizes: [1e-4, 0.1] }, { preset: "torch" }, { preset: "optax" }],
  Adadelta: [{}, { rho: 0.5, weightDecay: 0.1, lr: (step) => 1 / step }, { preset: "torch" }, { preset: "tfjs" }],
  Adam: [
    {},
    { amsgrad: true, weightDecay: 0.1, beta2: 0.9, maximize: true },
    { preset: "torch", amsgrad: true },
    { preset: "tfjs" },
  ],
  AdamW: [{}, { preset: "torch" }],
};

const names = Object.keys(shapes);

/** Writes the values that training starts from. */
function fill(model) {
  names.forEach((name, i) => {
    const uniform = uniformFrom(100 + i);
    const data = model.params[name];
    for (let j = 0; j < data.length; j++) data[j] = 4 * uniform() - 2;
  });
}

/** Writes a step's gradients: of many sizes, zeros and subnormal ones among them. */
export function gradient(model, step) {
  names.forEach((name, i) => {
    const uniform = uniformFrom(step * 131 + i);
    const grad = model.grads[name];
    for (let j = 0; j < grad.length; j++) {
      const kind = uniform();
      const value = 2 * uniform() - 1;
      grad[j] = kind < 0.05 ? 0 : kind < 0.1 ? value * 2 ** -126 : kind < 0.15 ? value * 1e-12 : value;
    }
  });
}

/** A model with its values and an optimizer of it; `allocation` is for `allocate`. */
export function begin(rmsprop, optimizerName, options, allocation) {
  const model = rmsprop.allocate(shapes, allocation);
  fill(model);
  return { model, optimizer: new rmsprop[optimizerName](model.parameters, options) };
}

/** A digest of every array that an optimizer of a model works on, but its gradients. */
export function digestOfTraining({ model, optimizer }) {
  const arrays = names.flatMap((name) => [
    model.params[name],
    ...Object.values(optimizer.state(name)).filter((value) => ArrayBuffer.isView(value)),
  ]);
  return digestOf(arrays);
}

export const steps = 10;

/**
 * Trains with every case of `cases`.
 * @param rmsprop The package's namespace.
 * @returns what executed it, and a digest of each case.
 */
export function smoke(rmsprop) {
  const digests = {};
  for (const [optimizerName, optionSets] of Object.entries(cases)) {
    optionSets.forEach((options, index) => {
      for (const dtype of ["float32", "float64"]) {
        const training = begin(rmsprop, optimizerName, options, { dtype });
        const { model, optimizer } = training;
        for (let step = 1; step <= steps; step++) {
          gradient(model, step);
          optimizer.step();
        }
        digests[`${optimizerName} ${options.preset ?? index} ${dtype}`] = digestOfTraining(training);
        optimizer.dispose();
        model.dispose();
      }
    });
  }
  const { name, isa, fallbackReason } = rmsprop.backend;
  return { backend: name, isa, fallbackReason, digests };
}
