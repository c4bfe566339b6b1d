import { expect, test } from "vitest";
import { allocate, RMSprop } from "../lib/index.ts";

/** All arrays that one step reads and writes side by side. */
function arraysOf(size: number) {
  const model = allocate({ w: [size] });
  const optimizer = new RMSprop(model.parameters, { centered: true, momentum: 0.9 });
  const { squareAvg, gradAvg, momentumBuffer } = optimizer.state("w") as unknown as Record<string, Float32Array>;
  const arrays = [model.params.w, model.grads.w, squareAvg, gradAvg, momentumBuffer] as Float32Array[];
  return { arrays, optimizer, model };
}

test("large arrays of one step begin apart from one another, modulo the cache's sets, and aligned", () => {
  const { arrays, optimizer, model } = arraysOf(2 ** 20);
  const starts = arrays.map(({ byteOffset }) => byteOffset % 4096);
  expect(starts.every((start) => start % 64 === 0)).toBe(true);
  expect(new Set(starts).size).toBe(arrays.length);
  for (const array of arrays) {
    expect(array.length).toBe(2 ** 20);
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
