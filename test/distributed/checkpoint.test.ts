// Checkpoints of ranks are the plain files: any number of ranks goes on from them, and so does the plain optimizer.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import {
  loadCheckpointAsync,
  loadCheckpoint as loadPlain,
  saveCheckpointAsync,
  saveCheckpoint as savePlain,
} from "../../lib/checkpoint/index.ts";
import { loadCheckpoint, saveCheckpoint, useFiles } from "../../lib/distributed/checkpoint.ts";
import { shard } from "../../lib/distributed/shard.ts";
import { allocate, RMSprop } from "../../lib/index.ts";
import { divideBy } from "../../lib/parameters/standing.ts";
import { bitsOf } from "../support/arrays.ts";
import { numberTypes, uniformFrom } from "../support/cases.ts";
import { temporaryFolder } from "../support/folder.ts";
import { RanksInOneProcess } from "../support/ranks.ts";

useFiles({ saveCheckpointAsync, loadCheckpointAsync });

const shapes = { w1: [3, 700], b1: [], w2: [2049], none: [0] } as const;
const names = ["w1", "b1", "w2", "none"] as const;
const options = { momentum: 0.9, centered: true, ema: { decay: 0.9 } };
const sharding = { bucketBytes: 8192, replicas: 4 };

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});

type Dtype = (typeof numberTypes)[number];

function modelOf(dtype: Dtype, replicas: number) {
  const model = allocate(shapes, { dtype, replicas });
  names.forEach((name, i) => {
    const uniform = uniformFrom(i + 1);
    for (const [e] of model.params[name].entries()) model.params[name][e] = uniform() - 0.5;
  });
  return model;
}

function fill(model: ReturnType<typeof modelOf>, step: number, numbers: readonly number[]): void {
  numbers.forEach((replica, i) => {
    for (const name of names) {
      const uniform = uniformFrom(step * 100 + replica);
      const grad = model.replicas[i]?.grads[name] as Float32Array;
      for (const [e] of grad.entries()) grad[e] = uniform() - 0.5;
    }
  });
}

const paramsOf = ({ params }: ReturnType<typeof modelOf>) => names.map((name) => [...bitsOf(params[name])].join());

/** Loads a file where there is one, takes steps on ranks, and saves it. */
async function trainOnRanks(size: number, dtype: Dtype, from: number, to: number, path: string): Promise<string[]> {
  const ranks = new RanksInOneProcess(size, from + size);
  const found = await ranks.run(async (communicator) => {
    const model = modelOf(dtype, 4 / size);
    const optimizer = await shard(communicator, RMSprop, model, options, sharding);
    if (from > 1) {
      for (const name of names) model.params[name].fill(0);
      const { metadata } = await loadCheckpoint(communicator, path, {
        parameters: model.parameters,
        optimizer,
      });
      expect(metadata).toEqual({ epoch: `${from - 1}` });
    }
    for (let step = from; step <= to; step++) {
      fill(model, step, optimizer.replicas);
      await optimizer.step();
    }
    const metadata = { epoch: `${to}` };
    await saveCheckpoint(communicator, path, { parameters: model.parameters, optimizer, metadata });
    const found = paramsOf(model);
    optimizer.dispose();
    model.dispose();
    return found;
  });
  for (const each of found) expect(each).toEqual(found[0]);
  expect(ranks.open).toBe(0);
  return found[0] as string[];
}

function trainPlain(dtype: Dtype, from: number, to: number, path: string): string[] {
  const model = modelOf(dtype, 4);
  divideBy(
    model.parameters.map(({ grad }) => grad),
    4,
  );
  const optimizer = new RMSprop(model.parameters, options);
  const parameters = model.parameters as never;
  if (from > 1) loadPlain(path, { parameters, optimizer });
  for (let step = from; step <= to; step++) {
    fill(model, step, [0, 1, 2, 3]);
    optimizer.step();
  }
  savePlain(path, { parameters, optimizer, metadata: { epoch: `${to}` } });
  return paramsOf(model);
}

describe.each(numberTypes)("%s", (dtype) => {
  test("the file has the bytes of the plain optimizer's", async () => {
    const plain = join(folder, "plain");
    const expected = trainPlain(dtype, 1, 3, plain);
    for (const size of [1, 2, 4]) {
      const path = join(folder, `${size}`);
      expect(await trainOnRanks(size, dtype, 1, 3, path)).toEqual(expected);
      expect(readFileSync(path).equals(readFileSync(plain))).toBe(true);
    }
  });

  test("a training goes on with another number of ranks, and without", async () => {
    const [path, whole] = [join(folder, "file"), join(folder, "whole")];
    const expected = trainPlain(dtype, 1, 10, whole);
    await trainOnRanks(4, dtype, 1, 2, path);
    await trainOnRanks(2, dtype, 3, 4, path);
    trainPlain(dtype, 5, 6, path);
    await trainOnRanks(1, dtype, 7, 8, path);
    expect(await trainOnRanks(4, dtype, 9, 10, path)).toEqual(expected);
    expect(readFileSync(path).equals(readFileSync(whole))).toBe(true);
  });
});

