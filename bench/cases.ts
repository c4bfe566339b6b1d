import type { Case } from "./case.ts";

/** Cases that are reported together. */
export interface Suite {
  readonly name: string;
  readonly title: string;
  readonly cases: readonly Case[];
}

const plain = { lr: 1e-3 };

const base = {
  optimizer: "RMSprop",
  options: plain,
  type: "float32",
  arrays: 1,
  threads: 1,
  isa: "best",
} as const;

/** From the cache nearest to the core to memory. */
const sizes = [2 ** 10, 2 ** 16, 2 ** 20, 2 ** 24];

const overview: Suite = {
  name: "overview",
  title: "RMSprop, float32, one array",
  cases: [1, "all" as const].flatMap((threads) =>
    sizes.map((size) => ({
      ...base,
      threads,
      size,
      contenders: ["native", "limit", "copy", "reference", "plain loop"],
    })),
  ),
};

const wasm: Suite = {
  name: "wasm",
  title: "RMSprop, float32, one array, on WebAssembly",
  cases: sizes.map((size) => ({ ...base, size, contenders: ["native", "wasm", "plain loop"] })),
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

export const suites: readonly Suite[] = [overview, wasm, pipeline];
