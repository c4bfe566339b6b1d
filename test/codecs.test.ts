// Codecs against the definition of each format, in both directions: every code, and every boundary between two.
import { describe, expect, test } from "vitest";
import { codecs, decodeBf16, decodeF16, encodeBf16, encodeF16, type StorageType } from "../lib/numbers/codecs.ts";
import { bitsOf } from "./support/arrays.ts";

interface Format {
  readonly type: "bf16" | "f16";
  readonly encode: (value: number) => number;
  readonly decode: (code: number) => number;
  readonly exponentBits: number;
  readonly nan: number;
}

const formats: readonly Format[] = [
  { type: "bf16", encode: encodeBf16, decode: decodeBf16, exponentBits: 8, nan: 0x7fc0 },
  { type: "f16", encode: encodeF16, decode: decodeF16, exponentBits: 5, nan: 0x7e00 },
];

/** The value of a code by IEEE 754's definition of a binary interchange format of 16 bits. */
function definedValue(code: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = code >= 0x8000 ? -1 : 1;
  const exponent = Math.floor((code % 0x8000) / 2 ** fractionBits);
  const fraction = (code % 2 ** fractionBits) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const value64 = new Float64Array(1);
const bits64 = new BigInt64Array(value64.buffer);

/** The next double away from zero, or towards it. */
function neighbour(value: number, direction: 1n | -1n): number {
  value64[0] = value;
  bits64[0] = (bits64[0] as bigint) + direction;
  return value64[0] as number;
}

describe.each(formats)("$type", ({ type, encode, decode, exponentBits, nan }) => {
  const codes = Array.from({ length: 65536 }, (_, code) => code);
  const infinity = (2 ** exponentBits - 1) * 2 ** (15 - exponentBits);

  test("every code decodes to its value", () => {
    for (const code of codes) {
      const expected = definedValue(code, exponentBits);
      if (!Object.is(decode(code), expected)) expect(decode(code), code.toString(16)).toBe(expected);
    }
  });

  test("every value encodes to its code, every NaN to one", () => {
    let nans = 0;
    for (const code of codes) {
      const value = definedValue(code, exponentBits);
      if (Number.isNaN(value)) nans++;
      const expected = Number.isNaN(value) ? nan : code;
      if (encode(value) !== expected) expect(encode(value), code.toString(16)).toBe(expected);
    }
    expect(nans).toBe(2 * (2 ** (15 - exponentBits) - 1));
  });

  test("around every boundary, doubles and floats are rounded to the nearest, ties to even", () => {
    let boundaries = 0;
    const check = (value: number, expected: number) => {
      if (encode(value) !== expected) expect(encode(value), `${value}`).toBe(expected);
    };
    for (const sign of [0, 0x8000]) {
      for (let code = 0; code < infinity; code++) {
        const low = definedValue(sign + code, exponentBits);
        // The boundary to infinity lies where the next value would be if the exponents went on.
        const above =
          code + 1 === infinity
            ? 2 * definedValue(sign + code, exponentBits) - definedValue(sign + code - 1, exponentBits)
            : definedValue(sign + code + 1, exponentBits);
        const middle = low / 2 + above / 2;
        check(middle, sign + (code % 2 === 0 ? code : code + 1));
        check(neighbour(middle, 1n), sign + code + 1);
        check(neighbour(middle, -1n), sign + code);
        check(neighbour(low, 1n), sign + code);
        if (low !== 0) check(neighbour(low, -1n), sign + code);
        // A double so near the boundary that a rounding to float32 in between would put it there.
        check(middle + (above - middle) * 2 ** -30, sign + code + 1);
        check(middle - (middle - low) * 2 ** -30, sign + code);
        boundaries++;
      }
    }
    expect(boundaries).toBe(2 * infinity);
  });

  test("values beyond all are infinite, values below all are zero, with their sign", () => {
    for (const value of [Number.MAX_VALUE, Infinity, 2 ** 200]) {
      expect([encode(value), encode(-value)]).toEqual([infinity, infinity + 0x8000]);
    }
    for (const value of [0, Number.MIN_VALUE, 2 ** -200]) expect([encode(value), encode(-value)]).toEqual([0, 0x8000]);
  });

  test("arrays are encoded little-endian at any offset, and decoded to either type", () => {
    const values = codes.map((code) => definedValue(code, exponentBits));
    for (const source of [Float32Array.from(values), Float64Array.from(values)]) {
      const bytes = new Uint8Array(3 + 2 * codes.length + 1);
      codecs[type].encode(source, bytes.subarray(3));
      codes.forEach((code, i) => {
        const expected = Number.isNaN(values[i]) ? nan : code;
        const found = (bytes[3 + 2 * i] as number) + 256 * (bytes[4 + 2 * i] as number);
        if (found !== expected) expect(found).toBe(expected);
      });
      const target = source.slice().fill(7);
      codecs[type].decode(bytes.subarray(3), target);
      expect(bitsOf(target)).toEqual(bitsOf(source));
    }
  });
});

/** Floats of all kinds: each exponent with several fractions, both signs, infinities and NaNs of several payloads. */
const floatBits = Array.from({ length: 256 * 2 }, (_, i) =>
  [0, 1, 0x400000, 0x7fffff, 0x123456].map((fraction) => ((i << 23) | fraction) >>> 0),
).flat();
const doubleBits = Array.from({ length: 4096 }, (_, i) =>
  [0n, 1n, 1n << 51n, (1n << 52n) - 1n].map((fraction) => (BigInt(i) << 52n) | fraction),
).flat();

describe("float32 and float64", () => {
  test("hold each value as it is, and one NaN", () => {
    const floats = new Float32Array(Uint32Array.from(floatBits).buffer);
    const doubles = new Float64Array(BigUint64Array.from(doubleBits).buffer);
    const hold = (type: StorageType, source: Float32Array | Float64Array, size: number) => {
      const bytes = new Uint8Array(source.length * size + 5);
      codecs[type].encode(source, bytes.subarray(5));
      const target = type === "float32" ? new Float32Array(source.length) : new Float64Array(source.length);
      codecs[type].decode(bytes.subarray(5), target);
      expect(Array.from(target)).toEqual(Array.from(source));
      const nans = new Set<string>();
      source.forEach((value, i) => {
        if (Number.isNaN(value))
          nans.add(Buffer.from(bytes.subarray(5 + i * size, 5 + (i + 1) * size)).toString("hex"));
      });
      expect([...nans]).toEqual([type === "float32" ? "0000c07f" : "000000000000f87f"]);
      return target;
    };
    expect(bitsOf(hold("float32", floats, 4))).toEqual(bitsOf(floats));
    expect(bitsOf(hold("float64", doubles, 8))).toEqual(bitsOf(doubles));
    hold("float64", Float64Array.from(floats), 8);
  });

  test("a float32 decodes to a double of the same value, a double encodes to the nearest float32", () => {
    const floats = new Float32Array(Uint32Array.from(floatBits).buffer);
    const bytes = new Uint8Array(floats.length * 4);
    codecs.float32.encode(floats, bytes);
    const doubles = new Float64Array(floats.length);
    codecs.float32.decode(bytes, doubles);
    expect(Array.from(doubles)).toEqual(Array.from(floats));
    const source = Float64Array.of(0.1, -1 / 3, 1e300, 2 ** -149, 2 ** -150);
    codecs.float32.encode(source, bytes);
    expect(Array.from(new Float32Array(bytes.buffer, 0, 5))).toEqual(Array.from(source, Math.fround));
  });

  test("each codec says its size and what holds its values", () => {
    const rows = Object.entries(codecs).map(([name, { type, bytesPerElement, decoded }]) => [
      name,
      type,
      bytesPerElement,
      decoded,
    ]);
    expect(rows).toEqual([
      ["float32", "float32", 4, "float32"],
      ["float64", "float64", 8, "float64"],
      ["bf16", "bf16", 2, "float32"],
      ["f16", "f16", 2, "float32"],
    ]);
  });
});
