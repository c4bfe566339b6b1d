// Short messages between ranks: records of one length, texts of each rank, plain data of one.
import { decodeUtf8, encodeUtf8 } from "../checkpoint/host.ts";
import { formatJson, parseJson } from "../checkpoint/json.ts";
import { OptimError, type OptimErrorCode } from "../errors.ts";
import type { Communicator } from "./communicator.ts";

/** Those of all ranks, of the lengths that all know. */
export async function gatherBytes(
  communicator: Communicator,
  what: string,
  own: Uint8Array,
  lengths: readonly number[],
): Promise<Uint8Array[]> {
  const ends: number[] = [];
  for (const length of lengths) ends.push((ends.at(-1) ?? 0) + length);
  const offsets = ends.map((end, i) => end - (lengths[i] as number));
  const array = new Uint8Array(ends.at(-1) as number);
  array.set(own, offsets[communicator.rank] as number);
  await communicator.gather(what, { array, offsets, counts: lengths });
  return offsets.map((offset, i) => array.subarray(offset, offset + (lengths[i] as number)));
}

/** Those of all ranks, each of the length of one's own. */
export function gatherRecords(communicator: Communicator, what: string, own: Uint8Array): Promise<Uint8Array[]> {
  const lengths = Array.from({ length: communicator.size }, () => own.length);
  return gatherBytes(communicator, what, own, lengths);
}

/** A refusal as it travels. */
interface Refusal {
  readonly code: string | undefined;
  readonly message: string;
}

const refusalOf = (error: unknown): Refusal => {
  const { code, message } = (error ?? {}) as Partial<Refusal>;
  return { code: error instanceof OptimError ? code : undefined, message: String(message ?? error) };
};

/** What rank 0 has, as plain data, to all. */
export async function tellAll(communicator: Communicator, what: string, value: unknown): Promise<unknown> {
  const { rank } = communicator;
  const own = rank === 0 ? encodeUtf8(formatJson({ value }, what)) : undefined;
  const length = Float64Array.of(own?.length ?? 0);
  await communicator.broadcast(what, length, 0);
  const bytes = own ?? new Uint8Array(length[0] as number);
  await communicator.broadcast(what, bytes, 0);
  return rank === 0 ? value : (parseJson(decodeUtf8(bytes)) as { value: unknown }).value;
}

/**
 * Does work of rank 0 and tells all ranks what came out, as plain data.
 * @param work Is called on rank 0.
 * @throws On all ranks what `work` throws: elsewhere an OptimError of the same code and message, or an error of that message.
 */
export async function fromRank0<T>(communicator: Communicator, what: string, work: () => T | Promise<T>): Promise<T> {
  let outcome: { readonly done?: T; readonly refusal?: Refusal } = {};
  let thrown: unknown;
  if (communicator.rank === 0) {
    try {
      outcome = { done: await work() };
    } catch (error) {
      thrown = error;
      outcome = { refusal: refusalOf(error) };
    }
  }
  const told = (await tellAll(communicator, what, outcome)) as typeof outcome;
  if (!told.refusal) return told.done as T;
  if (communicator.rank === 0) throw thrown;
  const { code, message } = told.refusal;
  throw code === undefined ? new Error(message) : new OptimError(code as OptimErrorCode, message);
}

/**
 * Does work of every rank, of which all succeeds or all throw.
 * @throws What the rank's own work throws; else ERR_RANKS, with what the first rank whose work threw says.
 */
export async function together<T>(communicator: Communicator, what: string, work: () => T): Promise<T> {
  let done: T | undefined;
  let thrown: unknown;
  let own = new Uint8Array(0);
  try {
    done = work();
  } catch (error) {
    thrown = error;
    own = Uint8Array.from(encodeUtf8(refusalOf(error).message || "no message"));
  }
  const records = await gatherRecords(communicator, what, new Uint8Array(Float64Array.of(own.length).buffer));
  const lengths = records.map((record) => new Float64Array(record.slice().buffer)[0] as number);
  const first = lengths.findIndex((length) => length > 0);
  if (first < 0) return done as T;
  const texts = await gatherBytes(communicator, what, own, lengths);
  if (own.length > 0) throw thrown;
  const said = decodeUtf8(texts[first] as Uint8Array);
  throw new OptimError("ERR_RANKS", `Expected all ranks to be ready for ${what}, but rank ${first} is not. ${said}`);
}
