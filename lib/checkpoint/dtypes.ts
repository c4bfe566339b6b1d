import { type Codec, codecs, type StorageType } from "../codecs.ts";
import { bufferOf, byteOffsetOf, type FloatArray, lengthOf, typedArrayName } from "../typed-array.ts";

/** What a tensor's values may be in. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The number types of the format, by its own names. */
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

interface DtypeInfo {
  readonly bytes: number;
  /** What its values are read into. */
  readonly ArrayType: new (
    length: number,
  ) => TensorData;
  /** How they are converted; undefined for whole numbers, whose bytes are those in memory. */
  readonly codec: Codec | undefined;
}

const floats = (type: StorageType): DtypeInfo => ({
  bytes: codecs[type].bytesPerElement,
  ArrayType: codecs[type].decoded === "float32" ? Float32Array : Float64Array,
  codec: codecs[type],
});
const whole = (bytes: number, ArrayType: new (length: number) => TensorData): DtypeInfo => ({
  bytes,
  ArrayType,
  codec: undefined,
});

export const dtypes: Readonly<Record<Dtype, DtypeInfo>> = {
  F64: floats("float64"),
  F32: floats("float32"),
  F16: floats("f16"),
  BF16: floats("bf16"),
  I64: whole(8, BigInt64Array),
  U64: whole(8, BigUint64Array),
  I32: whole(4, Int32Array),
  U32: whole(4, Uint32Array),
  I16: whole(2, Int16Array),
  U16: whole(2, Uint16Array),
  I8: whole(1, Int8Array),
  U8: whole(1, Uint8Array),
  BOOL: whole(1, Uint8Array),
};

export const isDtype = (value: unknown): value is Dtype => typeof value === "string" && Object.hasOwn(dtypes, value);

/** The format's name of a storage type. */
export const dtypeOfStorage: Readonly<Record<StorageType, Dtype>> = {
  float64: "F64",
  float32: "F32",
  f16: "F16",
  bf16: "BF16",
};

const ofArray: Readonly<Record<string, Dtype>> = {
  Float64Array: "F64",
  Float32Array: "F32",
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

const keys = Function.prototype.call.bind(Object.getPrototypeOf(Int8Array.prototype).keys as () => unknown);

/** Whether an array has its memory: its buffer is neither detached nor shrunk away from under it. */
export function tensorHasMemory(data: TensorData): boolean {
  try {
    keys(data); // refuses an array that has none
    return true;
  } catch {
    return false;
  }
}

/** A view of some of an array's elements, made by no code of the array's own. */
export function part(data: TensorData, begin: number, length: number): TensorData {
  const { ArrayType, bytes } = dtypes[dtypeOfArray(data) as Dtype];
  const View = ArrayType as unknown as new (buffer: ArrayBufferLike, offset: number, length: number) => TensorData;
  return new View(bufferOf(data), byteOffsetOf(data) + begin * bytes, length);
}

const bytesOf = (data: TensorData, size: number) =>
  new Uint8Array(bufferOf(data), byteOffsetOf(data), lengthOf(data) * size);

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Turns each element's bytes around where memory has them the other way. */
function toFileOrder(bytes: Uint8Array, size: number): void {
  if (littleEndian || size === 1) return;
  for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
}

/** Writes an array's elements to the start of `bytes`. */
export function encode(dtype: Dtype, source: TensorData, bytes: Uint8Array): void {
  const { codec, bytes: size } = dtypes[dtype];
  if (codec) {
    codec.encode(source as FloatArray, bytes);
    return;
  }
  const memory = bytesOf(source, size);
  bytes.set(memory);
  toFileOrder(bytes.subarray(0, memory.length), size);
}

/** Fills an array from the start of `bytes`. */
export function decode(dtype: Dtype, bytes: Uint8Array, target: TensorData): void {
  const { codec, bytes: size } = dtypes[dtype];
  if (codec) {
    codec.decode(bytes, target as FloatArray);
    return;
  }
  const memory = bytesOf(target, size);
  memory.set(bytes.subarray(0, memory.length));
  toFileOrder(memory, size);
}
