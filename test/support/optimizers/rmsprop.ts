import { rmspropDefinition } from "../../../lib/optimizers/rmsprop.ts";
import { lectureGains, rmspropPresets } from "../../../lib/optimizers/rmsprop-options.ts";
import { rmspropFormulas } from "../formulas-rmsprop.ts";
import {
  below32,
  beyond32,
  boolean,
  common,
  decay as decayRate,
  fraction,
  infinity,
  kept,
  least,
  least32,
  most32,
  nan,
  preset,
  rate,
} from "../option-kinds.ts";
import type { OptimizerRow } from "./row.ts";

const momentum = { momentum: 0.9, lr: 0.003 };
const nesterov = { ...momentum, nesterov: true };
const centered = { centered: true };
const decay = { weightDecay: 0.02 };

export const rmspropRow: OptimizerRow = {
  definition: rmspropDefinition,
  rule: {
    coefficients: [
      // What RMSprop's defaults make, with each flag's own coefficient beside them.
      {
        gradScale: 1,
        weightDecay: 0.01,
        alpha: 0.99,
        oneMinusAlpha: 1 - 0.99,
        epsIn: -0,
        epsOut: 1e-8,
        lrIn: 1,
        momentum: 0.9,
        lrOut: 0.01,
        paramDecay: 1,
        biasCorrection: 0.8660203251420383, // 1 - 0.99 ** 200, which engines round differently; that of an early step would make the variance of late ones vanish
        gainUp: 0.05,
        gainDown: 0.95,
        gainMin: 0.1,
        gainMax: 10,
        decayRate: 0.01,
        leastVariance: 0,
      },
      // No coefficient neutral. 1 - alpha is above a half, where PyTorch's lerp has another form.
      {
        gradScale: -1,
        weightDecay: 0.03,
        alpha: 0.4,
        oneMinusAlpha: 1 - 0.4,
        epsIn: 1e-7,
        epsOut: 1e-10,
        lrIn: 0.003,
        momentum: 0.5,
        lrOut: 0.7,
        paramDecay: 0.999,
        biasCorrection: 0.97,
        gainUp: 0.3,
        gainDown: 0.7,
        gainMin: 0.6,
        gainMax: 1.5,
        decayRate: 0.3,
        leastVariance: 0.01,
      },
    ],
    neutral: { lrOut: 1 },
    initial: { squareAvg: [0, 1], gradAvg: [-0.1, 0.1], momentumBuffer: [-1, 1], gains: [0.5, 2] },
  },
  flags: {
    momentum: [0, 0.9],
    nesterov: [false, true],
    centered: [false, true],
    biasCorrection: [false, true],
    gains: [null, lectureGains],
  },
  fullest: { momentum: 0.9, centered: true, biasCorrection: true, gains: {} },
  options: {
    lr: rate(0.01),
    alpha: decayRate(0.99),
    eps: kept(1e-8),
    epsInSqrt: boolean(false),
    momentum: fraction(0),
    nesterov: boolean(false),
    lrInMomentum: boolean(false),
    centered: boolean(false),
    biasCorrection: boolean(false),
    gains: {
      default: null,
      domain: "null, {} for the defaults, or { up, down, min, max }",
      good: [null, { up: 0.05, down: 0.95, min: 0.1, max: 10 }, { up: 0, down: 0, min: least32, max: most32 }],
      wide: [{ min: least }, { min: below32 }, { max: beyond32 }, { up: 1e39 }],
      bad: [
        ...[nan, infinity, 1, true, "1", () => null, [0.05, 0.95, 0.1, 10], 1n, Symbol("1")],
        ...[{ up: -1 }, { down: 1.5 }, { min: 0 }, { min: 2 }, { max: 0.5 }, { up: null }, { max: infinity }],
        { upp: 1 },
      ],
    },
    initialSquareAvg: kept(0),
    preset: preset("torch", "torch2", "tf1", "keras"),
    ...common,
  },
  presets: {
    torch: {
      formula: rmspropFormulas.torch,
      cases: [{}, momentum, centered, decay, { ...momentum, ...centered, ...decay, maximize: true }],
    },
    torch2: {
      formula: rmspropFormulas.torch2,
      cases: [
        ...[{}, momentum, centered, { ...momentum, ...centered, ...decay }],
        ...[0.3, 0.5, 0.6].map((alpha) => ({ ...centered, alpha })),
      ],
    },
    tf1: { formula: rmspropFormulas.tf1, cases: [{}, momentum, centered, { ...momentum, ...centered, alpha: 0.95 }] },
    keras: {
      formula: rmspropFormulas.keras,
      cases: [{}, momentum, centered, decay, { ...momentum, ...centered, ...decay, eps: 1e-3 }],
    },
    tfjs: {
      formula: rmspropFormulas.tfjs,
      cases: [{}, momentum, centered, { ...momentum, ...centered, alpha: 0.95, eps: 1e-6 }],
    },
    optax: {
      formula: rmspropFormulas.optax,
      cases: [
        {},
        momentum,
        nesterov,
        centered,
        { epsInSqrt: false, initialSquareAvg: 0.5 },
        { biasCorrection: true },
        { ...nesterov, ...centered, biasCorrection: true, alpha: 0.99 },
      ],
    },
    timm: {
      formula: rmspropFormulas.timm,
      cases: [
        {},
        momentum,
        centered,
        decay,
        { ...decay, decoupledWeightDecay: true },
        { ...momentum, ...centered, ...decay, lrInMomentum: false },
      ],
    },
    mxnet: { formula: rmspropFormulas.mxnet, cases: [{}, decay, centered, { ...centered, ...decay, momentum: 0.5 }] },
    mlx: { formula: rmspropFormulas.mlx, cases: [{}, { lr: 0.003, alpha: 0.9, eps: 1e-3 }] },
    graves: { formula: rmspropFormulas.graves, cases: [{}, { lr: 0.01, alpha: 0.9, momentum: 0.5, eps: 0.01 }] },
    dqn: { formula: rmspropFormulas.dqn, cases: [{}, { lr: 0.01, alpha: 0.9, eps: 1e-3 }] },
    hinton: { formula: rmspropFormulas.hinton, cases: [{}, { lr: 0.1 }] },
  },
  written: {
    biasCorrection: "(1 - alpha^t)",
    gainUp: "up",
    gainDown: "down",
    gainMin: "min",
    gainMax: "max",
  },
  page: {
    columns: ({ formula, underRoot, decayed, defaults }) => [
      {
        title: "mean square",
        cell: (preset) => formula(preset, { centered: false, momentum: 0 }, "squareAvg"),
      },
      {
        title: "mean, centered",
        cell: (preset) => formula(preset, { centered: true, momentum: 0 }, "gradAvg"),
      },
      {
        title: "variance, centered",
        cell: (preset) => underRoot(preset, { centered: true, momentum: 0 }),
      },
      {
        title: "step, plain",
        cell: (preset) => formula(preset, { centered: false, momentum: 0 }, "param").replace(/^`param - /, "`"),
      },
      {
        title: "momentum buffer",
        cell: (preset) => formula(preset, { centered: false, momentum: 0.9 }, "momentumBuffer"),
      },
      {
        title: "step with momentum",
        cell: (preset) => formula(preset, { centered: false, momentum: 0.9 }, "param"),
      },
      { title: "decoupled decay", cell: (preset) => decayed(preset, { centered: false, momentum: 0 }) },
      {
        title: "`1 - alpha` in",
        cell: (preset) => (preset ? rmspropPresets[preset as keyof typeof rmspropPresets].complementIn : "double"),
      },
      { title: "defaults", cell: (preset) => defaults(preset) },
      {
        title: "defaults if `centered` is true",
        cell: (preset) => {
          const given = defaults(preset, { centered: true });
          return given === defaults(preset) ? "the same" : given;
        },
      },
    ],
    notes: `- \`torch\`: PyTorch 1.13.1's CPU kernels for AVX2 and later. Compared with it in a test: 0 differing elements after 1,000 steps.
- \`torch2\`: PyTorch 2's, whose mean is a lerp; its formula, not compared with a run.
- \`tf1\`: TensorFlow 1's ApplyRMSProp and ApplyCenteredRMSProp. The formula: its own bits depend on how Eigen was built. Its \`lr\` has no default.
- \`keras\`: Keras 3 on TensorFlow or JAX; on PyTorch its order of operations is another. Its weight decay is decoupled; \`decoupledWeightDecay: false\` makes it L2.
- \`tfjs\`: TensorFlow.js. Compared with its cpu backend in a test: 0 differing elements after 1,000 steps. Its bug is kept: where centered it subtracts epsilon under the root, so that zero gradients make NaN. Its \`lr\` has no default.
- \`optax\`: the formula; XLA may fuse multiplications with additions, and then its own bits are others. \`nesterov\` and \`biasCorrection\` are its too; \`alpha^t\` is computed by squaring in double. Its trace is our momentum buffer negated. Its \`lr\` has no default.
- \`timm\`: RMSpropTF, by its formula. It runs on PyTorch's kernels, which fuse some of it on float32.
- \`mxnet\`: the formula; its own bits depend on its compiler. Epsilon is inside the root only where centered, and there is momentum only there: its defaults depend on whether \`centered: true\` is given beside it. Its delta is our momentum buffer negated.
- \`mlx\`: it has neither momentum nor centering; with those, the arithmetic is the one without a preset. Its \`lr\` has no default.
- \`graves\`: Graves 2013, "Generating sequences with recurrent neural networks", equations 38 to 45. His delta is our momentum buffer negated.
- \`dqn\`: Mnih and others 2015, "Human-level control through deep reinforcement learning": what the paper calls gradient momentum is the decay of the mean, and there is no momentum buffer.
- \`hinton\`: lecture 6e, 2012. It has no epsilon, and divides zero by zero where a weight had only zero gradients. Ours is 1e-20, outside the root: a zero gradient makes a zero step, it is above every gradient whose square vanishes in float32, so that none of those makes a huge step, and it changes no bit of a root above 1e-12 in float32 or 2e-4 in float64. Its Nesterov, momentum and gains are options.

Their faults are kept:

- Where centered, the variance of every system here goes below zero by rounding where gradients hardly vary, and its root is NaN (\`torch\`, \`torch2\`, \`tf1\`, \`keras\`, \`optax\`, \`timm\`, \`mxnet\`, \`graves\`, \`dqn\`), unless epsilon is under the root and larger than the error. \`tfjs\` subtracts epsilon there, which makes NaN of every zero gradient. Without a preset, and with \`mlx\` and \`hinton\`, which have no centering of their own, it is taken as 0.
- \`mxnet\` has no momentum unless centered; one that is given beside the preset counts here.
- \`timm\` and \`tf1\` start the mean square at 1, so that the first steps are too small rather than too large.

What keeps a momentum buffer even without momentum (\`tf1\`, \`tfjs\`) keeps none here: that shows only in the sign of a zero of a parameter that is -0, and after infinities.`,
  },
};
