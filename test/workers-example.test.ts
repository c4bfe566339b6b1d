// The example with worker threads leaves the same bits in every run, and those of one thread that does what the workers do
// and adds in the same order.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { allocate, RMSprop, schedules } from "rmsprop";
import { beforeAll, expect, test } from "vitest";
import { mulberry32 } from "../examples/random.ts";
import { initialize, type Name, shapes } from "../examples/workers/letters.ts";
import startWorker from "../examples/workers/worker.ts";
import { compileTools, root } from "./support/compile.ts";
import { checkBuilt } from "./support/programs.ts";

const steps = 25;
let program: string;

beforeAll(() => {
  checkBuilt();
  program = join(compileTools("workers-example"), "examples", "workers", "main.js");
}, 120_000);

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

/** The digest that the training would have in one thread. */
function inTurn(workers: number): string {
  const { params, parameters, grads, replicas } = allocate(shapes, { replicas: workers });
  initialize(params, mulberry32(1));
  const formed = parameters.map((parameter) => ({ ...parameter, grad: grads[parameter.name] }));
  const optimizer = new RMSprop(formed, { lr: schedules.cosine(2e-3, { steps }), clipGlobalNorm: 1 });
  const data = { batchSize: Math.ceil(128 / workers) };
  const passes = replicas.map(({ grads }, index) => startWorker({ params, grads, index, count: workers, data }));
  for (let step = 0; step < steps; step++) {
    for (const pass of passes) pass(undefined);
    for (const name of Object.keys(shapes) as Name[]) {
      const sum = replicas
        .map((replica) => replica.grads[name])
        .reduce((left, right) => left.map((value, i) => value + (right[i] as number))); // the tree of three or fewer
      grads[name].set(sum.map((value) => value / workers));
    }
    optimizer.step();
  }
  const hash = createHash("sha256");
  for (const { buffer, byteOffset, byteLength } of Object.values(params)) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}

test.each([
  [1, 1],
  [2, 2],
  [3, 1],
])("--workers %d leaves them, in runs: %d", async (workers, runs) => {
  const args = ["--workers", String(workers), "--steps", String(steps)];
  const expected = inTurn(workers);
  for (const ending of await Promise.all(Array.from({ length: runs }, () => run(...args)))) {
    expect(ending).toMatchObject({ code: 0, stderr: "" });
    expect(ending.stdout).toContain(`Training for ${steps} steps with ${workers} worker${workers > 1 ? "s" : ""}.`);
    expect(/digest of the weights +(\S+)\n/.exec(ending.stdout)?.[1]).toBe(expected);
    expect(Number(/loss on the rhyme +(\S+)\n/.exec(ending.stdout)?.[1])).toBeLessThan(2.5); // 3.4 at first
  }
});

test("more workers than replicas can be are refused", async () => {
  expect(await run("--workers", "65")).toEqual({
    code: 1,
    stdout: "",
    stderr: 'Expected --workers to be a whole number from 1 to 64, but found "65".\n',
  });
});
