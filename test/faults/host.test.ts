// What the host refuses, and what fails for another reason than the one that is looked for. Each test has the number under
// which the fault was reported.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadBinary } from "../../lib/backends/load.ts";
import { selectBackend } from "../../lib/backends/select.ts";
import { isEngineError } from "../../lib/host.ts";
import { allocate } from "../../lib/index.ts";
import { rules } from "../../lib/rules/all.ts";
import { thrownBy } from "../support/arrays.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { addonFile, hasAddon } from "../support/native-loaded.ts";
import { checkBuilt } from "../support/programs.ts";

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

  // With RMSPROP_NATIVE_PATH the binary of an empty environment is not loaded yet, and node-gyp-build asks for it.
  it.skipIf(env.RMSPROP_NATIVE_PATH)("R2: for the environment: it counts as empty", () => {
    const warn = vi.fn();
    const { name: expected } = selectBackend(rules, {}, warn);
    process.env = new Proxy({}, { get: refuse });
    const { name } = selectBackend(rules, undefined, warn);
    expect(name).toBe(expected);
    process.env = env;
    selectBackend(rules, env, () => {});
  });
});

describe("the end of the stack", () => {
  it("R4: is no lack of memory, which is a RangeError too", () => {
    const deep = (): unknown => deep();
    const ended = thrownBy(deep) as Error;
    expect(ended.name).toBe("RangeError");
    expect(isEngineError(ended, "RangeError")).toBe(false);
    expect(isEngineError({ name: "InternalError", message: "too much recursion" }, "RangeError")).toBe(false);
    expect(
      isEngineError(
        thrownBy(() => new ArrayBuffer(2 ** 53 - 1)),
        "RangeError",
      ),
    ).toBe(true);
    expect(
      isEngineError(
        thrownBy(() => new ArrayBuffer(2 ** 53 - 1)),
        "TypeError",
      ),
    ).toBe(false);
  });

  it("R4: makes no buffer count as shared, and no array as detached", async () => {
    const typedArray: object = Object.getPrototypeOf(Float32Array.prototype);
    const getter = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength") as PropertyDescriptor;
    const fill = Object.getOwnPropertyDescriptor(typedArray, "fill") as PropertyDescriptor;
    let ended = false;
    const until = (whole: (...given: unknown[]) => unknown) =>
      function (this: unknown, ...given: unknown[]): unknown {
        if (ended) throw new RangeError("Maximum call stack size exceeded");
        return Reflect.apply(whole, this, given);
      };
    Object.defineProperty(ArrayBuffer.prototype, "byteLength", { ...getter, get: until(getter.get as () => unknown) });
    Object.defineProperty(typedArray, "fill", { ...fill, value: until(fill.value) });
    try {
      vi.resetModules();
      const fresh = await import("../../lib/numbers/typed-array.ts");
      const { buffer } = new Float32Array(2);
      ended = true;
      expect(() => fresh.isShared(buffer)).toThrow(/stack/);
      expect(() => fresh.hasMemory(new Float32Array(2))).toThrow(/stack/);
      ended = false;
      expect(fresh.isShared(buffer)).toBe(false);
      expect(fresh.isShared(new SharedArrayBuffer(8))).toBe(true);
    } finally {
      ended = false;
      Object.defineProperty(ArrayBuffer.prototype, "byteLength", getter);
      Object.defineProperty(typedArray, "fill", fill);
    }
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
    checkBuilt();
    const file = join(temporaryFolder(), "pipe.node");
    execFileSync("mkfifo", [file]);
    const index = JSON.stringify(pathToFileURL(join(root, "dist/index.js")).href);
    // In a process of its own, because nothing ends a wait for a pipe.
    const script = `const { backend } = await import(${index}); console.log(backend.fallbackReason);`;
    const told = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], {
      ...{ encoding: "utf8", timeout: 20_000, env: { ...process.env, RMSPROP_NATIVE_PATH: file } },
    });
    expect(told).toMatch(/at .*pipe\.node, but it is no file/);
  });
});
