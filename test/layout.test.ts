import { expect, test } from "vitest";
import { allocate, RMSprop } from "../lib/index.ts";
import { binding } from "./support/backends.ts";

const addressOf = binding?.address;

/** All arrays that one step reads and writes side by side. */
function arraysOf(size: number) {
  const model = allocate({ w: [size] });
  const optimizer = new RMSprop(model.parameters, { centered: true, momentum: 0.9 });
  const { squareAvg, gradAvg, momentumBuffer } = optimizer.state("w") as unknown as Record<string, Float32Array>;
  const arrays = [model.params.w, model.grads.w, squareAvg, gradAvg, momentumBuffer] as Float32Array[];
  return { arrays, optimizer, model };
}

const page = 4096;
const line = 64;

test.each([2 ** 12, 2 ** 16, 2 ** 20])("%i elements: arrays of one step begin lines apart within a page", (size) => {
  const { arrays, optimizer, model } = arraysOf(size);
  const starts = arrays.map((array) => (addressOf?.(array) ?? array.byteOffset) % page).sort((a, b) => a - b);
  expect(starts.every((start) => start % line === 0)).toBe(true);
  const apart = starts.map((start, i) => ((starts[i + 1] ?? (starts[0] as number) + page) as number) - start);
  expect(Math.min(...apart)).toBeGreaterThanOrEqual(4 * line);
  for (const array of arrays) {
    expect(array.length).toBe(size);
    array.fill(1); // all of it is there
  }
  optimizer.dispose();
  model.dispose();
});

test("small arrays take no more memory than their rounded lengths", () => {
  const { arrays, optimizer, model } = arraysOf(1000);
  expect(arrays.slice(0, 2).map(({ buffer }) => buffer.byteLength)).toEqual([4032, 4032]);
  optimizer.dispose();
  model.dispose();
});
