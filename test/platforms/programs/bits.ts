// The bit tests of bare rules as one program for any runtime: prints a digest of every rule x set of flags x number type x
// kind of gradients, for each instruction set of a backend. Bundled, and run on other platforms with RMSPROP_NATIVE_PATH.
// Usage: bits.mjs native|wasm|reference whole|short
import { createHash } from "node:crypto";
import type { Backend } from "../../../lib/backends/backend.ts";
import { readWasm } from "../../../lib/backends/load.ts";
import { everyNative, loadBinding } from "../../../lib/backends/native/native.ts";
import { createReference } from "../../../lib/backends/reference/reference.ts";
import { loadKernels } from "../../../lib/backends/wasm/kernels.ts";
import { createWasm } from "../../../lib/backends/wasm/wasm.ts";
import type { FloatArray } from "../../../lib/numbers/typed-array.ts";
import { rules } from "../../../lib/rules/all.ts";
import { variantsOf } from "../../../lib/rules/rule.ts";
import { layout } from "../../support/arena.ts";
import { type GradientKind, gradients, lengths, numberTypes, steps, threadCountsOf } from "../../support/cases.ts";
import { expectedOf, gradientsOf, inputsOf, stepAll } from "../../support/stepping.ts";

const [, , name, extent] = process.argv;
const whole = extent === "whole";

/** Of every length whose tail or tile may matter, in the short run one of each sort. */
const sizes = whole ? lengths : [0, 1, 2, 3, 5, 8, 15, 16, 17, 33, 67, 1023, 1025, 2501];
const stepCount = whole ? steps : 6;

function backends(): Backend[] {
  if (name === "reference") return [createReference()];
  if (name === "wasm") return [createWasm(loadKernels(readWasm(), rules))];
  return everyNative(loadBinding(rules));
}

/** The bytes of an array in which every NaN is one NaN, whose bits are unspecified. */
function bytesOf(array: FloatArray): Uint8Array {
  const bits = new Uint32Array(array.buffer, array.byteOffset, array.byteLength / 4);
  const words = array.BYTES_PER_ELEMENT / 4;
  for (let i = 0; i < array.length; i++) if (Number.isNaN(array[i])) bits.fill(0x7fc00000, i * words, (i + 1) * words);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

for (const backend of backends()) {
  let turn = 0;
  for (const type of numberTypes) {
    for (const kind of Object.keys(gradients) as GradientKind[]) {
      const gradientSteps = gradientsOf(type, kind, stepCount);
      for (const rule of rules) {
        const inputs = inputsOf(rule, type, gradientSteps);
        for (const variant of variantsOf(rule)) {
          const at = layout(type, turn, sizes);
          backend.setThreads(threadCountsOf(turn)[0] as number);
          turn++;
          const { data, slots } = (name === "reference" ? expectedOf : stepAll)(backend, rule, at, variant, inputs);
          const hash = createHash("sha256");
          for (const array of [data, ...slots]) hash.update(bytesOf(array));
          console.log(`${backend.isa} ${rule.name} ${variant} ${type} ${kind} ${hash.digest("hex").slice(0, 16)}`);
        }
      }
    }
  }
}
