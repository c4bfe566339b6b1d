// In which order docs/api.md tells what the package exports, and what it says before.

import { definitions } from "../../lib/optimizers/all.ts";

const names = definitions.map(({ name }) => name);

export interface Section {
  readonly title: string;
  /** Markdown. */
  readonly intro?: string;
  /** The names of exports. A class is followed by its members, a namespace by what it exports. */
  readonly exports: readonly string[];
  /** The order of a namespace's functions. */
  readonly order?: readonly string[];
}

export interface EntryPoint {
  /** As programs import it. */
  readonly specifier: string;
  /** Its files, for all runtimes. */
  readonly files: readonly string[];
  readonly sections: readonly Section[];
}

export const entryPoints: readonly EntryPoint[] = [
  {
    specifier: "rmsprop",
    files: ["lib/index.ts", "lib/browser.ts", "lib/workerd.ts"],
    sections: [
      {
        title: "Arrays",
        intro:
          "An optimizer steps typed arrays where they lie. `allocate` makes some that steps run fastest on; a list of `Parameter` names any others.",
        exports: [
          "allocate",
          "Model",
          "AllocateOptions",
          "Shapes",
          "Parameter",
          "PlaceholderParameter",
          "AnyParameter",
          "ParameterName",
          "FloatArray",
          "NumberType",
        ],
      },
      {
        title: "Optimizers",
        intro:
          "Each takes parameters, or groups of them, and options. What they do from then on is the same: see [Steps and state](#steps-and-state).",
        exports: [...names, "ParamsInput", "ParamGroupInput"],
      },
      {
        title: "Steps and state",
        intro: "What every optimizer has.",
        exports: [
          "Optimizer",
          "StepArrays",
          "StepArraysOf",
          "StepInfo",
          "ParamGroup",
          "ParameterState",
          ...names.map((name) => `${name}State`),
          "StateDict",
          "StateInput",
          "LoadStateOptions",
          "Unmatched",
          "LossScaleState",
        ],
      },
      {
        title: "Options",
        intro:
          "[options.md](options.md) has each option with its formula, default, unit, and what other systems call it; [presets.md](presets.md) has what presets set.",
        exports: [
          ...names.map((name) => `${name}Options`),
          "CommonOptions",
          "StageOptions",
          "OptimizerOptions",
          "LearningRate",
          "Gains",
          "Ema",
          "LossScale",
          "Diagnostic",
        ],
      },
      {
        title: "Schedules",
        intro:
          "`schedules` has learning rates that change with the step, for `lr`. Those without state are functions of the step, which counts from 1; the state of others goes with the optimizer's. They have the same bits on every runtime.",
        exports: ["schedules", "Schedule", "ScheduleState"],
        order: [
          "constant",
          "step",
          "exponential",
          "cosine",
          "linearWarmup",
          "oneCycle",
          "reduceOnPlateau",
          "sequence",
          "chain",
        ],
      },
      { title: "The backend", exports: ["backend", "BackendInfo"] },
      { title: "Errors", exports: ["OptimError", "OptimErrorCode"] },
    ],
  },
  {
    specifier: "rmsprop/checkpoint",
    files: ["lib/checkpoint/index.ts", "lib/checkpoint/browser.ts"],
    sections: [
      {
        title: "Checkpoints",
        intro:
          'From `"rmsprop/checkpoint"`. [checkpoints.md](checkpoints.md) says what is promised, and what a file looks like.',
        exports: [
          "saveCheckpoint",
          "saveCheckpointAsync",
          "SaveOptions",
          "loadCheckpoint",
          "loadCheckpointAsync",
          "encodeCheckpoint",
          "decodeCheckpoint",
          "LoadOptions",
          "Loaded",
          "StatefulOptimizer",
        ],
      },
      {
        title: "Files of tensors",
        intro: 'From `"rmsprop/checkpoint"`. Any tensors, in the format safetensors.',
        exports: [
          "readSafetensors",
          "readSafetensorsAsync",
          "decodeSafetensors",
          "ReadOptions",
          "Safetensors",
          "Tensor",
          "writeSafetensors",
          "writeSafetensorsAsync",
          "encodeSafetensors",
          "TensorInput",
          "TensorData",
          "Float16ArrayLike",
          "Dtype",
          "RawDtype",
        ],
      },
      {
        title: "States of other systems",
        intro: 'From `"rmsprop/checkpoint"`. What they take and give is for `loadStateDict` and of `stateDict`.',
        exports: [
          "fromTorch",
          "FromTorchOptions",
          "toTorch",
          "TorchStateDict",
          "fromKeras",
          "toKeras",
          "fromTfjs",
          "toTfjs",
          "Weights",
          "Values",
        ],
      },
    ],
  },
  {
    specifier: "rmsprop/tfjs",
    files: ["lib/tfjs/index.ts", "lib/tfjs/browser.ts"],
    sections: [
      {
        title: "Optimizers for TensorFlow.js",
        intro:
          'From `"rmsprop/tfjs"`. [tfjs.md](tfjs.md) says what they do beside TensorFlow.js\'s own, and what differs. Options that stand in no table here are those of the optimizer of `rmsprop`.',
        exports: [
          "createRMSProp",
          "TfRMSPropOptions",
          "createSGD",
          "TfSGDOptions",
          "createMomentum",
          "TfMomentumOptions",
          "createAdagrad",
          "TfAdagradOptions",
          "createAdadelta",
          "TfAdadeltaOptions",
          "createAdam",
          "TfAdamOptions",
          "createAdamW",
          "TfAdamWOptions",
          "createRprop",
          "TfRpropOptions",
          "CommonTfOptions",
          "Write",
          "TfOptimizer",
          "TfMomentumOptimizer",
          "register",
          "TensorFlow",
        ],
      },
    ],
  },
  {
    specifier: "rmsprop/workers",
    files: ["lib/workers/index.ts", "lib/workers/browser.ts"],
    sections: [
      {
        title: "Teams of workers",
        intro:
          'From `"rmsprop/workers"`. Backward passes on several cores: each worker thread writes a replica of the gradients of a model of `allocate`, and a step takes their mean.',
        exports: ["createTeam", "TeamOptions", "Team", "TeamWorker", "TeamBackward"],
      },
    ],
  },
];
