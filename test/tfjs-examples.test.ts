// The examples with TensorFlow.js train by its own optimizer and by ours, from the same weights, on the same batches.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { beforeAll, describe, expect, test } from "vitest";
import { registerConvGradient } from "../examples/tfjs/conv-gradient.ts";
import { compileTools, root } from "./support/compile.ts";
import { checkBuilt } from "./support/programs.ts";

let folder: string;

beforeAll(() => {
  checkBuilt();
  folder = join(compileTools("tfjs-examples"), "examples", "tfjs");
}, 120_000);

interface Ending {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, ...args: string[]): Promise<Ending> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(folder, `${program}.js`), ...args], { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

/** The rows of a report, by their labels. */
function rowsOf(stdout: string): Map<string, string> {
  return new Map(
    [...stdout.matchAll(/^ {2}(\S.*?) {2,}(\S+(?: [%ms]+)?)$/gm)].map(
      ([, label, text]) => [label, text] as [string, string],
    ),
  );
}

const times = ["training", "optimizer's share of it", "one step of the optimizer"];

/** What a training came to, without the times. */
async function training(program: string, optimizer: string, backend: string, steps: number) {
  const ending = await run(program, "--optimizer", optimizer, "--backend", backend, "--steps", String(steps));
  expect(ending, `${program} ${optimizer}`).toMatchObject({ code: 0, stderr: "" });
  const whose = optimizer === "builtin" ? "TensorFlow.js's own optimizer" : "the optimizer of rmsprop/tfjs";
  expect(ending.stdout).toContain(`Training for ${steps} steps with ${whose} on the backend ${backend}.`);
  const rows = rowsOf(ending.stdout);
  for (const label of times) {
    expect(rows.get(label), label).toMatch(/^\d+\.\d+ (s|%|ms)$/);
    rows.delete(label);
  }
  return rows;
}

test.each([
  ["dense", "wasm", 10, "held-out loss", 1.3],
  ["dense", "cpu", 4, "held-out loss", 2],
  ["conv", "wasm", 20, "held-out loss", 2.25],
  ["lstm", "wasm", 5, "loss on the rhyme", 3.2],
  ["dqn", "wasm", 120, "loss on 1,000 moves", 0.5],
] as const)(
  "%s on %s ends with the same bits by both optimizers",
  { timeout: 120_000 },
  async (program, backend, steps, loss, most) => {
    const [theirs, ours] = await Promise.all(
      ["builtin", "rmsprop"].map((optimizer) => training(program, optimizer, backend, steps)),
    );
    expect(ours).toEqual(theirs);
    expect(Number(ours?.get(loss)), loss).toBeLessThan(most);
    expect(ours?.get("digest of the weights")).toMatch(/^[0-9a-f]{16}$/);
  },
);

test.each([
  ["run", ["mlp"], 'Expected the first argument to be dense, conv, lstm or dqn, but found "mlp".'],
  ["run", ["dense", "--optimizer", "adam"], 'Expected --optimizer to be rmsprop or builtin, but found "adam".'],
  ["lstm", ["--backend", "webgl"], 'Expected --backend to be wasm or cpu, but found "webgl".'],
  ["dqn", ["--steps", "0"], 'Expected --steps to be a whole number of 1 or more, but found "0".'],
])("%s refuses %j", async (program, args, sentence) => {
  expect(await run(program, ...args)).toEqual({ code: 1, stdout: "", stderr: `${sentence}\n` });
});

describe("the gradient of a convolution that the example registers", () => {
  const x = Float32Array.from({ length: 2 * 6 * 5 * 3 }, (_, i) => Math.sin(i));
  const filter = Float32Array.from({ length: 3 * 2 * 3 * 4 }, (_, i) => Math.cos(3 * i));

  async function gradient(backend: string, strides: number): Promise<Float32Array> {
    await tf.setBackend(backend);
    return tf.tidy(() => {
      const inputs = tf.tensor4d(x, [2, 6, 5, 3]);
      const loss = (filters: tf.Tensor) =>
        tf
          .conv2d(inputs, filters as tf.Tensor4D, strides, "valid")
          .square()
          .sum();
      return tf
        .grad(loss)(tf.tensor4d(filter, [3, 2, 3, 4]))
        .dataSync<"float32">()
        .slice();
    });
  }

  beforeAll(() => {
    tf.enableProdMode();
    const wasm = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
    setWasmPaths(join(dirname(wasm), "dist/"));
  });

  test("is needed, and is that of the cpu backend", async () => {
    await expect(gradient("wasm", 1)).rejects.toThrow("'Conv2DBackpropFilter' not registered for backend 'wasm'");
    registerConvGradient();
    const [expected, found] = [await gradient("cpu", 1), await gradient("wasm", 1)];
    const largest = Math.max(...expected.map(Math.abs));
    expected.forEach((value, i) => {
      expect(Math.abs((found[i] as number) - value)).toBeLessThan(1e-5 * largest);
    });
  });

  test("refuses strides, for which it would be wrong", async () => {
    registerConvGradient();
    await expect(gradient("wasm", 2)).rejects.toThrow(
      "Expected a convolution with strides 1, padding valid and format NHWC, but found 2, valid and NHWC.",
    );
  });
});
