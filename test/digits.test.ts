// The forms in which the demo trains its network leave the weights that they promise.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { allocate, SGD } from "rmsprop";
import { beforeAll, describe, expect, test } from "vitest";
import { batchOf, partOf } from "../examples/digits-batches.ts";
import { loadDigits } from "../examples/digits-data.ts";
import type { Form, TrainedParameter, Trainer } from "../examples/digits-trainer.ts";
import { allocateRows, factorsOf, formIn, keepIn, type Name, shapes } from "../examples/layers.ts";
import { initialize, Network } from "../examples/network.ts";
import { mulberry32 } from "../examples/random.ts";
import { bitsOf } from "./support/arrays.ts";
import { compileTools } from "./support/compile.ts";
import { checkBuilt } from "./support/programs.ts";

/** The last batch of an epoch has two images. */
const digits = shared(66);
const order = new Uint32Array(new SharedArrayBuffer(4 * 66));
for (let i = 0; i < order.length; i++) order[i] = i;
const data = { digits, order, batchSize: 32 };

function shared(count: number) {
  const { images, labels } = loadDigits(count, mulberry32(1)).train;
  const copy = new Float32Array(new SharedArrayBuffer(images.byteLength));
  copy.set(images);
  return { images: copy, labels };
}

let folder: string;

/** Compiled, because worker threads take no TypeScript. */
let trainerOf: typeof import("../examples/digits-trainer.ts").trainerOf;

beforeAll(async () => {
  checkBuilt();
  folder = join(compileTools("digits"), "examples");
  ({ trainerOf } = await import(join(folder, "digits-trainer.js")));
}, 120_000);

test.skipIf(process.platform === "win32")(
  "the demo ends quietly where its reader has gone",
  { timeout: 60_000 },
  () => {
    const script = '{ "$0" "$1"; echo "ended with $?" >&2; } | true';
    const { stderr } = spawnSync("sh", ["-c", script, process.execPath, join(folder, "digits.js")], {
      encoding: "utf8",
    });
    expect(stderr).toBe("ended with 0\n");
  },
);

/** Steps over all batches, three times. */
async function steps({ weights, parameters, backward }: Omit<Trainer, "close">): Promise<Float32Array[]> {
  const optimizer = new SGD(parameters, { lr: 0.1 });
  for (let epoch = 0; epoch < 3; epoch++) {
    for (let from = 0; from < order.length; from += data.batchSize) {
      expect(await backward(from)).toBeGreaterThan(0);
      optimizer.step();
    }
  }
  return Object.values(weights);
}

async function trained(form: Form): Promise<Float32Array[]> {
  const trainer = await trainerOf(form, data, mulberry32(2));
  const weights = await steps(trainer);
  await trainer.close();
  return weights;
}

/** What the workers do, one after the other in this thread, and the sum of their gradients in its order. */
function inTurn({ factors, workers: count }: Form): Promise<Float32Array[]> {
  const { params, grads, replicas, parameters } = allocate(shapes, { replicas: count });
  initialize(params, mulberry32(2));
  const rows = replicas.map(() => allocateRows(data.batchSize, false));
  const made = rows.map(factorsOf);
  const networks = replicas.map(({ grads }, i) => {
    return new Network(data.batchSize, params, factors ? keepIn(rows[i] as never) : formIn(grads));
  });
  const withGrad = (grad: (name: Name) => unknown) =>
    parameters.map((parameter) => ({ ...parameter, grad: grad(parameter.name) })) as TrainedParameter[];
  return steps({
    weights: params,
    parameters: withGrad((name) => (factors ? made.map((each) => each[name]) : grads[name])),
    backward(from) {
      const batch = batchOf(data, from);
      const divisor = factors ? batch.length : batch.length / count;
      const losses = networks.map((network, i) => {
        const part = partOf(batch, i, count);
        for (const factor of Object.values(made[i] as object)) factor.batch = part.length;
        return network.backward(digits, part, divisor);
      });
      if (!factors) {
        for (const name of Object.keys(shapes) as Name[]) {
          const all = replicas.map((replica) => replica.grads[name]);
          const sum = all.reduce((left, right) => left.map((value, k) => value + (right[k] as number)));
          grads[name].set(sum.map((value) => value / count)); // of two or three the tree is from left to right
        }
      }
      return losses.reduce((sum, loss) => sum + loss);
    },
  });
}

/** The largest difference of two trainings' weights. */
function distance(some: readonly Float32Array[], others: readonly Float32Array[]): number {
  return Math.max(
    ...some.map((weights, i) =>
      weights.reduce((largest, weight, k) => Math.max(largest, Math.abs(weight - (others[i]?.[k] as number))), 0),
    ),
  );
}

test("factors make the gradients of the loops, but for their rounding, of a smaller last batch too", async () => {
  const loops = await trained({ factors: false, workers: 0 });
  expect(distance(loops, await trained({ factors: true, workers: 0 }))).toBeLessThan(1e-6);
  const { weights } = await trainerOf({ factors: false, workers: 0 }, data, mulberry32(2));
  expect(distance(loops, Object.values(weights))).toBeGreaterThan(1e-2);
});

describe.each([2, 3])("%d workers", (workers) => {
  test.each([false, true])("leave the bits of one thread that adds in the same order, factors %s", async (factors) => {
    const found = await trained({ factors, workers });
    const expected = await inTurn({ factors, workers });
    found.forEach((weights, i) => {
      expect(bitsOf(weights)).toEqual(bitsOf(expected[i] as Float32Array));
    });
    expect(distance(found, await trained({ factors: false, workers: 0 }))).toBeLessThan(1e-6);
  });
});

test.each([
  ["--workers=65", 'Expected --workers to be a whole number from 0 to 64, but found "65".'],
  ["--factor", "Unknown option '--factor'"],
])("the demo refuses %s", (arg, sentence) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "digits.js"), arg], {
    encoding: "utf8",
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toContain(sentence);
});
