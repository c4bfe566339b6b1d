// The file format: written here and read by another reader, made by hand from the format's description and read here.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { safetensors as other } from "@jax-js/loaders";
import { describe, expect, test } from "vitest";
import type { Dtype, TensorData } from "../../lib/checkpoint/dtypes.ts";
import {
  readSafetensors,
  readSafetensorsAsync,
  type TensorInput,
  writeSafetensors,
  writeSafetensorsAsync,
} from "../../lib/checkpoint/index.ts";
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from "../../lib/numbers/codecs.ts";
import { bitsOf, detach, expectRefusal, thrownBy, values } from "../support/arrays.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";

/** A file from the format's description: 8 bytes little-endian, JSON, data. */
function fileByHand(header: string | object, data: Uint8Array): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const length = new Uint8Array(8);
  for (let i = 0, rest = json.length; i < 8; i++, rest = Math.floor(rest / 256)) length[i] = rest % 256;
  return Uint8Array.from([...length, ...json, ...data]);
}

const bytesOf = (array: TensorData) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("hex");

const tensorsOfAll: readonly [string, TensorInput & { readonly dtype?: Dtype }][] = [
  ["float32", { data: values("float32", 6, 1), shape: [2, 3] }],
  ["float64", { data: values("float64", 5, 2) }],
  ["none", { data: new Float32Array(0), shape: [3, 0] }],
  ["scalar", { data: Float64Array.of(7), shape: [] }],
  ["i64", { data: BigInt64Array.of(-1n, 2n ** 62n) }],
  ["u64", { data: BigUint64Array.of(2n ** 64n - 1n) }],
  ["i32", { data: Int32Array.of(-5, 6, 7) }],
  ["u32", { data: Uint32Array.of(4294967295) }],
  ["i16", { data: Int16Array.of(-300) }],
  ["u16", { data: Uint16Array.of(65535, 1) }],
  ["i8", { data: Int8Array.of(-1, 2, 3) }],
  ["u8", { data: Uint8Array.of(255) }],
  ["bool", { data: Uint8Array.of(0, 1, 1), dtype: "BOOL" }],
];

