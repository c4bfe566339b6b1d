// Arrays of 16 bits and types that have no arrays, and files as bytes. The number in a title is that under which the fault
// was reported.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import * as browser from "../../lib/checkpoint/browser.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  saveCheckpoint,
  type TensorInput,
  writeSafetensors,
} from "../../lib/checkpoint/index.ts";
import { OptimError, RMSprop } from "../../lib/index.ts";
import { decodeBf16, decodeF16 } from "../../lib/numbers/codecs.ts";
import { parameter, thrownBy, train } from "../support/arrays.ts";
import { chromium, open } from "../support/chromium.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { checkBuilt } from "../support/programs.ts";

const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
const dataOf = (tensors: Iterable<readonly [string, TensorInput]>, options?: browser.ReadOptions) =>
  decodeSafetensors(encodeSafetensors(tensors), options).tensors.get("w")?.data;

describe("16-bit floats", () => {
  const decoders = { F16: decodeF16, BF16: decodeBf16 };
  const nan = { F16: 0x7e00, BF16: 0x7fc0 };

  it.each(["F16", "BF16"] as const)("section 8: all codes of %s in a Uint16Array, one for every NaN", (dtype) => {
    const option = { [dtype.toLowerCase()]: "Uint16Array" };
    const found = dataOf([["w", { data: codes, dtype, shape: [256, 256] }]], option);
    expect(found).toEqual(codes.map((code) => (Number.isNaN(decoders[dtype](code)) ? nan[dtype] : code)));
    const values = dataOf([["w", { data: codes, dtype }]]) as Float32Array;
    expect(values).toEqual(Float32Array.from(codes, decoders[dtype]));
  });

  it("section 8: a reader gives the codes of a file as they are, NaNs too", () => {
    const header = '{"w":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}';
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const file = Buffer.concat([length, Buffer.from(header), Buffer.from(codes.buffer)]);
    expect(decodeSafetensors(file, { f16: "Uint16Array" }).tensors.get("w")?.data).toEqual(codes);
  });

  const node = ["24", "26"]
    .map((version) => join(root, "test/platforms/node_modules", `node-${version}`, "bin", "node"))
    .find((path) => existsSync(path));
  it.skipIf(!node)("section 8: a Float16Array is written and read, to the bit", () => {
    checkBuilt();
    const program = `
      import { decodeSafetensors, encodeSafetensors } from ${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/index.js")).href)};
      const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
      const data = new Float16Array(codes.buffer);
      const file = encodeSafetensors([["w", { data, shape: [256, 256] }]]);
      const { dtype, shape, data: back } = decodeSafetensors(file, { f16: "Float16Array" }).tensors.get("w");
      const bits = new Uint16Array(back.buffer);
      const wrong = codes.filter((code, i) => bits[i] !== (Number.isNaN(data[i]) ? 0x7e00 : code)).length;
      const floats = decodeSafetensors(encodeSafetensors([["w", { data, dtype: "F32" }]])).tensors.get("w").data;
      console.log(dtype, shape.join(), back.constructor.name, wrong, floats.every((value, i) => Object.is(value, data[i])));`;
    const { stdout, stderr } = spawnSync(node as string, ["--input-type=module", "-e", program], { encoding: "utf8" });
    expect(stdout, stderr).toBe("F16 256,256 Float16Array 0 true\n");
  });

  it.skipIf("Float16Array" in globalThis)("section 8: a runtime without Float16Array says so", () => {
    expect(thrownBy(() => dataOf([], { f16: "Float16Array" }))).toMatchObject({
      code: "ERR_OPTION",
      message: expect.stringMatching(/no Float16Array/),
    });
  });
});

