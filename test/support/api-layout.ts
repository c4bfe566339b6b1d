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

const madeGradients = `A step can make the gradient of a parameter itself, a tile at a time while that lies in cache: of the factors of a dense layer, or as the sum of a list. It leaves the same bits as a step over the gradient that is formed in the same order. Options that look at gradients, such as \`clipNorm\` or \`ema\`, take it as any other. Where a step must know something of all gradients before it changes anything (\`clipNorm\`, \`clipGlobalNorm\`, \`skipNonFinite\`, \`lossScale\`), it makes them twice.

| | one array | a list | factors |
| --- | --- | --- | --- |
| in a parameter, and for one call; \`null\` in its place leaves the parameter out | yes | yes; no null inside | yes |
| may change between steps | what the array holds | what the arrays hold | what x and y hold, and \`batch\` |
| shape needed | no | no | two dimensions; none for \`x: null\`, a bias |
| options that look at gradients, weight decay, averages, accumulation, \`out\` | yes | yes | yes |
| \`zeroGrad()\`, \`zeroGrads\` | set to zero | each array is | nothing is: x and y are yours |
| may share memory | with gradients that no step sets to zero | the same; not with one another | with other factors, and gradients that no step sets to zero |
| \`stepAsync()\` | memory of \`allocate()\` or shared | the same for each | the same for x and for y |
| \`freeze()\`, \`remove()\`, groups, \`stateDict()\`, checkpoints | yes | yes: the state knows no source | the same |
| \`rmsprop/tfjs\` | yes | no | no |`;

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
        title: "Gradients that a step makes",
        intro: madeGradients,
        exports: ["GradientFactors", "MadeGradient", "MadeGradientParameter"],
      },
      {
        title: "Replicas",
        intro:
          "Several arrays of each gradient, which workers write side by side and a step adds. [workers.md](workers.md) has trainings on several cores.",
        exports: ["ReplicatedModel", "ReplicatedOptions", "Replica"],
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
  {
    specifier: "rmsprop/distributed",
    files: ["lib/distributed/index.ts", "lib/distributed/browser.ts"],
    sections: [
      {
        title: "Training on many machines",
        intro:
          'From `"rmsprop/distributed"`. Processes on several machines, started by a launcher of MPI, that train one model. All make the same calls in the same order.',
        exports: [
          "connect",
          "ConnectOptions",
          "Ranks",
          "ShardOptions",
          "ShardedOptimizer",
          "RanksSaveOptions",
          "RanksLoadOptions",
          "MpiLibrary",
          "BroadcastArrays",
          "AnyTypedArray",
          "OptimizerClass",
          "GroupOptionsOf",
          "ShardedInput",
        ],
      },
    ],
  },
  {
    specifier: "rmsprop/record",
    files: ["lib/record/index.ts"],
    sections: [
      {
        title: "Records",
        intro:
          'From `"rmsprop/record"`. A line of JSON for each step of a training, which `npx rmsprop report` plots; [record.md](record.md) shows both.',
        exports: ["record", "RecordOptions", "Recorder", "Recordable"],
      },
    ],
  },
];