describe("a file written here", () => {
  test("comes back as it was, in both forms, which write the same bytes", async () => {
    const folder = temporaryFolder();
    const metadata = { purpose: "test", "ключ ✓": '\u0000\n"', ["__proto__"]: "own" };
    writeSafetensors(join(folder, "a"), new Map(tensorsOfAll), metadata);
    await writeSafetensorsAsync(pathToFileURL(join(folder, "b")), tensorsOfAll, metadata);
    expect(readFileSync(join(folder, "b"))).toEqual(readFileSync(join(folder, "a")));
    expect(readdirSync(folder).sort()).toEqual(["a", "b"]);
    for (const file of [
      readSafetensors(pathToFileURL(join(folder, "a"))),
      await readSafetensorsAsync(join(folder, "a")),
    ]) {
      expect(Object.entries(file.metadata).sort()).toEqual(Object.entries(metadata).sort());
      expect([...file.tensors.keys()].sort()).toEqual(tensorsOfAll.map(([name]) => name).sort());
      for (const [name, { data, shape, dtype }] of tensorsOfAll) {
        const found = file.tensors.get(name);
        expect(found?.data, name).toEqual(data);
        expect(found?.shape).toEqual(shape ?? [data.length]);
        if (dtype) expect(found?.dtype).toBe(dtype);
      }
    }
  });

  test("loads with another reader", () => {
    const path = join(temporaryFolder(), "file");
    writeSafetensors(path, tensorsOfAll, { purpose: "test" });
    const file = other.parse(new Uint8Array(readFileSync(path)));
    expect(file.metadata).toMatchObject({ purpose: "test" });
    const { "rmsprop.checksum": checksum, ...tensors } = file.tensors;
    expect(checksum?.dtype).toBe("U8");
    expect(Object.keys(tensors).sort()).toEqual(tensorsOfAll.map(([name]) => name).sort());
    for (const [name, { data, shape }] of tensorsOfAll) {
      expect(tensors[name]?.shape).toEqual(shape ?? [data.length]);
      expect(bytesOf(tensors[name]?.data as TensorData), name).toBe(bytesOf(data));
    }
  });

  test("rounds to the asked type, once", () => {
    const path = join(temporaryFolder(), "file");
    for (const source of [values("float32", 1000, 3), values("float64", 1000, 4)]) {
      writeSafetensors(
        path,
        (["F64", "F32", "BF16", "F16"] as const).map((dtype) => [dtype, { data: source, dtype }]),
      );
      const { tensors } = readSafetensors(path);
      const expected: [string, (value: number) => number][] = [
        ["F64", (value) => value],
        ["F32", Math.fround],
        ["BF16", (value) => decodeBf16(encodeBf16(value))],
        ["F16", (value) => decodeF16(encodeF16(value))],
      ];
      for (const [dtype, round] of expected) {
        expect(tensors.get(dtype)?.dtype).toBe(dtype);
        expect(Array.from(tensors.get(dtype)?.data as Float32Array)).toEqual(Array.from(source, round));
      }
    }
  });

  test("has the bytes of BOOL as they are, those too that are neither 0 nor 1, as other readers have them", () => {
    const folder = temporaryFolder();
    const data = Uint8Array.of(0, 1, 2, 255);
    const byHand = fileByHand({ mask: { dtype: "BOOL", shape: [2, 2], data_offsets: [0, 4] } }, data);
    writeFileSync(join(folder, "by-hand"), byHand);
    const { tensors } = readSafetensors(join(folder, "by-hand"));
    expect(tensors.get("mask")).toEqual({ dtype: "BOOL", shape: [2, 2], data });
    expect(bytesOf(other.parse(Uint8Array.from(byHand)).tensors.mask?.data as TensorData)).toBe(bytesOf(data));
    writeSafetensors(join(folder, "again"), [["mask", tensors.get("mask") as TensorInput]]);
    expect(readSafetensors(join(folder, "again")).tensors).toEqual(tensors);
  });

  test("does not depend on the bits of a NaN", () => {
    const folder = temporaryFolder();
    const write = (name: string, bits: readonly number[], bits64: readonly bigint[]) =>
      writeSafetensors(join(folder, name), [
        ["a", { data: new Float32Array(Uint32Array.from(bits).buffer) }],
        ["b", { data: new Float64Array(BigUint64Array.from(bits64).buffer) }],
        ["c", { data: new Float32Array(Uint32Array.from(bits).buffer), dtype: "F16" }],
        ["d", { data: new Float64Array(BigUint64Array.from(bits64).buffer), dtype: "BF16" }],
      ]);
    write("1", [0x7fc00000, 0x7f800001], [0x7ff8000000000000n, 0x7ff0000000000001n]);
    write("2", [0xffc12345, 0xff8fffff], [0xfff8000012345678n, 0xffffffffffffffffn]);
    expect(readFileSync(join(folder, "2"))).toEqual(readFileSync(join(folder, "1")));
    expect(bitsOf(readSafetensors(join(folder, "1")).tensors.get("a")?.data as Float32Array)).toEqual(
      Uint32Array.of(0x7fc00000, 0x7fc00000),
    );
  });

  test("may be longer than what is converted at a time", () => {
    const path = join(temporaryFolder(), "file");
    const data: [string, TensorInput][] = [
      ["long", { data: values("float32", 700_001, 5) }],
      ["odd", { data: new Uint8Array(1_500_003).map((_, i) => i) }],
      ["half", { data: values("float64", 600_000, 6), dtype: "BF16" }],
      ...Array.from({ length: 3000 }, (_, i): [string, TensorInput] => [
        `small${i}`,
        { data: values("float64", i % 7, i) },
      ]),
    ];
    writeSafetensors(path, data);
    const { tensors } = readSafetensors(path);
    for (const [name, { data: expected, dtype }] of data) {
      const found = tensors.get(name)?.data as Float32Array;
      const rounded = dtype
        ? Float32Array.from(expected as Float64Array, (value) => decodeBf16(encodeBf16(value)))
        : expected;
      if (bytesOf(found) !== bytesOf(rounded)) expect.unreachable(`${name} differs`);
    }
    expect(tensors.size).toBe(data.length);
  });

  test("may have any names but two", () => {
    const path = join(temporaryFolder(), "file");
    const names = [
      "__proto__",
      "constructor",
      "a.b.c",
      "",
      "0",
      "1",
      "моя матрица ✓",
      "\ud800",
      '\u0000"\\',
      "x".repeat(5000),
    ];
    writeSafetensors(
      path,
      names.map((name, i) => [name, { data: Float32Array.of(i) }]),
    );
    const { tensors } = readSafetensors(path);
    expect(new Map([...tensors].map(([name, { data }]) => [name, data[0]]))).toEqual(
      new Map(names.map((name, i) => [name, i])),
    );
    for (const name of ["__metadata__", "rmsprop.checksum"]) {
      expectRefusal(
        thrownBy(() => writeSafetensors(path, [[name, { data: new Float32Array(1) }]])),
        "ERR_NAME",
        /leaves free/,
      );
    }
  });

  test.skipIf(!existsSync("/proc/self/status"))("takes memory once to read", () => {
    const path = join(temporaryFolder(), "file");
    const length = 2 ** 25;
    writeSafetensors(path, [["a", { data: new Float32Array(length).fill(0.5) }]]);
    // In a process of its own, whose peak is that of the reading.
    const script = `
      import { readFileSync } from "node:fs";
      import { readSafetensors } from ${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/index.js")).href)};
      const peak = () => 1024 * Number(/VmHWM:\\s*(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
      const before = peak();
      const { tensors } = readSafetensors(${JSON.stringify(path)});
      if (tensors.get("a").data[${length - 1}] !== 0.5) throw new Error("not read");
      console.log(peak() - before);`;
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(Number(printed) / (4 * length)).toBeGreaterThan(0.9);
    expect(Number(printed) / (4 * length)).toBeLessThan(1.2);
  });
});

