import { OptimError } from "../errors.ts";
import { showShape, sizeOf } from "../parameters/shape.ts";
import { show } from "../values/show.ts";
import { bitsOf } from "./dtypes.ts";
import { decodeUtf8, encodeUtf8 } from "./host.ts";
import { parseObject } from "./json.ts";

/** Where a tensor lies in a file's data, in bytes from the data's start. */
export interface TensorInfo {
  readonly name: string;
  /** Its number type, also one that has no arrays here. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of their data. */
  readonly tensors: readonly TensorInfo[];
}

/** The longest header that readers of the format accept, in bytes. */
export const maxHeaderLength = 100_000_000;

/** The key of the header that holds strings rather than a tensor. */
export const metadataKey = "__metadata__";

export function refuse(sentence: string): never {
  throw new OptimError("ERR_CHECKPOINT", sentence);
}

type Json = Readonly<Record<string, unknown>>;

function record(value: unknown, what: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  return refuse(`Expected ${what} to be an object, but it is ${show(value)}.`);
}

/**
 * Reads a header and checks all of it.
 * @param dataLength The bytes that follow the header.
 * @throws OptimError ERR_CHECKPOINT.
 */
export function parseHeader(bytes: Uint8Array, dataLength: number): Header {
  let members: Map<string, unknown>;
  try {
    members = parseObject(decodeUtf8(bytes));
  } catch (error) {
    return refuse(`Expected its header to be an object of JSON in UTF-8, but it is not: ${(error as Error).message}.`);
  }
  const metadata = members.get(metadataKey);
  members.delete(metadataKey);
  const tensors = [...members].map(([name, info]) => parseTensor(name, info));
  // Sorted by both ends, so that tensors without elements come before the one that starts where they lie.
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const tensor of tensors) {
    if (tensor.begin !== end) {
      const how = tensor.begin > end ? "there is a gap before it" : "it overlaps another";
      refuse(
        `Expected the data of ${show(tensor.name)} to begin at byte ${end}, but it begins at ${tensor.begin}: ${how}.`,
      );
    }
    end = tensor.end;
  }
  if (end !== dataLength) refuse(`Expected ${end} bytes of data, but there are ${dataLength}.`);
  return { metadata: parseMetadata(metadata), tensors };
}

/** Other writers have null where there is none. */
function parseMetadata(value: unknown): Map<string, string> {
  const entries = Object.entries(record(value ?? {}, `'${metadataKey}'`));
  for (const [key, text] of entries) {
    if (typeof text !== "string")
      refuse(`Expected ${show(key)} in '${metadataKey}' to be a string, but it is ${show(text)}.`);
  }
  return new Map(entries as [string, string][]);
}

/** The names of number types, those that the format may yet get among them. */
const isDtypeName = (value: unknown): value is string =>
  typeof value === "string" && /^[A-Z][A-Z0-9_]{0,30}$/.test(value);

function parseTensor(name: string, value: unknown): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = record(value, `the entry of ${show(name)}`);
  if (!isDtypeName(dtype)) {
    return refuse(`Expected the dtype of ${show(name)} to be a name such as "F32", but it is ${show(dtype)}.`);
  }
  // Of a type that is not known the size is not either.
  const bits = bitsOf(dtype);
  const bytes = Array.isArray(shape) ? (sizeOf(shape) * (bits ?? 8)) / 8 : Number.NaN;
  if (Array.isArray(shape) && !Number.isNaN(bytes) && bits !== undefined && !Number.isInteger(bytes)) {
    return refuse(
      `Expected ${show(name)} to have whole bytes, but its ${showShape(shape)} elements of ${dtype} have ${bits} bits each.`,
    );
  }
  if (!Array.isArray(shape) || !Number.isSafeInteger(bits === undefined ? Math.ceil(bytes) : bytes)) {
    return refuse(
      `Expected the shape of ${show(name)} to be an array of whole numbers of 0 or more, but it is ${showShape(shape)}.`,
    );
  }
  const [begin, end, ...more]: unknown[] = Array.isArray(offsets) ? offsets : [];
  const isPlace = (place: unknown): place is number => Number.isSafeInteger(place) && (place as number) >= 0;
  if (!isPlace(begin) || !isPlace(end) || more.length > 0) {
    return refuse(
      `Expected the offsets of ${show(name)} to be two whole numbers of 0 or more, but they are ${showShape(offsets)}.`,
    );
  }
  if (end < begin || (bits !== undefined && end - begin !== bytes)) {
    const expected = bits === undefined ? "0 bytes or more" : `${bytes} bytes by its shape and dtype`;
    refuse(`Expected the data of ${show(name)} to have ${expected}, but it has ${end - begin}.`);
  }
  return { name, dtype, shape: shape as number[], begin, end };
}

/** A header's bytes, padded so that the data behind it and its length begin at a multiple of 8 bytes. */
export function formatHeader({ metadata, tensors }: Header): Uint8Array {
  const entries: [string, unknown][] = tensors.map(({ name, dtype, shape, begin, end }) => [
    name,
    { dtype, shape, data_offsets: [begin, end] },
  ]);
  const json = JSON.stringify(Object.fromEntries([[metadataKey, Object.fromEntries(metadata)], ...entries]));
  const bytes = encodeUtf8(json);
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(0x20);
  padded.set(bytes);
  return padded;
}
