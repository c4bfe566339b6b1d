import { loadAddon } from "../addon.ts";
import { allocateLike, type Streams } from "../work.ts";
import { type ContenderKind, firstParam, since } from "./contender.ts";

/** In the order of native/limit.cpp. */
const spellings = ["together", "prefetched", "in turn"];
const copyKernel = spellings.length;
const trials = 9;
const trialNanoseconds = 1e6;

function repeated(step: () => void): (times: number) => number {
  return (times) => {
    const start = performance.now();
    for (let i = 0; i < times; i++) step();
    return since(start);
  };
}

/** The fastest of several: each is tried in turn, several times, and its best counts. */
function fastest<T extends { run(times: number): number }>(candidates: readonly T[]): T {
  const best = new Map(candidates.map((candidate) => [candidate, Number.POSITIVE_INFINITY]));
  let times = 1;
  while (candidates.every(({ run }) => run(times) < trialNanoseconds)) times *= 2;
  for (let trial = 0; trial < trials; trial++) {
    for (const [candidate, least] of best) best.set(candidate, Math.min(least, candidate.run(times)));
  }
  return [...best].reduce((x, y) => (y[1] < x[1] ? y : x))[0];
}

/** What a step has to do at least: read and write its streams. The fastest of three spellings, on one thread or on all. */
export const limit: ContenderKind = {
  name: "limit",
  steps: false,
  against: "native",
  async create(work) {
    const addon = loadAddon(work.isa);
    const arrays = work.arrays.map(({ param, grad, slots }) => [grad, param, ...Object.values(slots)]);
    const candidates = [...new Set([1, work.threads])].flatMap((threads) =>
      spellings.map((spelling, kernel) => ({
        run: repeated(addon.work(kernel, arrays, threads)),
        note: `${spelling}, ${threads === 1 ? "1 thread" : `${threads} threads`}`,
      })),
    );
    const streams = Object.values(work.first.slots).length + 1;
    const bytesPerElement = (1 + 2 * streams) * work.first.param.BYTES_PER_ELEMENT;
    return { ...fastest(candidates), bytesPerElement, param: () => firstParam(work) };
  },
};

/** STREAM's copy, which the limit is held against: of the gradients, to arrays made as the library makes them. */
export const copy: ContenderKind = {
  name: "copy",
  steps: false,
  against: "limit",
  async create(work) {
    const addon = loadAddon(work.isa);
    const { parameters } = allocateLike(work.case);
    const arrays = parameters.map(({ data }, i) => [(work.arrays[i] as Streams).grad, data]);
    return {
      run: repeated(addon.work(copyKernel, arrays, work.threads)),
      bytesPerElement: 3 * work.first.param.BYTES_PER_ELEMENT, // with the read that a plain store makes the memory do
      param: () => firstParam(work),
    };
  },
};
