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

export const suites: readonly Suite[] = [overview, wasm];
