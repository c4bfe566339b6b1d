// Ranks that do not do the same say so, all of them, before anything changes.
import { createSha256, decodeUtf8, encodeUtf8 } from "../checkpoint/host.ts";
import { OptimError } from "../errors.ts";
import { isSchedule } from "../schedules/schedule.ts";
import { isRecord } from "../values/values.ts";
import type { Communicator } from "./communicator.ts";
import { gatherBytes, gatherRecords } from "./messages.ts";

/** What a rank shards, or why it does not. */
export interface Description {
  /** The message of a refusal; null where there is none. */
  readonly refusal: string | null;
  readonly optimizer: string;
  readonly replicas: number;
  readonly bucketBytes: number;
  readonly options: unknown;
  readonly groups: readonly {
    readonly options: unknown;
    readonly params: readonly (readonly [name: string, length: number, type: string])[];
  }[];
}

/** A description as text: equal where what it is of is. Functions have none, so that only their being there counts. */
export function textOf(description: Description): string {
  return JSON.stringify(description, (_, value: unknown) => {
    if (typeof value === "number" && !Number.isFinite(value)) return `${value}`;
    if (Object.is(value, -0)) return "-0";
    if (typeof value === "function") return "a function";
    if (isSchedule(value)) return "a schedule";
    if (typeof value === "bigint" || typeof value === "symbol") return String(value);
    if (isRecord(value)) return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
    return value;
  });
}

const digestLength = 32;

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * Compares what the ranks shard: 64 bytes a rank, and where those differ all of it.
 * @throws OptimError ERR_RANKS on all ranks, where any differs from rank 0.
 */
export async function agreeToShard(communicator: Communicator, text: string): Promise<void> {
  const bytes = encodeUtf8(text);
  const own = new Uint8Array(64);
  own.set(createSha256().update(bytes).digest());
  new DataView(own.buffer).setFloat64(digestLength, bytes.length);
  const records = await gatherRecords(communicator, "what each rank shards", own);
  const first = records.findIndex((record) => !equal(record, records[0] as Uint8Array));
  if (first < 0) return;
  const lengths = records.map((record) => new DataView(record.slice().buffer).getFloat64(digestLength));
  const texts = await gatherBytes(communicator, "what each rank shards, in words", Uint8Array.from(bytes), lengths);
  const [a, b] = [texts[0], texts[first]].map((each) => JSON.parse(decodeUtf8(each as Uint8Array)) as Description);
  throw new OptimError(
    "ERR_RANKS",
    `Expected all ranks to shard the same parameters, but ${differenceOf(a as Description, b as Description, first)}.`,
  );
}

const sentenceOf = (message: string) => message.replace(/\.$/, "");

/** What rank 0 and another one do not have alike. */
function differenceOf(a: Description, b: Description, rank: number): string {
  if (a.refusal !== null) return `rank 0 refuses: ${sentenceOf(a.refusal)}`;
  if (b.refusal !== null) return `rank ${rank} refuses: ${sentenceOf(b.refusal)}`;
  const [first, second] = [a, b].map(({ groups }) => groups.flatMap(({ params }) => params)) as [Listed[], Listed[]];
  const at = first.findIndex((parameter, i) => !sameOf(parameter, second[i]));
  const found = second[at];
  if (at >= 0 && found) return parameterDifference(first[at] as Listed, found, rank);
  if (first.length !== second.length) {
    return `rank ${rank} has ${second.length} parameters where rank 0 has ${first.length}`;
  }
  const counts = [a, b].map(({ groups }) => groups.map(({ params }) => params.length).join(", "));
  if (counts[0] !== counts[1]) {
    return `rank ${rank} has groups of ${counts[1]} parameters where rank 0 has groups of ${counts[0]}`;
  }
  for (const name of ["optimizer", "replicas", "bucketBytes"] as const) {
    if (a[name] === b[name]) continue;
    const words = { optimizer: "the optimizer", replicas: "the number of replicas", bucketBytes: "bucketBytes of" };
    return `rank ${rank} has ${words[name]} ${b[name]} where rank 0 has ${a[name]}`;
  }
  const lists = [a, b].map(({ options, groups }) => [options, ...groups.map((group) => group.options)]);
  const names = lists.flatMap((list) => list.flatMap((each) => (isRecord(each) ? Object.keys(each) : [])));
  const other = names.find((name) => valuesOf(lists[0] as unknown[], name) !== valuesOf(lists[1] as unknown[], name));
  return other === undefined
    ? `rank ${rank} has other options than rank 0`
    : `rank ${rank} has another '${other}' than rank 0`;
}

type Listed = Description["groups"][number]["params"][number];

const sameOf = (a: Listed, b: Listed | undefined) => JSON.stringify(a) === JSON.stringify(b);

const valuesOf = (options: readonly unknown[], name: string) =>
  JSON.stringify(options.map((each) => (isRecord(each) ? (each as Record<string, unknown>)[name] : undefined)));

function parameterDifference(first: Listed, second: Listed, rank: number): string {
  const [[name, length, type], [otherName, otherLength, otherType]] = [first, second];
  if (name !== otherName) return `rank ${rank} has '${otherName}' where rank 0 has '${name}'`;
  if (length !== otherLength) {
    return `rank ${rank} has '${name}' with ${otherLength} elements where rank 0 has ${length}`;
  }
  return `rank ${rank} has '${name}' in ${otherType} where rank 0 has it in ${type}`;
}

/** The record of a rank that refuses a step. */
const refusal = new Uint8Array(8).fill(255);

/**
 * Compares the coming step: 8 bytes a rank.
 * @param orders What decides the step; undefined where this rank refuses it.
 * @throws OptimError ERR_RANKS on all ranks, where any differs from rank 0.
 */
export async function agreeOnStep(communicator: Communicator, step: number, orders?: Float64Array): Promise<void> {
  const own = orders ? digestOf(step, orders) : refusal;
  const records = await gatherRecords(communicator, `the orders of step ${step}`, own);
  const refuses = records.findIndex((record) => equal(record, refusal));
  if (refuses >= 0) {
    throw new OptimError(
      "ERR_RANKS",
      `Expected all ranks to take the same step, but at step ${step} rank ${refuses} refuses it.`,
    );
  }
  const first = records.findIndex((record) => !equal(record, records[0] as Uint8Array));
  if (first < 0) return;
  throw new OptimError(
    "ERR_RANKS",
    `Expected all ranks to take the same step, but at step ${step} rank ${first} has another learning rate, option or ` +
      "step than rank 0.",
  );
}

function digestOf(step: number, orders: Float64Array): Uint8Array {
  const numbers = Float64Array.of(step, ...orders);
  const digest = createSha256().update(new Uint8Array(numbers.buffer)).digest();
  const own = Uint8Array.from(digest.subarray(0, 8));
  own[0] = (own[0] as number) & 127; // never that of a refusal
  return own;
}
