// The presets of all optimizers, as data: bundles of options and arithmetic named after other systems. The page
// docs/presets.md is made of them.
import type { Preset } from "./definition.ts";
import type { AdagradOptions } from "./optimizers/adagrad.ts";
import type { RMSpropOptions } from "./optimizers/rmsprop.ts";
import type { RpropOptions } from "./optimizers/rprop.ts";
import type { SGDOptions } from "./optimizers/sgd.ts";

export interface RMSpropPreset extends Preset<RMSpropOptions> {
  /** The rule's flag. Some differ from another only where centered. */
  readonly arithmetic: "standard" | "torch" | "torch2" | "tensorflow" | "keras" | "tfjs" | "optax";
  /** Whether `1 - alpha` is computed in double and then rounded, or in the number type of the parameters. */
  readonly complementIn: "double" | "number type";
  /** Decoupled weight decay: a factor of the parameter, or subtracted in two products as Keras does. */
  readonly decay: "factor" | "subtracted";
}

export type RMSpropPresetName =
  | "torch"
  | "torch2"
  | "tf1"
  | "keras"
  | "tfjs"
  | "optax"
  | "timm"
  | "mxnet"
  | "mlx"
  | "graves"
  | "dqn"
  | "hinton";

export const rmspropPresets: Readonly<Record<RMSpropPresetName, RMSpropPreset>> = {
  torch: { arithmetic: "torch", complementIn: "double", decay: "factor", options: {} },
  torch2: { arithmetic: "torch2", complementIn: "double", decay: "factor", options: {} },
  tf1: {
    arithmetic: "tensorflow",
    complementIn: "number type",
    decay: "factor",
    options: { alpha: 0.9, eps: 1e-10, epsInSqrt: true, lrInMomentum: true, initialSquareAvg: 1 },
  },
  keras: {
    arithmetic: "keras",
    complementIn: "double",
    decay: "subtracted",
    options: { lr: 0.001, alpha: 0.9, eps: 1e-7, epsInSqrt: true, lrInMomentum: true, decoupledWeightDecay: true },
  },
  tfjs: {
    arithmetic: "tfjs",
    complementIn: "double",
    decay: "factor",
    options: { alpha: 0.9, eps: 1e-7, epsInSqrt: true, lrInMomentum: true },
  },
  optax: {
    arithmetic: "optax",
    complementIn: "double",
    decay: "factor",
    options: { alpha: 0.9, eps: 1e-8, epsInSqrt: true, lrInMomentum: true },
  },
  timm: {
    arithmetic: "tensorflow",
    complementIn: "double",
    decay: "factor",
    options: { lr: 0.01, alpha: 0.9, eps: 1e-10, epsInSqrt: true, lrInMomentum: true, initialSquareAvg: 1 },
  },
  mxnet: {
    arithmetic: "keras",
    complementIn: "number type",
    decay: "factor",
    options: ({ centered = false }) => ({
      lr: 0.001,
      alpha: 0.9,
      eps: 1e-8,
      epsInSqrt: centered,
      momentum: centered ? 0.9 : 0,
      lrInMomentum: true,
    }),
  },
  mlx: { arithmetic: "standard", complementIn: "double", decay: "factor", options: { alpha: 0.99, eps: 1e-8 } },
  graves: {
    arithmetic: "keras",
    complementIn: "double",
    decay: "factor",
    options: {
      lr: 1e-4,
      alpha: 0.95,
      momentum: 0.9,
      eps: 1e-4,
      epsInSqrt: true,
      lrInMomentum: true,
      centered: true,
    },
  },
  dqn: {
    arithmetic: "keras",
    complementIn: "double",
    decay: "factor",
    options: { lr: 0.00025, alpha: 0.95, eps: 0.01, epsInSqrt: true, centered: true },
  },
  hinton: {
    arithmetic: "standard",
    complementIn: "double",
    decay: "factor",
    // The lecture has no epsilon: 0 / 0 where all gradients were zero. This one is larger than every gradient whose
    // square vanishes in float32, so that none of those makes a huge step, and changes no bit of a root above 1e-12.
    options: { lr: 0.001, alpha: 0.9, eps: 1e-20 },
  },
};

export interface SGDPreset extends Preset<SGDOptions> {
  /** The rule's flag. */
  readonly arithmetic: "standard" | "torch" | "tensorflow" | "keras";
  /** Whether the momentum buffer begins as a copy of the first gradient, zeros with their signs and undampened. */
  readonly firstGradientCopied: boolean;
}

export type SGDPresetName = "torch" | "tf1" | "keras" | "tfjs" | "optax";

export const sgdPresets: Readonly<Record<SGDPresetName, SGDPreset>> = {
  torch: { arithmetic: "torch", firstGradientCopied: true, options: {} },
  tf1: { arithmetic: "tensorflow", firstGradientCopied: false, options: {} },
  keras: { arithmetic: "keras", firstGradientCopied: false, options: { lr: 0.01, decoupledWeightDecay: true } },
  tfjs: { arithmetic: "standard", firstGradientCopied: false, options: {} },
  optax: { arithmetic: "standard", firstGradientCopied: false, options: {} },
};

export interface AdagradPreset extends Preset<AdagradOptions> {
  /** The rule's flag. */
  readonly arithmetic: "standard" | "torch" | "optax";
  /** Whether the learning rate multiplies the gradient before the division, or the quotient. */
  readonly lrFirst: boolean;
  /** Decoupled weight decay: a factor of the parameter, or subtracted in two products as Keras does. */
  readonly decay: "factor" | "subtracted";
}

export type AdagradPresetName = "torch" | "keras" | "tfjs" | "optax";

export const adagradPresets: Readonly<Record<AdagradPresetName, AdagradPreset>> = {
  torch: { arithmetic: "torch", lrFirst: true, decay: "factor", options: {} },
  keras: {
    arithmetic: "standard",
    lrFirst: true,
    decay: "subtracted",
    options: { lr: 0.001, initialAccumulator: 0.1, eps: 1e-7, epsInSqrt: true, decoupledWeightDecay: true },
  },
  tfjs: {
    arithmetic: "standard",
    lrFirst: false,
    decay: "factor",
    options: { initialAccumulator: 0.1, eps: 1e-7, epsInSqrt: true },
  },
  optax: {
    arithmetic: "optax",
    lrFirst: false,
    decay: "factor",
    options: { initialAccumulator: 0.1, eps: 1e-7, epsInSqrt: true },
  },
};

export interface RpropPreset extends Preset<RpropOptions> {
  /** The rule's flag. */
  readonly arithmetic: "standard" | "torch" | "optax";
}

export type RpropPresetName = "torch" | "optax";

export const rpropPresets: Readonly<Record<RpropPresetName, RpropPreset>> = {
  torch: { arithmetic: "torch", options: {} },
  optax: { arithmetic: "optax", options: {} },
};
