// The state of whole parameters from that of ranks' pieces, and back: bucket by bucket, to rank 0 and from it.
import { formatJson } from "../checkpoint/json.ts";
import type { FloatArray, NumberType } from "../numbers/typed-array.ts";
import { takeStateDict } from "../state/read-state.ts";
import { readArray } from "../state/state-arrays.ts";
import type { StateDict } from "../state/state-dict.ts";
import type { Communicator } from "./communicator.ts";
import type { Piece, Placed, Stretch } from "./layout.ts";
import { fromRank0 } from "./messages.ts";
import type { OwnPieces } from "./pieces.ts";
import { bytesAt, partOf, viewOf, type WholeParameter } from "./places.ts";
import { type PlacedBucket, partsOf } from "./traffic.ts";

/** What a sharded optimizer's state is made of. */
export interface Shared {
  readonly communicator: Communicator;
  readonly wholes: readonly WholeParameter[];
  readonly pieces: OwnPieces;
  readonly buckets: readonly PlacedBucket[];
}

/** A parameter's state: numbers and arrays by name. */
type Values = Record<string, FloatArray | number>;

/** The state arrays of parameters by their number among all, and by slot. */
type Slots = readonly ReadonlyMap<string, FloatArray>[];

const makeArray = (type: NumberType, length: number): FloatArray =>
  type === "float32" ? new Float32Array(length) : new Float64Array(length);

/** The names of whole parameters by those of the pieces that a rank has of them. */
const wholeNames = ({ wholes, pieces }: Shared) =>
  new Map(pieces.flatMap((list, w) => list.map(({ name }) => [name, (wholes[w] as WholeParameter).name] as const)));

/** The names that `names` give, each once, in order. */
const renamed = (names: readonly string[], by: ReadonlyMap<string, string>) => [
  ...new Set(names.map((name) => by.get(name) ?? name)),
];

/**
 * Gathers the state of whole parameters.
 * @param own That of the rank's pieces.
 * @returns undefined but on rank 0.
 */
export async function gatherState(shared: Shared, own: StateDict): Promise<StateDict | undefined> {
  const { wholes, pieces, communicator } = shared;
  const isRoot = communicator.rank === 0;
  const firsts = pieces.map((list) => own.state[list[0]?.name as string] as Values);
  const whole: Slots = firsts.map((values, w) => {
    const { type, length } = wholes[w] as WholeParameter;
    const slots = Object.keys(values).filter((key) => typeof values[key] !== "number");
    return new Map(slots.map((slot) => [slot, makeArray(type, isRoot ? length : 0)]));
  });
  await travel(shared, "to rank 0", whole, (w, begin) => {
    const piece = pieces[w]?.find((each) => each.begin === begin);
    return (slot) => own.state[piece?.name as string]?.[slot] as FloatArray;
  });
  if (!isRoot) return undefined;
  const names = wholeNames(shared);
  const { frozen, state: _, paramGroups, ...rest } = own;
  const state = firsts.map((values, w): [string, Values] => {
    const filled = Object.keys(values).map((key) => [key, whole[w]?.get(key) ?? values[key]] as const);
    return [(wholes[w] as WholeParameter).name, Object.fromEntries(filled) as Values];
  });
  return {
    ...rest,
    paramGroups: paramGroups.map((group) => ({ ...group, params: renamed(group.params, names) })),
    state: Object.fromEntries(state) as StateDict["state"],
    ...(frozen && { frozen: renamed(frozen, names) }),
  };
}

/** A state without its arrays. */
interface Outline {
  readonly rest: Omit<StateDict, "state">;
  /** By parameter, the numbers and the names of arrays. */
  readonly states: readonly (readonly [name: string, numbers: Record<string, unknown>, slots: readonly string[]])[];
}

/** @throws OptimError ERR_STATE for arrays that are not those of a whole parameter; ERR_OPTION for what is no plain data. */
function outlineOf({ wholes }: Shared, given: unknown): { outline: Outline; arrays: Slots } {
  const { rule, paramGroups, states, lossScale, frozen } = takeStateDict(given);
  const byName = new Map(wholes.map((whole, w) => [whole.name, w]));
  const arrays: Map<string, FloatArray>[] = wholes.map(() => new Map());
  const outlines = [...states].map(([name, values]) => {
    const { step, accumulated, averaged, ...slots } = values;
    const numbers = Object.fromEntries(
      Object.entries({ step, accumulated, averaged }).filter(([, value]) => value !== undefined),
    );
    const w = byName.get(name);
    for (const [slot, value] of w === undefined ? [] : Object.entries(slots)) {
      const { type, length } = wholes[w as number] as WholeParameter;
      const array = readArray(value, `the ${slot} of '${name}' in the state`, type, length);
      const isNarrow = type === "float64" && array instanceof Float32Array;
      arrays[w as number]?.set(slot, isNarrow ? Float64Array.from(array) : array);
    }
    return [name, numbers, w === undefined ? [] : Object.keys(slots)] as const;
  });
  const groups = paramGroups.map(({ params, options }) => ({ ...options, params }));
  const rest = { rule, paramGroups: groups, ...(lossScale && { lossScale }), frozen: [...frozen] };
  const outline = { rest: rest as unknown as Outline["rest"], states: outlines };
  formatJson(outline, "the state");
  return { outline, arrays };
}

