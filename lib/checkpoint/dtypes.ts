import { isEngineError } from "../host.ts";
import {
  type Codec,
  codecs,
  decodeBf16,
  decodeF16,
  encodeBf16,
  encodeF16,
  type StorageType,
} from "../numbers/codecs.ts";
import {
  bufferOf,
  byteOffsetOf,
  type FloatArray,
  lengthOf,
  littleEndian,
  typedArrayName,
} from "../numbers/typed-array.ts";

/** A Float16Array, of runtimes that have it (Node 24, browsers since 2025); the library's target has no type for it. */
export interface Float16ArrayLike {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly BYTES_PER_ELEMENT: number;
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly length: number;
  [index: number]: number;
  [Symbol.iterator](): IterableIterator<number>;
}

/** The arrays that a tensor's values may be in. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Float16ArrayLike
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The number types of the format that have arrays here, by its own names. */
export type Dtype =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "U64"
  | "I32"
  | "U32"
  | "I16"
  | "U16"
  | "I8"
  | "U8"
  | "BOOL";

/** The number types without arrays: their bytes are read and written as they are, in a Uint8Array. */
export type RawDtype =
  | "F8_E5M2"
  | "F8_E4M3"
  | "F8_E8M0"
  | "F8_E5M2FNUZ"
  | "F8_E4M3FNUZ"
  | "F6_E2M3"
  | "F6_E3M2"
  | "F4"
  | "C64";

type ArrayClass = new (buffer: ArrayBufferLike, offset: number, length: number) => TensorData;

/** The layout of a tensor's elements in an array. */
export interface Form {
  /** Bytes in the file for an element of the array. */
  readonly bytes: number;
  /** The array's class. */
  readonly array: string;
  /** The conversion of its values; undefined where its bytes are those of the file. */
  readonly codec?: Codec | undefined;
}

const Float16 = (globalThis as { Float16Array?: ArrayClass }).Float16Array;

const classes: Readonly<Record<string, ArrayClass>> = {
  Float64Array,
  Float32Array,
  ...(Float16 && { Float16Array: Float16 }),
  BigInt64Array,
  BigUint64Array,
  Int32Array,
  Uint32Array,
  Int16Array,
  Uint16Array,
  Int8Array,
  Uint8Array,
};

/** Whether this runtime has Float16Arrays. */
export const hasFloat16 = Float16 !== undefined;

const floats = (type: StorageType): Form => ({
  bytes: codecs[type].bytesPerElement,
  array: codecs[type].decoded === "float32" ? "Float32Array" : "Float64Array",
  codec: codecs[type],
});

/** The array that the values of each are read into. */
const forms: Readonly<Record<Dtype, Form>> = {
  F64: floats("float64"),
  F32: floats("float32"),
  F16: floats("f16"),
  BF16: floats("bf16"),
  I64: { bytes: 8, array: "BigInt64Array" },
  U64: { bytes: 8, array: "BigUint64Array" },
  I32: { bytes: 4, array: "Int32Array" },
  U32: { bytes: 4, array: "Uint32Array" },
  I16: { bytes: 2, array: "Int16Array" },
  U16: { bytes: 2, array: "Uint16Array" },
  I8: { bytes: 1, array: "Int8Array" },
  U8: { bytes: 1, array: "Uint8Array" },
  BOOL: { bytes: 1, array: "Uint8Array" },
};

const rawBits: Readonly<Record<RawDtype, number>> = {
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E5M2FNUZ: 8,
  F8_E4M3FNUZ: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
  C64: 64,
};

export const isDtype = (value: unknown): value is Dtype => typeof value === "string" && Object.hasOwn(forms, value);
export const isRawDtype = (value: unknown): value is RawDtype =>
  typeof value === "string" && Object.hasOwn(rawBits, value);

/** The bits of an element in a file; undefined for a type that the format got later. */
export function bitsOf(dtype: string): number | undefined {
  if (isDtype(dtype)) return 8 * forms[dtype].bytes;
  return isRawDtype(dtype) ? rawBits[dtype] : undefined;
}

/** The smallest number type that holds every value of a dtype; undefined for whole numbers and types without arrays. */
export const decodedType = (dtype: string) => (isDtype(dtype) ? forms[dtype].codec?.decoded : undefined);

/** The arrays that 16-bit floats are read into. */
export interface ReadOptions {
  /** For F16: "Float32Array", the default, "Float16Array", or "Uint16Array" of the codes. */
  readonly f16?: "Float32Array" | "Float16Array" | "Uint16Array";
  /** For BF16: "Float32Array", the default, or "Uint16Array" of the codes. */
  readonly bf16?: "Float32Array" | "Uint16Array";
}