/** What a call throws on each rank, with nothing changed. */
async function thrownBy(
  call: (
    communicator: Parameters<typeof saveCheckpoint>[0],
    model: ReturnType<typeof modelOf>,
    optimizer: Awaited<ReturnType<typeof shard>>,
  ) => Promise<unknown>,
): Promise<(string | undefined)[]> {
  const ranks = new RanksInOneProcess(3);
  const thrown = await ranks.run(async (communicator) => {
    const model = modelOf("float32", 1);
    const optimizer = await shard(communicator, RMSprop, model, options, { bucketBytes: 4096 });
    fill(model, 1, optimizer.replicas);
    await optimizer.step();
    const before = [paramsOf(model), JSON.stringify(await optimizer.stateDict())];
    const error = await call(communicator, model, optimizer as never).then(
      () => undefined,
      (each: Error & { code?: string }) => each,
    );
    expect([paramsOf(model), JSON.stringify(await optimizer.stateDict())]).toEqual(before);
    await optimizer.step();
    return error && `${error.code}: ${error.message}`;
  });
  expect(ranks.open).toBe(0);
  return thrown;
}

describe("what is refused changes nothing on any rank", () => {
  test("a file that is not there", async () => {
    const thrown = await thrownBy((communicator, model, optimizer) =>
      loadCheckpoint(communicator, join(folder, "none"), { parameters: model.parameters, optimizer }),
    );
    expect(thrown[0]).toMatch(/^ENOENT: .* could not be read\. ENOENT/);
    for (const each of thrown.slice(1)) expect(each).toMatch(/^undefined: .* could not be read\. ENOENT/);
  });

  test("a file of another model", async () => {
    const other = allocate({ w1: [2, 2] });
    savePlain(join(folder, "other"), { parameters: other.parameters, optimizer: new RMSprop(other.parameters) });
    const thrown = await thrownBy((communicator, model, optimizer) =>
      loadCheckpoint(communicator, join(folder, "other"), { parameters: model.parameters, optimizer }),
    );
    expect(thrown[0]).toMatch(/^ERR_CHECKPOINT: .* does not fit\. Expected "w1" to have the shape/);
    expect(thrown).toEqual(Array(3).fill(thrown[0]));
  });

  test("a state of another rule", async () => {
    const path = join(folder, "rule");
    const { SGD } = await import("../../lib/index.ts");
    const whole = modelOf("float32", 1);
    savePlain(path, { parameters: whole.parameters as never, optimizer: new SGD(whole.parameters) });
    const thrown = await thrownBy((communicator, model, optimizer) =>
      loadCheckpoint(communicator, path, { parameters: model.parameters, optimizer }),
    );
    expect(thrown).toEqual(Array(3).fill('ERR_STATE: Expected a state of the rule rmsprop, but it is of "sgd".'));
  });

  test("a folder that is not there", async () => {
    const thrown = await thrownBy((communicator, model, optimizer) =>
      saveCheckpoint(communicator, join(folder, "none", "file"), { parameters: model.parameters, optimizer }),
    );
    for (const each of thrown) expect(each).toMatch(/ENOENT/);
  });

  test("parameters that lack one of the optimizer's", async () => {
    const path = join(folder, "some");
    const thrown = await thrownBy((communicator, model, optimizer) =>
      saveCheckpoint(communicator, path, { parameters: model.parameters.slice(1) as never, optimizer }),
    );
    expect(thrown[0]).toMatch(/^ERR_NAME: /);
    expect(thrown).toEqual(Array(3).fill(thrown[0]));
    expect(existsSync(path)).toBe(false);
  });

  test("an optimizer that is not of ranks", async () => {
    const thrown = await thrownBy((communicator, model) =>
      saveCheckpoint(communicator, join(folder, "plain"), {
        parameters: model.parameters,
        optimizer: new RMSprop(allocate({ w: [1] }).parameters) as never,
      }),
    );
    const sentence = "ERR_OPTION: Expected 'optimizer' to be one of ranks.shard(), but it is a RMSprop.";
    expect(thrown).toEqual(Array(3).fill(sentence));
  });

  test("parameters that are others on one rank", async () => {
    const path = join(folder, "file");
    const thrown = await thrownBy(async (communicator, model) => {
      await saveCheckpoint(communicator, path, { parameters: model.parameters });
      const parameters = communicator.rank === 1 ? model.parameters.slice(1) : model.parameters;
      await loadCheckpoint(communicator, path, { parameters: parameters as never });
    });
    const sentence = "ERR_RANKS: Expected the parameters of a checkpoint to be those of rank 0, but they are not.";
    expect(thrown[1]).toBe(sentence);
    for (const each of [thrown[0], thrown[2]]) expect(each).toMatch(/^ERR_RANKS: .* but rank 1 is not\. /);
  });
});