/**
 * Brings each rank its part of a state.
 * @param given The state, on rank 0.
 * @returns The state of the rank's pieces, not checked beyond the forms of its arrays.
 * @throws OptimError on all ranks, ERR_STATE where rank 0's is not of a state's form.
 */
export async function spreadState(shared: Shared, given: unknown): Promise<StateDict> {
  const { communicator, wholes, pieces } = shared;
  let whole: Slots = wholes.map(() => new Map());
  const { rest, states } = await fromRank0(communicator, "a state", () => {
    const { outline, arrays } = outlineOf(shared, given);
    whole = arrays;
    return outline;
  });
  const byName = new Map(wholes.map(({ name }, w) => [name, w]));
  if (communicator.rank !== 0) {
    for (const [name, , slots] of states) {
      const w = byName.get(name);
      const none = w === undefined ? undefined : makeArray((wholes[w] as WholeParameter).type, 0);
      for (const slot of slots) if (none) (whole[w as number] as Map<string, FloatArray>).set(slot, none);
    }
  }
  const own = new Map<string, Values>();
  for (const [name, numbers] of states) {
    const w = byName.get(name);
    if (w === undefined) own.set(name, numbers as Values);
    for (const piece of w === undefined ? [] : (pieces[w] ?? [])) {
      const { type } = wholes[w as number] as WholeParameter;
      const slots = [...(whole[w as number] as ReadonlyMap<string, FloatArray>).keys()];
      const arrays = slots.map((slot) => [slot, makeArray(type, piece.end - piece.begin)]);
      own.set(piece.name, { ...(numbers as Values), ...Object.fromEntries(arrays) });
    }
  }
  await travel(shared, "from rank 0", whole, (w, begin) => {
    const piece = pieces[w]?.find((each) => each.begin === begin);
    return (slot) => own.get(piece?.name as string)?.[slot] as FloatArray;
  });
  const expand = (names: readonly unknown[]) =>
    names.flatMap((name) => {
      const w = byName.get(name as string);
      return w === undefined ? [name] : (pieces[w] ?? []).map((piece) => piece.name);
    });
  const paramGroups = rest.paramGroups.map((group) => ({ ...group, params: expand(group.params) as string[] }));
  const frozen = expand(rest.frozen ?? []) as string[];
  return { ...rest, paramGroups, frozen, state: Object.fromEntries(own) as StateDict["state"] };
}

/**
 * Moves state arrays between rank 0, which has or gets whole ones, and the ranks' own pieces.
 * @param ownOf The arrays of an own piece by slot.
 */
async function travel(
  { communicator, buckets }: Shared,
  direction: "to rank 0" | "from rank 0",
  whole: Slots,
  ownOf: (whole: number, begin: number) => (slot: string) => FloatArray,
): Promise<void> {
  const { rank } = communicator;
  for (const [number, bucket] of buckets.entries()) {
    const { run, begin, end, own, shards } = bucket;
    const numberOf = ({ parameter }: Piece) => run.wholes[parameter] as number;
    const slots = new Set(bucket.pieces.flatMap((piece) => [...(whole[numberOf(piece)]?.keys() ?? [])]));
    const staging = new ArrayBuffer(slots.size === 0 ? 0 : end - begin);
    const all = bytesAt({ buffer: staging, byteOffset: 0 }, 0, staging.byteLength);
    /** Copies between the staging memory and the arrays of pieces. */
    const copy = (
      stretch: Stretch,
      slot: string,
      arrayOf: (piece: Piece) => FloatArray | undefined,
      gives: boolean,
    ) => {
      for (const piece of stretch.pieces) {
        const array = whole[numberOf(piece)]?.has(slot) ? arrayOf(piece) : undefined;
        if (!array) continue;
        const { offset } = run.parameters[piece.parameter] as Placed;
        const byteOffset = offset + piece.begin * run.bytesPerElement - begin;
        const staged = viewOf({ buffer: staging, byteOffset }, run.type, piece.end - piece.begin);
        if (gives) staged.set(array);
        else array.set(staged);
      }
    };
    const ofOwn = (slot: string) => (piece: Piece) => ownOf(numberOf(piece), piece.begin)(slot);
    const ofWhole = (slot: string) => (piece: Piece) =>
      partOf(whole[numberOf(piece)]?.get(slot) as FloatArray, run.type, piece.begin, piece.end);
    const toRoot = direction === "to rank 0";
    for (const slot of slots) {
      const sent = partsOf(all, shards, begin);
      const none = { array: all, offsets: sent.offsets.map(() => 0), counts: sent.counts.map(() => 0) };
      const alone = { array: all, offsets: [...none.offsets], counts: [...none.counts] };
      alone.offsets[0] = sent.offsets[rank] as number;
      alone.counts[0] = sent.counts[rank] as number;
      const others = partsOf(all, shards, begin, 0);
      const [mine, roots] = [rank === 0 ? none : alone, rank === 0 ? others : none];
      if (toRoot) copy(own, slot, ofOwn(slot), true);
      else if (rank === 0) copy(bucket, slot, ofWhole(slot), true);
      const what = `${slot} of bucket ${number} ${direction}`;
      if (shards.length > 1) {
        await communicator.exchange(what, toRoot ? mine : roots, toRoot ? roots : mine);
      }
      if (!toRoot) copy(own, slot, ofOwn(slot), false);
      else if (rank === 0) copy(bucket, slot, ofWhole(slot), false);
    }
  }
}