const asBytes: Form = { bytes: 1, array: "Uint8Array" };

/** How a dtype is read. */
export function readForm(dtype: string, { f16 = "Float32Array", bf16 = "Float32Array" }: ReadOptions): Form {
  const asked = dtype === "F16" ? f16 : dtype === "BF16" ? bf16 : "Float32Array";
  if (asked !== "Float32Array") return { bytes: 2, array: asked };
  return isDtype(dtype) ? forms[dtype] : asBytes;
}

/** The codes of a 16-bit float, with one code for every NaN. */
const codesOf = (type: "f16" | "bf16", decode: (code: number) => number, encode: (value: number) => number): Codec => ({
  ...codecs[type],
  encode(source, bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0, length = lengthOf(source); i < length; i++) {
      const code = source[i] as number;
      view.setUint16(2 * i, Number.isNaN(decode(code)) ? encode(Number.NaN) : code, true);
    }
  },
});
const codeForms: Readonly<Record<"F16" | "BF16", Form>> = {
  F16: { bytes: 2, array: "Uint16Array", codec: codesOf("f16", decodeF16, encodeF16) },
  BF16: { bytes: 2, array: "Uint16Array", codec: codesOf("bf16", decodeBf16, encodeBf16) },
};

const ofArray: Readonly<Record<string, Dtype>> = {
  Float64Array: "F64",
  Float32Array: "F32",
  Float16Array: "F16",
  BigInt64Array: "I64",
  BigUint64Array: "U64",
  Int32Array: "I32",
  Uint32Array: "U32",
  Int16Array: "I16",
  Uint16Array: "U16",
  Int8Array: "I8",
  Uint8Array: "U8",
};

/** The dtype that holds an array as it is; undefined where there is none. */
export function dtypeOfArray(array: unknown): Dtype | undefined {
  const name = typedArrayName(array);
  return name === undefined ? undefined : ofArray[name];
}

/** How an array is written as a dtype; undefined where it cannot be. */
export function writeForm(own: Dtype, dtype: unknown): Form | undefined {
  if (own === "U16" && (dtype === "F16" || dtype === "BF16")) return codeForms[dtype];
  if (own === "U8" && (dtype === "BOOL" || isRawDtype(dtype))) return asBytes;
  const fits = isDtype(dtype) && (dtype === own || (forms[dtype].codec && forms[own].codec));
  return fits ? forms[dtype] : undefined;
}

/** The format's name of a storage type. */
export const dtypeOfStorage: Readonly<Record<StorageType, Dtype>> = {
  float64: "F64",
  float32: "F32",
  f16: "F16",
  bf16: "BF16",
};

const keys = Function.prototype.call.bind(Object.getPrototypeOf(Int8Array.prototype).keys as () => unknown);

/** Whether an array has its memory: its buffer is neither detached nor shrunk away from under it. */
export function tensorHasMemory(data: TensorData): boolean {
  try {
    keys(data); // refuses an array that has none
    return true;
  } catch (error) {
    if (!isEngineError(error, "TypeError")) throw error;
    return false;
  }
}

/** A new array for a form. @throws RangeError where there is not enough memory. */
export function makeArray({ array }: Form, length: number): TensorData {
  return new (classes[array] as unknown as new (length: number) => TensorData)(length);
}

/** A view of some of an array's elements, made by no code of the array's own. */
export function part(data: TensorData, begin: number, length: number): TensorData {
  const View = classes[typedArrayName(data) as string] as ArrayClass & { readonly BYTES_PER_ELEMENT: number };
  return new View(bufferOf(data), byteOffsetOf(data) + begin * View.BYTES_PER_ELEMENT, length);
}

const memoryBytes = (data: TensorData, size: number) =>
  new Uint8Array(bufferOf(data), byteOffsetOf(data), lengthOf(data) * size);

/** Turns each element's bytes around where memory has them the other way. */
function toFileOrder(bytes: Uint8Array, size: number): void {
  if (littleEndian || size === 1) return;
  for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
}

/** Writes an array's elements to the start of `bytes`. */
export function encode({ codec, bytes: size }: Form, source: TensorData, bytes: Uint8Array): void {
  if (codec) {
    codec.encode(source as FloatArray, bytes);
    return;
  }
  const memory = memoryBytes(source, size);
  bytes.set(memory);
  toFileOrder(bytes.subarray(0, memory.length), size);
}

/** Fills an array from the start of `bytes`. */
export function decode({ codec, bytes: size }: Form, bytes: Uint8Array, target: TensorData): void {
  if (codec) {
    codec.decode(bytes, target as FloatArray);
    return;
  }
  const memory = memoryBytes(target, size);
  memory.set(bytes.subarray(0, memory.length));
  toFileOrder(memory, size);
}