describe("a file made by hand", () => {
  const folder = () => join(temporaryFolder(), "file");
  const data = new Uint8Array(new Float32Array([1.5, -2, 3, 0.25, 5, 6]).buffer);

  test("loads: metadata, any order, spaces behind the header, no elements", () => {
    const path = folder();
    const header = {
      b: { dtype: "F32", shape: [2, 2], data_offsets: [8, 24] },
      __metadata__: { format: "pt" },
      empty: { dtype: "F16", shape: [0], data_offsets: [8, 8] },
      a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
    };
    writeFileSync(path, fileByHand(`${JSON.stringify(header)}     `, data));
    const file = readSafetensors(path);
    expect(file.metadata).toEqual({ format: "pt" });
    expect(file.tensors.get("a")).toEqual({ dtype: "F32", shape: [2], data: Float32Array.of(1.5, -2) });
    expect(file.tensors.get("b")).toEqual({ dtype: "F32", shape: [2, 2], data: Float32Array.of(3, 0.25, 5, 6) });
    expect(file.tensors.get("empty")).toEqual({ dtype: "F16", shape: [0], data: new Float32Array(0) });
  });

  test("loads in all 16-bit codes, and at places of odd alignment", () => {
    const path = folder();
    const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
    const halves = new Uint8Array(codes.buffer);
    const header = {
      byte: { dtype: "U8", shape: [1], data_offsets: [0, 1] },
      bf16: { dtype: "BF16", shape: [256, 256], data_offsets: [1, 131073] },
      f16: { dtype: "F16", shape: [65536], data_offsets: [131073, 262145] },
      f64: { dtype: "F64", shape: [], data_offsets: [262145, 262153] },
    };
    const f64 = new Uint8Array(Float64Array.of(Math.PI).buffer);
    writeFileSync(path, fileByHand(header, Buffer.concat([Uint8Array.of(9), halves, halves, f64])));
    const { tensors } = readSafetensors(path);
    expect(Array.from(tensors.get("bf16")?.data as Float32Array)).toEqual(Array.from(codes, decodeBf16));
    expect(Array.from(tensors.get("f16")?.data as Float32Array)).toEqual(Array.from(codes, decodeF16));
    expect(tensors.get("f64")).toEqual({ dtype: "F64", shape: [], data: Float64Array.of(Math.PI) });
  });

  test("an empty one loads", () => {
    const path = folder();
    writeFileSync(path, fileByHand({}, new Uint8Array(0)));
    expect(readSafetensors(path)).toEqual({ metadata: {}, tensors: new Map() });
  });

  const one = (entry: unknown, extra: object = {}) => ({ a: entry, ...extra });
  const whole = { dtype: "F32", shape: [6], data_offsets: [0, 24] };
  const wrong: [string, Uint8Array | (() => Uint8Array), RegExp][] = [
    ["no bytes", new Uint8Array(0), /8 bytes or more, but it has 0/],
    ["7 bytes", new Uint8Array(7), /8 bytes or more, but it has 7/],
    [
      "a header longer than the file",
      Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d),
      /at most 2 bytes, but it says 9/,
    ],
    [
      "a header of 2^63 bytes",
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 0x7b, 0x7d),
      /at most 2 bytes, but it says 9223372036854775808/,
    ],
    ["no header", new Uint8Array(8), /JSON/],
    ["no JSON", fileByHand("{", data), /JSON/],
    ["a byte order mark", fileByHand("\ufeff{}", new Uint8Array(0)), /JSON/],
    ["no UTF-8", () => Uint8Array.from([4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0x7d]), /UTF-8/],
    ["a list", fileByHand("[]", new Uint8Array(0)), /header to be an object of JSON.*expected \{/],
    [
      "metadata of numbers",
      fileByHand({ __metadata__: { a: 1 } }, new Uint8Array(0)),
      /"a" in '__metadata__'.*string.*1/,
    ],
    ["metadata that are a list", fileByHand({ __metadata__: [] }, new Uint8Array(0)), /'__metadata__'.*object/],
    ["an entry that is a number", fileByHand(one(1), data), /entry of "a".*object.*1/],
    ["no dtype", fileByHand(one({ ...whole, dtype: 8 }), data), /dtype of "a".*"F32".*8/],
    ["a dtype from the prototype", fileByHand(one({ ...whole, dtype: "constructor" }), data), /dtype of "a"/],
    ["no shape", fileByHand(one({ dtype: "F32", data_offsets: [0, 24] }), data), /shape of "a".*undefined/],
    ["a shape with a fraction", fileByHand(one({ ...whole, shape: [1.5, 4] }), data), /shape of "a".*\[1\.5, 4\]/],
    ["a shape below 0", fileByHand(one({ ...whole, shape: [-1, -6] }), data), /shape of "a"/],
    ["a shape beyond all memory", fileByHand(one({ ...whole, shape: [2 ** 40, 2 ** 40] }), data), /shape of "a"/],
    ["a shape of other size", fileByHand(one({ ...whole, shape: [5] }), data), /"a" to have 20 bytes.*24/],
    ["offsets that are none", fileByHand(one({ ...whole, data_offsets: [0] }), data), /offsets of "a".*\[0\]/],
    ["three offsets", fileByHand(one({ ...whole, data_offsets: [0, 24, 24] }), data), /offsets of "a"/],
    ["offsets that are text", fileByHand(one({ ...whole, data_offsets: ["0", "24"] }), data), /offsets of "a"/],
    ["offsets below 0", fileByHand(one({ ...whole, data_offsets: [-24, 0] }), data), /offsets of "a"/],
    ["offsets turned around", fileByHand(one({ ...whole, data_offsets: [24, 0] }), data), /"a" to have 24 bytes.*-24/],
    [
      "a gap at the start",
      fileByHand(one({ dtype: "F32", shape: [5], data_offsets: [4, 24] }), data),
      /begin at byte 0.*4.*gap/,
    ],
    [
      "a gap at the end",
      fileByHand(one({ dtype: "F32", shape: [5], data_offsets: [0, 20] }), data),
      /Expected 20 bytes of data, but there are 24/,
    ],
    ["data cut short", fileByHand(one(whole), data.subarray(0, 23)), /Expected 24 bytes of data, but there are 23/],
    [
      "tensors that overlap",
      fileByHand(one(whole, { b: { dtype: "F32", shape: [1], data_offsets: [20, 24] } }), data),
      /"b" to begin at byte 24.*20.*overlaps/,
    ],
    ["tensors in one place", fileByHand(one(whole, { b: whole }), data), /begin at byte 24.*0.*overlaps/],
  ];
  test.each(wrong)("is refused with %s", async (_, bytes, message) => {
    const path = folder();
    writeFileSync(path, typeof bytes === "function" ? bytes() : bytes);
    const error = thrownBy(() => readSafetensors(path));
    expectRefusal(error, "ERR_CHECKPOINT", message);
    expect((error as Error).message).toContain(JSON.stringify(path));
    await expect(readSafetensorsAsync(path)).rejects.toEqual(error);
  });
});

