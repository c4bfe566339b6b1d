import type { FloatArray } from "rmsprop";
import { loadAddon } from "../addon.ts";
import { allocateLike, type Streams, type Work } from "../work.ts";
import { type ContenderKind, firstParam, repeated } from "./contender.ts";

/** Kernels of native/limit.cpp. */
const spellings = ["together", "prefetched", "in turn"];
/** With the streams that each makes the memory move: a store past the cache spares the read that a plain one costs. */
const copies = { copy: 3, "copy, memcpy": 3, "copy, streaming": 2 };
const trials = 9;
const trialNanoseconds = 1e6;

/** The fastest of several by the bytes they move: each is tried in turn, several times, and its best counts. */
export function fastest<T extends { run(times: number): number; bytesPerElement: number }>(
  candidates: readonly T[],
): T {
  const best = new Map(candidates.map((candidate) => [candidate, Number.POSITIVE_INFINITY]));
  let times = 1;
  while (candidates.every(({ run }) => run(times) < trialNanoseconds)) times *= 2;
  for (let trial = 0; trial < trials; trial++) {
    for (const [candidate, least] of best) {
      best.set(candidate, Math.min(least, candidate.run(times) / candidate.bytesPerElement));
    }
  }
  return [...best].reduce((x, y) => (y[1] < x[1] ? y : x))[0];
}

/** Each kernel of `streams` (how many it moves), on one thread and on all. */
function candidates({ isa, threads, first }: Work, arrays: FloatArray[][], streams: Readonly<Record<string, number>>) {
  const addon = loadAddon(isa);
  return [...new Set([1, threads])].flatMap((used) =>
    Object.entries(streams).flatMap(([kernel, count]) => {
      const step = addon.work(kernel, arrays, used, []);
      if (!step) return [];
      const note = `${kernel}, ${used === 1 ? "1 thread" : `${used} threads`}`;
      return [{ run: repeated(step), note, bytesPerElement: count * first.param.BYTES_PER_ELEMENT }];
    }),
  );
}

/** What a step has to do at least: read and write its streams. The fastest of three spellings, on one thread or on all. */
export const limit: ContenderKind = {
  name: "limit",
  steps: false,
  against: "native",
  async create(work) {
    const arrays = work.arrays.map(({ param, grad, slots }) => [grad, param, ...Object.values(slots)]);
    const streams = 1 + 2 * (Object.keys(work.first.slots).length + 1);
    const kernels = candidates(work, arrays, Object.fromEntries(spellings.map((spelling) => [spelling, streams])));
    return { ...fastest(kernels), param: () => firstParam(work) };
  },
};

/** STREAM's copy, which the limit is held against: of the gradients, to arrays made as the library makes them. */
export const copy: ContenderKind = {
  name: "copy",
  steps: false,
  against: "limit",
  async create(work) {
    const { parameters } = allocateLike(work.case);
    const arrays = parameters.map(({ data }, i) => [(work.arrays[i] as Streams).grad, data]);
    return { ...fastest(candidates(work, arrays, copies)), param: () => firstParam(work) };
  },
};
