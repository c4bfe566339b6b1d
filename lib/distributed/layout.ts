// How parameters that lie one after the other are shared out between ranks. Pure: it sees lengths and offsets alone.
import { tileSize } from "../backends/limits.ts";

/** A parameter in a run. */
export interface Placed {
  /** Where it begins, in bytes from the run's beginning. */
  readonly offset: number;
  /** In elements, 1 or more. */
  readonly length: number;
}

/** Parameters of one number type that lie one after the other, with less than a cache line between two. */
export interface Run {
  readonly bytesPerElement: number;
  readonly parameters: readonly Placed[];
}

/** Elements [begin, end) of a parameter: whole tiles, but for the end of the parameter. */
export interface Piece {
  /** Its index in the run. */
  readonly parameter: number;
  readonly begin: number;
  readonly end: number;
}

/** Pieces that lie one after the other: bytes [begin, end) of the run. */
export interface Stretch {
  readonly begin: number;
  readonly end: number;
  readonly pieces: readonly Piece[];
}

/** What travels at once, and the part of it that each rank steps; a part may have no piece. */
export interface Bucket extends Stretch {
  readonly shards: readonly Stretch[];
}

/** The first tile behind a cut. Behind a run's last tile it is the tile 0 of the parameter that would come next. */
interface Cut {
  readonly parameter: number;
  readonly tile: number;
}

const endOf = ({ offset, length }: Placed, { bytesPerElement }: Run) => offset + length * bytesPerElement;

/** The bytes of a run. */
export function bytesOf(run: Run): number {
  const last = run.parameters.at(-1);
  return last ? endOf(last, run) : 0;
}

/** The parameter that has a byte, or the last one before it. */
function parameterAt({ parameters }: Run, byte: number): number {
  let [low, high] = [0, parameters.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((parameters[middle] as Placed).offset <= byte) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The cut between tiles that is nearest to a byte. */
function cutNear(run: Run, byte: number): Cut {
  const parameter = parameterAt(run, byte);
  const { offset, length } = run.parameters[parameter] as Placed;
  const tile = Math.max(Math.round((byte - offset) / (tileSize * run.bytesPerElement)), 0);
  return tile * tileSize < length ? { parameter, tile } : { parameter: parameter + 1, tile: 0 };
}

/** Cuts bytes [begin, end) into so many parts, as equal as tiles allow: one cut more than parts. */
function cutsOf(run: Run, [from, to]: readonly [Cut, Cut], begin: number, end: number, parts: number): Cut[] {
  const inner = Array.from({ length: parts - 1 }, (_, i) => {
    const cut = cutNear(run, begin + ((i + 1) * (end - begin)) / parts);
    return isBefore(cut, from) ? from : isBefore(to, cut) ? to : cut;
  });
  return [from, ...inner, to];
}

const isBefore = (a: Cut, b: Cut) => a.parameter < b.parameter || (a.parameter === b.parameter && a.tile < b.tile);

/** What lies between two cuts. */
function stretchOf(run: Run, from: Cut, to: Cut): Stretch {
  const { parameters, bytesPerElement } = run;
  const pieces: Piece[] = [];
  for (let parameter = from.parameter; parameter <= to.parameter && parameter < parameters.length; parameter++) {
    const { length } = parameters[parameter] as Placed;
    const begin = parameter === from.parameter ? from.tile * tileSize : 0;
    const end = parameter === to.parameter ? to.tile * tileSize : length;
    if (begin < end) pieces.push({ parameter, begin, end });
  }
  const byteAt = (parameter: number, element: number) =>
    (parameters[parameter] as Placed).offset + element * bytesPerElement;
  const [first, last] = [pieces[0], pieces.at(-1)];
  if (!first || !last) return { begin: 0, end: 0, pieces };
  return { begin: byteAt(first.parameter, first.begin), end: byteAt(last.parameter, last.end), pieces };
}

const pairs = <T>(list: readonly T[]): [T, T][] => list.slice(1).map((each, i) => [list[i] as T, each]);

/**
 * Cuts a run into buckets, and each bucket into a shard for each rank: between tiles, and as equal as these allow. So a
 * bucket has at most `bucketBytes` and a tile, or two tiles, and a shard at most its part of the bucket and a tile.
 */
export function bucketsOf(run: Run, ranks: number, bucketBytes: number): Bucket[] {
  const bytes = bytesOf(run);
  if (bytes === 0) return [];
  const all: [Cut, Cut] = [
    { parameter: 0, tile: 0 },
    { parameter: run.parameters.length, tile: 0 },
  ];
  const size = Math.max(bucketBytes, tileSize * run.bytesPerElement);
  const cuts = cutsOf(run, all, 0, bytes, Math.ceil(bytes / size));
  return pairs(cuts).flatMap(([from, to]) => {
    const whole = stretchOf(run, from, to);
    if (whole.pieces.length === 0) return [];
    const shards = pairs(cutsOf(run, [from, to], whole.begin, whole.end, ranks));
    return [{ ...whole, shards: shards.map(([a, b]) => stretchOf(run, a, b)) }];
  });
}

/** The most bytes that a bucket may be asked to have: with a tile more it stays below 2^31, which MPI counts to. */
export const mostBucketBytes = 2 ** 30;

/**
 * The bytes of a bucket where nobody says: a sixteenth of the model from 1 to 16 MB, but 64 kB or more for each rank, so
 * that what travels between two ranks is long enough to be worth its message.
 */
export const defaultBucketBytes = (modelBytes: number, ranks: number): number =>
  Math.min(
    Math.max(Math.min(Math.max(Math.ceil(modelBytes / 16), 2 ** 20), 2 ** 24), 2 ** 16 * ranks),
    mostBucketBytes,
  );
