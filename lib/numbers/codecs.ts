/**
 * Conversion between numbers and the bytes that files hold: little-endian, rounded to nearest even, once, from whichever
 * type the numbers have. Each NaN is encoded as one NaN, so that no byte of a file depends on a NaN's sign and payload.
 * Decoding is exact.
 */
import {
  bufferOf,
  byteOffsetOf,
  type FloatArray,
  lengthOf,
  littleEndian,
  type NumberType,
  numberTypeOf,
} from "./typed-array.ts";

/** The number types of files: those that kernels compute in, and two of 16 bits, which arrays are rounded to. */
export type StorageType = NumberType | "bf16" | "f16";

export interface Codec {
  readonly type: StorageType;
  readonly bytesPerElement: number;
  /** The smallest number type that holds every value. */
  readonly decoded: NumberType;
  /** Writes all elements of `source` to the start of `bytes`. */
  encode(source: FloatArray, bytes: Uint8Array): void;
  /** Fills `target` from the start of `bytes`, each value as it is; a target of too small a type would round it. */
  decode(bytes: Uint8Array, target: FloatArray): void;
}

const value32 = new Float32Array(1);

const bits32 = new Uint32Array(value32.buffer);

/**
 * The bits of a number rounded to float32 to odd: where it is inexact, truncated with the last bit set. With at least two
 * bits more than the type it is then rounded to, the result is as if rounded from the number itself (Boldo and Melquiond,
 * "Emulation of FMA and correctly rounded sums", 2008).
 */
function bitsToOdd(value: number): number {
  const rounded = Math.fround(value);
  value32[0] = rounded;
  const bits = bits32[0] as number;
  if (rounded === value || Number.isNaN(value)) return bits;
  const isAbove = Math.abs(rounded) > Math.abs(value);
  return (isAbove ? bits - 1 : bits) | 1;
}

const isNaN32 = (bits: number) => (bits & 0x7fffffff) > 0x7f800000;

/** The bf16 code of a number: the upper half of a float32. A NaN has the code 0x7fc0. */
export function encodeBf16(value: number): number {
  const bits = bitsToOdd(value);
  if (isNaN32(bits)) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

export function decodeBf16(code: number): number {
  bits32[0] = code << 16;
  return value32[0] as number;
}

/** The code of a number in IEEE 754's binary16. A NaN has the code 0x7e00. */
export function encodeF16(value: number): number {
  const bits = bitsToOdd(value);
  if (isNaN32(bits)) return 0x7e00;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  if (exponent > 15) return sign | 0x7c00;
  // The significand with its hidden bit; subnormals of float32 are far below half the smallest of binary16.
  const significand = (bits & 0x7fffff) | 0x800000;
  if (exponent < -25) return sign;
  const dropped = exponent < -14 ? -1 - exponent : 13;
  const kept = significand >>> dropped;
  const rest = significand & ((1 << dropped) - 1);
  const half = 1 << (dropped - 1);
  const up = rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0;
  // A carry out of the significand raises the exponent, up to infinity; the hidden bit is the exponent's unit.
  const base = exponent < -14 ? 0 : (exponent + 14) << 10;
  return sign | (base + kept + up);
}

export function decodeF16(code: number): number {
  const exponent = (code >>> 10) & 0x1f;
  const fraction = code & 0x3ff;
  if (exponent === 0) return ((code & 0x8000 ? -1 : 1) * fraction) / 0x1000000;
  bits32[0] = ((code & 0x8000) << 16) | ((exponent === 0x1f ? 0xff : exponent + 112) << 23) | (fraction << 13);
  return value32[0] as number;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function sixteenBits(type: "bf16" | "f16", encode: (value: number) => number, decode: (code: number) => number): Codec {
  return {
    type,
    bytesPerElement: 2,
    decoded: "float32",
    encode(source, bytes) {
      const view = viewOf(bytes);
      for (let i = 0, length = lengthOf(source); i < length; i++)
        view.setUint16(2 * i, encode(source[i] as number), true);
    },
    decode(bytes, target) {
      const view = viewOf(bytes);
      for (let i = 0, length = lengthOf(target); i < length; i++) target[i] = decode(view.getUint16(2 * i, true));
    },
  };
}

/** Puts bytes where an array lies. */
function copyBytes(bytes: Uint8Array, target: FloatArray, size: number): void {
  new Uint8Array(bufferOf(target), byteOffsetOf(target), size).set(bytes.subarray(0, size));
}

const float32: Codec = {
  type: "float32",
  bytesPerElement: 4,
  decoded: "float32",
  encode(source, bytes) {
    const view = viewOf(bytes);
    for (let i = 0, length = lengthOf(source); i < length; i++) {
      const value = source[i] as number;
      if (!Number.isNaN(value)) view.setFloat32(4 * i, value, true);
      else view.setUint32(4 * i, 0x7fc00000, true);
    }
  },
  decode(bytes, target) {
    const length = lengthOf(target);
    if (littleEndian && numberTypeOf(target) === "float32") return copyBytes(bytes, target, 4 * length);
    const view = viewOf(bytes);
    for (let i = 0; i < length; i++) target[i] = view.getFloat32(4 * i, true);
  },
};

const float64: Codec = {
  type: "float64",
  bytesPerElement: 8,
  decoded: "float64",
  encode(source, bytes) {
    const view = viewOf(bytes);
    for (let i = 0, length = lengthOf(source); i < length; i++) {
      const value = source[i] as number;
      if (!Number.isNaN(value)) view.setFloat64(8 * i, value, true);
      else view.setBigUint64(8 * i, 0x7ff8000000000000n, true);
    }
  },
  decode(bytes, target) {
    const length = lengthOf(target);
    if (littleEndian && numberTypeOf(target) === "float64") return copyBytes(bytes, target, 8 * length);
    const view = viewOf(bytes);
    for (let i = 0; i < length; i++) target[i] = view.getFloat64(8 * i, true);
  },
};

export const codecs: Readonly<Record<StorageType, Codec>> = {
  float32,
  float64,
  bf16: sixteenBits("bf16", encodeBf16, decodeBf16),
  f16: sixteenBits("f16", encodeF16, decodeF16),
};
