import { availableParallelism } from "node:os";
import type { Case } from "./case.ts";

/** Cases that are reported together. */
export interface Suite {
  readonly name: string;
  readonly title: string;
  /** What times are given for. Default: an element. */
  readonly per?: "element" | "array";
  readonly cases: readonly Case[];
}

const plain = { lr: 1e-3 };
/**
 * The gradient of a case stays as it is, so its variance vanishes: `eps` and `lr` are such that no parameter runs away or
 * comes to where weight decay cancels the gradient, and all numbers stay ordinary.
 */
const centeredMomentum = { lr: 1e-7, eps: 1e-2, centered: true, momentum: 0.9 };
const everything = { ...centeredMomentum, weightDecay: 1e-2 };

const base = {
  optimizer: "RMSprop",
  options: plain,
  type: "float32",
  arrays: 1,
  threads: 1,
  isa: "best",
} as const;

const threadCounts = [1, "all"] as const;
const scripted = ["plain loop", "TensorFlow.js cpu", "TensorFlow.js wasm"];
const torch = ["PyTorch", "PyTorch, memory kept", "PyTorch foreach", "PyTorch foreach, memory kept"];
const compiled = [...torch, "torch.compile", "JAX"];

/** Everything there is, from the cache nearest to the core to memory. */
const overview: Suite = {
  name: "overview",
  title: "RMSprop, float32, one array, one thread",
  cases: [2 ** 10, 2 ** 13, 2 ** 16, 2 ** 20, 2 ** 24].map((size) => ({
    ...base,
    size,
    // What is slower by hundreds of times is left out where a step of it lasts seconds.
    contenders: [
      ...["native", "limit", "bare loop"],
      ...(size > 2 ** 20 ? ["plain loop"] : [...scripted, "reference"]),
      ...compiled,
    ],
  })),
};

const small: Suite = {
  name: "small",
  title: "Small arrays, and many of them",
  per: "array",
  cases: [
    ...[1, 4, 16, 64].map((size) => ({
      ...base,
      size,
      contenders: ["native", "empty call", "bare loop", "plain loop"],
    })),
    ...threadCounts.map((threads) => ({
      ...base,
      threads,
      size: 1024,
      arrays: 1000,
      contenders: ["native", "one array", ...torch],
    })),
    { ...base, size: 16, arrays: 10_000, contenders: ["native", "plain loop"] },
    { ...base, size: 16, arrays: 100_000, contenders: ["native", "one array", "construction"] },
    { ...base, title: "a buffer each", memory: "apart", size: 16, arrays: 10_000, contenders: ["native"] },
  ],
};

const formulas: readonly Pick<Case, "title" | "optimizer" | "options">[] = [
  { title: "RMSprop", optimizer: "RMSprop", options: plain },
  { title: "RMSprop, everything on", optimizer: "RMSprop", options: everything },
  { title: "SGD", optimizer: "SGD", options: plain },
  { title: "Adagrad", optimizer: "Adagrad", options: plain },
];

const cache: Suite = {
  name: "cache",
  title: "In cache, against the bare loop of the same formula",
  cases: ["avx512", "avx2", "sse2"].flatMap((isa) =>
    formulas.flatMap((formula) =>
      [2 ** 12, 2 ** 14, 2 ** 16].map((size) => ({
        ...base,
        ...formula,
        title: `${isa}, ${formula.title}`,
        isa,
        size,
        contenders: ["native", "bare loop", ...(formula.options === everything ? ["formula's loop"] : [])],
      })),
    ),
  ),
};

const large: Suite = {
  name: "large",
  title: "Out of cache, against the limit",
  cases: threadCounts.flatMap((threads) =>
    [
      { title: "RMSprop", options: plain },
      { title: "RMSprop, centered, momentum", options: centeredMomentum },
      { title: "Adam", optimizer: "Adam", options: plain },
    ].flatMap((formula) =>
      [2 ** 23, 2 ** 24, 2 ** 26, 2 ** 27].map((size) => ({
        ...base,
        ...formula,
        threads,
        size,
        contenders: ["native", "limit", "copy"],
      })),
    ),
  ),
};

