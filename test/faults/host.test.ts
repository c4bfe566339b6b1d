// What the host refuses, and what fails for another reason than the one that is looked for. Each test has the number under
// which the fault was reported.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { currentBackend } from "../../lib/backends/current.ts";
import { createHeap } from "../../lib/backends/heap.ts";
import { loadBinary } from "../../lib/backends/load.ts";
import { selectBackend } from "../../lib/backends/select.ts";
import { viewOfBytes } from "../../lib/checkpoint/bytes.ts";
import { tensorHasMemory } from "../../lib/checkpoint/dtypes.ts";
import { allocate, RMSprop } from "../../lib/index.ts";
import { rules } from "../../lib/optimizers/all.ts";
import { hasMemory, isShared } from "../../lib/typed-array.ts";
import { temporaryFolder } from "../support/folder.ts";
import { addonFile, hasAddon } from "../support/native-loaded.ts";

class NotCapable extends Error {
  override name = "NotCapable";
}

const refuse = () => {
  throw new NotCapable("Requires a permission");
};

describe("a host that refuses to be asked", () => {
  const { availableMemory, env } = process;
  afterEach(() => {
    Object.assign(process, { availableMemory, env });
  });

  it("R2: for how much memory there is: large arrays are allocated all the same", () => {
    process.availableMemory = refuse;
    const model = allocate({ w: [2 ** 24 + 1] });
    expect(model.params.w.length).toBe(2 ** 24 + 1);
    model.dispose();
  });

  it("R2: for the environment: it counts as empty", () => {
    const before = currentBackend().name;
    process.env = new Proxy({}, { get: refuse });
    const warn = vi.fn();
    const { name } = selectBackend(rules, undefined, warn);
    expect(name).toBe(hasAddon ? before : name);
    process.env = env;
    selectBackend(rules, env, () => {});
  });
});

/** Calls `action` at the end of the stack, where every call in it fails, and a little before. */
function atEndOfStack(action: () => void): void {
  const descend = (): void => {
    try {
      descend();
    } catch {
      // Here as at each place above, where there is more and more room.
    }
    try {
      action();
    } catch {}
  };
  try {
    descend();
  } catch {}
}

describe("the end of the stack", () => {
  it("R4: makes no buffer count as shared", () => {
    const buffers = Array.from({ length: 200 }, () => new ArrayBuffer(8));
    let next = 0;
    atEndOfStack(() => {
      const buffer = buffers[next++ % buffers.length] as ArrayBuffer;
      isShared(buffer);
    });
    expect(next).toBeGreaterThan(200);
    expect(buffers.filter((buffer) => isShared(buffer))).toEqual([]);
    expect(isShared(new SharedArrayBuffer(8))).toBe(true);
  });

  const array = new Float32Array(2);
  const heap = createHeap();
  /** Each with its one right answer. */
  const questions: readonly [string, () => unknown, unknown][] = [
    ["whether an array has memory", () => hasMemory(array), true],
    ["whether a tensor has", () => tensorHasMemory(array), true],
    ["for memory of the heap", () => heap.allocate(8) !== undefined, true],
    ["for the bytes of a file", () => viewOfBytes(array.buffer).length, 8],
  ];
  it.each(questions)("R4: gives no wrong answer, who asks %s there", (_, ask, right) => {
    const answers = new Set<unknown>();
    atEndOfStack(() => {
      let answer: unknown;
      try {
        answer = ask();
      } catch (error) {
        answer = (error as Error).name === "RangeError" ? right : error;
      }
      answers.add(answer);
    });
    expect([...answers]).toEqual([right]);
  });

  it("R4: leaves an optimizer as it is", () => {
    const parameter = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
    const optimizer = new RMSprop([parameter], { lr: 1, alpha: 0, eps: 0 });
    atEndOfStack(() => isShared(parameter.data.buffer));
    optimizer.step();
    expect([...parameter.data]).toEqual([0]);
  });
});

describe.skipIf(!hasAddon)("RMSPROP_NATIVE_PATH", () => {
  const { RMSPROP_NATIVE_PATH: before } = process.env;
  afterEach(() => {
    if (before === undefined) delete process.env.RMSPROP_NATIVE_PATH;
    else process.env.RMSPROP_NATIVE_PATH = before;
  });
  it("R10: names a file that ends in .node, or a sentence says so", () => {
    const file = join(temporaryFolder(), "rmsprop.bin");
    copyFileSync(addonFile() as string, file);
    process.env.RMSPROP_NATIVE_PATH = file;
    expect(() => loadBinary()).toThrow(
      /Expected RMSPROP_NATIVE_PATH to name a file that ends in \.node, but it is ".*rmsprop\.bin"/,
    );
  });

  it("R10: names a folder: a sentence says so", () => {
    const file = join(temporaryFolder(), "folder.node");
    mkdirSync(file);
    process.env.RMSPROP_NATIVE_PATH = file;
    expect(() => loadBinary()).toThrow(/at .*folder\.node, but it is no file/);
  });

  it.skipIf(process.platform === "win32")("R10: names a pipe, and nobody waits for one to write to it", () => {
    const file = join(temporaryFolder(), "pipe.node");
    execFileSync("mkfifo", [file]);
    process.env.RMSPROP_NATIVE_PATH = file;
    expect(() => loadBinary()).toThrow(/at .*pipe\.node, but it is no file/);
  });
});