describe("types that have no arrays", () => {
  const bytes = Uint8Array.of(1, 2, 3, 250, 5, 6, 7, 8, 9, 10, 11, 12);
  const elements = { F8_E5M2: 12, F8_E4M3: 12, F8_E8M0: 12, F6_E2M3: 16, F4: 24, C64: 1.5 };
  it.each(Object.entries(elements))(
    "F8: %s is had as its bytes, beside an F32 tensor, and written again",
    (dtype, count) => {
      const path = join(temporaryFolder(), "file");
      const data = Number.isInteger(count) ? bytes : bytes.subarray(0, 8);
      const raw = { data, dtype, shape: [Math.floor(count), 1] };
      writeSafetensors(path, [
        ["f", { data: Float32Array.of(1, 2) }],
        ["raw", raw],
      ]);
      const { tensors } = readSafetensors(path);
      expect(tensors.get("raw")).toEqual(raw);
      expect(tensors.get("f")?.data).toEqual(Float32Array.of(1, 2));
      expect(encodeSafetensors(tensors)).toEqual(new Uint8Array(readFileSync(path)));
    },
  );

  it("F8: a type whose elements are not whole is refused, and so is a misspelt property", () => {
    expect(thrownBy(() => encodeSafetensors([["w", { data: new Uint8Array(9), dtype: "C64" }]]))).toMatchObject({
      code: "ERR_LENGTH",
      message: expect.stringMatching(/"w" to have whole elements of C64, which have 64 bits, but it has 9 bytes/),
    });
    const misspelt = { data: new Float32Array(6), sahpe: [2, 3] };
    expect(thrownBy(() => encodeSafetensors([["w", misspelt]]))).toMatchObject({
      code: "ERR_DTYPE",
      message: expect.stringMatching(/it has "sahpe": did you mean 'shape'\?/),
    });
    // A parameter has more, which is its own.
    const owned = { name: "w", data: new Float32Array(6), grad: null, note: "mine" };
    const { tensors } = decodeSafetensors(encodeSafetensors([["w", owned]]));
    expect(tensors.get("w")?.shape).toEqual([6]);
  });

  it("F8: a type that the format got later is had too, and damage and a load are told by its name", () => {
    const file = (entry: object) => {
      const header = JSON.stringify({ w: entry });
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      return Buffer.concat([length, Buffer.from(header), bytes]);
    };
    const later = file({ dtype: "F12_X", shape: [7], data_offsets: [0, 12] });
    expect(decodeSafetensors(later).tensors.get("w")).toEqual({ dtype: "F12_X", shape: [7], data: bytes });
    expect(thrownBy(() => browser.decodeCheckpoint(later, { parameters: [parameter("w", 7)] }))).toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(/"w" to have values that float32 holds, but they are F12_X/),
    });
    const halved = file({ dtype: "F4", shape: [3], data_offsets: [0, 2] });
    expect(thrownBy(() => decodeSafetensors(halved))).toMatchObject({
      message: expect.stringMatching(/"w" to have whole bytes, but its \[3\] elements of F4 have 4 bits each/),
    });
    const short = file({ dtype: "F8_E5M2", shape: [7], data_offsets: [0, 12] });
    expect(thrownBy(() => decodeSafetensors(short))).toMatchObject({ message: expect.stringMatching(/7 bytes.*12/) });
    expect(thrownBy(() => encodeSafetensors([["w", { data: bytes, dtype: "F12_X" }]]))).toBeInstanceOf(OptimError);
  });
});

describe("files as bytes in memory", () => {
  it("R7: are those of a file, whichever SHA-256 there is", () => {
    const path = join(temporaryFolder(), "file");
    const parameters = [parameter("w", 1000), parameter("b", 3, "float64")];
    const optimizer = new RMSprop(parameters, { momentum: 0.9 });
    train(optimizer, parameters, 2);
    saveCheckpoint(path, { parameters, optimizer });
    const { getBuiltinModule } = process;
    const bytes = [];
    try {
      bytes.push(browser.encodeCheckpoint({ parameters, optimizer }));
      Object.assign(process, { getBuiltinModule: undefined });
      bytes.push(browser.encodeCheckpoint({ parameters, optimizer }));
    } finally {
      Object.assign(process, { getBuiltinModule });
    }
    for (const each of bytes) expect(Buffer.compare(each, readFileSync(path))).toBe(0);
    const others = [parameter("w", 1000, "float32", 9), parameter("b", 3, "float64", 9)];
    const shared = new Uint8Array(new SharedArrayBuffer(bytes[0]?.length ?? 0));
    shared.set(bytes[0] as Uint8Array);
    for (const given of [bytes[0] as Uint8Array, (bytes[0] as Uint8Array).slice().buffer, shared]) {
      browser.decodeCheckpoint(given, { parameters: others, optimizer: new RMSprop(others) });
      expect(others.map(({ data }) => data)).toEqual(parameters.map(({ data }) => data));
    }
  });

  it("R7: the entry point imports where there is neither TextEncoder nor anything of Node's, as in Jest's jsdom", () => {
    checkBuilt();
    const program = `
      delete globalThis.TextEncoder; delete globalThis.TextDecoder; delete globalThis.Buffer; delete globalThis.process;
      const { encodeSafetensors } = await import(${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/browser.js")).href)});
      console.log(typeof encodeSafetensors);`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
    });
    expect(stdout, stderr).toBe("function\n");
  });

  it("R7: bundlers for browsers find it", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", "rmsprop"), "dir");
    writeFileSync(join(folder, "a.mjs"), 'console.log(import.meta.resolve("rmsprop/checkpoint"));');
    const { stdout } = spawnSync(process.execPath, ["--conditions=browser", "a.mjs"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(stdout).toMatch(/dist\/checkpoint\/browser\.js\n$/);
  });

  it.skipIf(!chromium)("R7: a page writes the bytes that Node writes, and reads them", async () => {
    checkBuilt();
    const tensors = [["w", { data: Float32Array.of(1, -0, Number.NaN, 3e-45), shape: [2, 2] }]] as const;
    const script = `
      const { decodeSafetensors, encodeSafetensors } = await import("/package/dist/checkpoint/browser.js");
      const bytes = encodeSafetensors([["w", { data: Float32Array.of(1, -0, NaN, 3e-45), shape: [2, 2] }]], { k: "v" });
      const { metadata, tensors } = decodeSafetensors(bytes);
      report({ bytes: [...bytes], metadata, data: [...new Uint32Array(tensors.get("w").data.buffer)] });`;
    const found = await open<{ bytes: number[]; metadata: object; data: number[] }>({ script }, { package: root });
    expect(Uint8Array.from(found.bytes)).toEqual(encodeSafetensors(tensors, { k: "v" }));
    expect(found.metadata).toEqual({ k: "v" });
    expect(found.data).toEqual([0x3f800000, 0x80000000, 0x7fc00000, 2]);
  });
});
