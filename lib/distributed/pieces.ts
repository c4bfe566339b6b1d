// The pieces of whole parameters that a rank steps, as parameters of a plain optimizer.
import { tileSize } from "../backends/limits.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { divideBy } from "../parameters/standing.ts";
import type { Piece as PieceOfWhole, Wholes } from "../step/measured.ts";
import type { Piece, Placed } from "./layout.ts";
import { partOf, viewOf, type WholeParameter } from "./places.ts";
import { arrivalOf, type PlacedBucket } from "./traffic.ts";

/** Elements [begin, end) of a whole parameter, as an optimizer takes them. */
export interface OwnPiece {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  readonly data: FloatArray;
  readonly grad: FloatArray | readonly FloatArray[];
  /** The number of its bucket, with which it is stepped. */
  readonly part: number;
}

/** What a rank steps of each whole parameter: one piece at least, which may be empty, so that all ranks ask for the same rates. */
export type OwnPieces = readonly (readonly OwnPiece[])[];

/**
 * Makes them.
 * @param replicas Of all ranks together: what sums of gradients are divided by.
 */
export function ownPieces(
  wholes: readonly WholeParameter[],
  buckets: readonly PlacedBucket[],
  rank: number,
  replicas: number,
): OwnPieces {
  const found: OwnPiece[][] = wholes.map(() => []);
  for (const [part, bucket] of buckets.entries()) {
    for (const piece of bucket.own.pieces) {
      const index = bucket.run.wholes[piece.parameter] as number;
      const { begin, end } = piece;
      const { name, type, data } = wholes[index] as WholeParameter;
      const grad = gradientOf(wholes[index] as WholeParameter, bucket, piece, rank);
      found[index]?.push({ name, begin, end, data: partOf(data, type, begin, end), grad, part });
    }
  }
  const pieces = found.map((list, index) => {
    const sorted =
      list.length > 0
        ? list.sort((a, b) => a.begin - b.begin)
        : [emptyPiece(wholes[index] as WholeParameter, replicas > 1)];
    return sorted.map((piece, i) =>
      i === 0 ? piece : { ...piece, name: `${piece.name}[${piece.begin}:${piece.end}]` },
    );
  });
  const lists = pieces.flat().flatMap(({ grad }) => (Array.isArray(grad) ? [grad as object] : []));
  divideBy(lists, replicas);
  return pieces;
}

/** A piece without elements, whose gradient is made where those of others are: so all ranks have the same stages. */
function emptyPiece({ name, type, data }: WholeParameter, isMade: boolean): OwnPiece {
  const none = partOf(data, type, 0, 0);
  return { name, begin: 0, end: 0, data: none, grad: isMade ? [none] : none, part: 0 };
}

/**
 * The gradient of a piece: of several ranks the list of what arrives, with the own one, or the sum of the own ones, in the
 * rank's place.
 */
function gradientOf(
  { type, grads }: WholeParameter,
  bucket: PlacedBucket,
  piece: Piece,
  rank: number,
): OwnPiece["grad"] {
  const { run, shards, gradients } = bucket;
  const { begin, end } = piece;
  if (shards.length === 1) {
    const own = grads.map((grad) => partOf(grad, type, begin, end));
    return own.length === 1 ? (own[0] as FloatArray) : own;
  }
  const byte = (run.parameters[piece.parameter] as Placed).offset + begin * run.bytesPerElement;
  return shards.map((_, from) => {
    if (from !== rank) return arrivalOf(bucket, from, byte, end - begin);
    const byteOffset = gradients.byteOffset + byte - bucket.begin;
    return viewOf({ buffer: gradients.buffer, byteOffset }, type, end - begin);
  });
}

/** The pieces as a step in halves takes them. @param parts That a step has, those without a piece too. */
export function wholesOf(wholes: readonly WholeParameter[], pieces: OwnPieces, parts: number): Wholes {
  const entries = pieces.flatMap((list, whole) =>
    list.map(({ name, begin, part }): [string, PieceOfWhole] => [name, { whole, tile: begin / tileSize, part }]),
  );
  return { tiles: wholes.map(({ length }) => Math.ceil(length / tileSize)), pieces: new Map(entries), parts };
}