describe("what cannot be written is refused, and no file is made", () => {
  const taken = new Float32Array(4);
  detach(taken.buffer);
  const wrong: [string, () => readonly (readonly [string, TensorInput])[], string, RegExp][] = [
    [
      "two of one name",
      () => [
        ["a", { data: new Float32Array(1) }],
        ["a", { data: new Float32Array(1) }],
      ],
      "ERR_NAME",
      /"a", as another has/,
    ],
    ["a name that is a number", () => [[1 as never, { data: new Float32Array(1) }]], "ERR_NAME", /name of its own.*1/],
    ["a list", () => [["a", { data: [1, 2] as never }]], "ERR_DTYPE", /"a" to be a typed array.*an array/],
    ["a view of bytes", () => [["a", { data: new DataView(new ArrayBuffer(4)) as never }]], "ERR_DTYPE", /typed array/],
    [
      "whole numbers as floats",
      () => [["a", { data: Int32Array.of(1), dtype: "F32" }]],
      "ERR_DTYPE",
      /written as I32.*"F32"/,
    ],
    [
      "an unknown dtype",
      () => [["a", { data: Float32Array.of(1), dtype: "F8" as never }]],
      "ERR_DTYPE",
      /written as F32.*"F8"/,
    ],
    [
      "another shape",
      () => [["a", { data: new Float32Array(6), shape: [2, 2] }]],
      "ERR_LENGTH",
      /product is its 6 elements.*\[2, 2\]/,
    ],
    ["no memory", () => [["a", { data: taken }]], "ERR_DETACHED", /detached/],
  ];
  test.each(wrong)("%s", async (_, tensors, code, message) => {
    const folder = temporaryFolder();
    expectRefusal(
      thrownBy(() => writeSafetensors(join(folder, "file"), tensors())),
      code as never,
      message,
    );
    await expect(writeSafetensorsAsync(join(folder, "file"), tensors())).rejects.toMatchObject({ code });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("metadata that are no strings, and paths that are none", () => {
    const folder = temporaryFolder();
    for (const metadata of [1, [], null, { a: 1 }, { "rmsprop.checksum": "x" }]) {
      expectRefusal(
        thrownBy(() => writeSafetensors(join(folder, "file"), [], metadata as never)),
        "ERR_OPTION",
        /metadata/,
      );
    }
    for (const path of ["", 1, undefined, new URL("https://example.com/x")]) {
      expectRefusal(
        thrownBy(() => writeSafetensors(path as never, [])),
        "ERR_OPTION",
        /path of a file/,
      );
      expectRefusal(
        thrownBy(() => readSafetensors(path as never)),
        "ERR_OPTION",
        /path of a file/,
      );
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a file that is not there is the file system's error", async () => {
    const path = join(temporaryFolder(), "none");
    expect(thrownBy(() => readSafetensors(path))).toMatchObject({ code: "ENOENT" });
    await expect(readSafetensorsAsync(path)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