const rivals: Suite = {
  name: "rivals",
  title: "2^24 elements, against what a Python user has",
  cases: threadCounts.flatMap((threads) =>
    [
      { title: "RMSprop", options: plain },
      { title: "RMSprop, everything on", options: everything },
      { title: "Adam", optimizer: "Adam", options: plain },
    ].map((formula) => ({
      ...base,
      ...formula,
      threads,
      size: 2 ** 24,
      contenders: ["native", ...compiled],
    })),
  ),
};

const subnormal: Suite = {
  name: "subnormal",
  title: "Every mean square subnormal",
  cases: [
    { title: "RMSprop", options: plain, size: 2 ** 16 },
    { title: "RMSprop, centered, momentum", options: centeredMomentum, size: 2 ** 16 },
    { title: "RMSprop", options: plain, size: 2 ** 24 },
  ].map((each) => ({
    ...base,
    ...each,
    values: "subnormal",
    contenders: ["native", "ordinary values", "bare loop"],
  })),
};

/** 1, 2, 4, ... and as many as there are. */
function doublings(most: number): number[] {
  const counts: number[] = [];
  for (let threads = 1; threads < most; threads *= 2) counts.push(threads);
  return [...counts, most];
}

const scaling: Suite = {
  name: "scaling",
  title: "RMSprop by threads",
  cases: [2 ** 16, 2 ** 20, 2 ** 24, 2 ** 26].flatMap((size) =>
    doublings(availableParallelism()).map((threads) => ({
      ...base,
      size,
      threads,
      contenders: ["native", "one thread", "limit"],
    })),
  ),
};

const wasm: Suite = {
  name: "wasm",
  title: "RMSprop, float32, one array, on WebAssembly",
  cases: [2 ** 10, 2 ** 16, 2 ** 20, 2 ** 24].map((size) => ({
    ...base,
    size,
    contenders: ["native", "wasm", "plain loop"],
  })),
};

const staged = {
  ...plain,
  ...{
    gradScale: 0.5,
    skipNonFinite: true,
    clipGlobalNorm: 1,
    weightDecay: 1e-4,
    ema: { decay: 0.999 },
    zeroGrads: true,
  },
};

/** Gradients are zero after the first step, whose time that does not change. */
const pipeline: Suite = {
  name: "pipeline",
  title: "One call that unscales, checks, clips by global norm, decays, steps, averages and zeroes",
  cases: [1, "all" as const].map((threads) => ({
    ...base,
    options: staged,
    threads,
    size: 2 ** 24,
    contenders: ["native", "plain step", "separate passes"],
  })),
};

const dense = (rows: number, columns: number, batch: number) => ({
  ...base,
  title: `${rows} × ${columns}, a batch of ${batch}`,
  size: rows * columns,
  source: { rows, columns, batch },
});

/** Gradients that the step makes. */
const sources: Suite = {
  name: "sources",
  title: "Gradients made in the step, against forming them first",
  cases: [
    {
      ...dense(784, 128, 32),
      contenders: [
        "native",
        "plain step",
        "formed by rows",
        "formed by batch",
        "formed by blocks",
        "formed in JavaScript",
      ],
    },
    {
      ...dense(4096, 4096, 1),
      contenders: ["native", "plain step", "formed by rows", "formed by batch", "formed by blocks"],
    },
    ...threadCounts.flatMap((threads) =>
      [2, 4].map((replicas) => ({
        ...base,
        threads,
        title: `${replicas} replicas`,
        size: 2 ** 24,
        source: { replicas },
        contenders: ["native", "plain step", "sum apart, step", "sum in place, step"],
      })),
    ),
  ],
};

export const suites: readonly Suite[] = [
  overview,
  small,
  cache,
  large,
  rivals,
  wasm,
  subnormal,
  scaling,
  pipeline,
  sources,
];
