// Arrays whose last element is beyond 2^30 elements and 2^32 bytes. test/native/large.cpp has those beyond 2^32 elements.
import { freemem } from "node:os";
import { expect, test } from "vitest";
import { allocate, type FloatArray, RMSprop } from "../../lib/index.ts";
import { full } from "../support/cases.ts";
import { hasAddon } from "../support/native-loaded.ts";
import { bitText, Expected } from "../support/steps.ts";

const length = 2 ** 30 + 5;
const gibibytes = 3 * 4;

/** Both ends, and where 32 bits of elements with a sign, or of bytes, end. */
const windows = [0, 2 ** 29 - 8, 2 ** 30 - 40, length - 16].map((start) => [start, start + 16] as const);

test("2^30 + 5 elements are stepped at both ends", { timeout: 600_000 }, (context) => {
  // Taking so much memory, and so long, is asked for alone.
  if (!full || !hasAddon) context.skip("it takes 12 GiB; RMSPROP_TEST=all and the native backend ask for it");
  if (freemem() < (gibibytes + 3) * 2 ** 30)
    context.skip(`it takes 12 GiB, and ${Math.floor(freemem() / 2 ** 30)} are free`);
  const model = allocate({ w: [length] });
  const optimizer = new RMSprop(model.parameters, { lr: 0.1 });
  try {
    const expected = windows.map(([start, end]) => {
      for (let i = start; i < end; i++) {
        model.params.w[i] = (i % 7) - 3;
        model.grads.w[i] = (i % 5) - 2.25;
      }
      return new Expected(model.params.w.subarray(start, end), { lr: 0.1 });
    });
    for (let step = 0; step < 2; step++) optimizer.step();
    windows.forEach(([start, end], i) => {
      const { data, slots } = expected[i] as Expected;
      for (let step = 0; step < 2; step++) (expected[i] as Expected).take(model.grads.w.subarray(start, end));
      const { squareAvg } = optimizer.state("w") as unknown as { squareAvg: Float32Array };
      expect(bitText(model.params.w.subarray(start, end)), `from ${start}`).toBe(bitText(data));
      expect(bitText(squareAvg.subarray(start, end)), `from ${start}`).toBe(bitText(slots.squareAvg as FloatArray));
      // And the elements beside the windows, whose gradient is zero, are as they were.
      if (start > 0) expect(model.params.w[start - 1]).toBe(0);
      if (end < length) expect(model.params.w[end]).toBe(0);
    });
  } finally {
    optimizer.dispose();
    model.dispose();
  }
});
