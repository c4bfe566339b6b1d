// What a gradient is made from, as a backend takes it.
import type { StoredArray } from "../numbers/storage.ts";
import type { FloatArray } from "../numbers/typed-array.ts";

/** A gradient that is one array of the parameter's length: read where it lies. */
export interface ArraySource extends StoredArray {
  /** The array's buffer, where it is known. */
  readonly buffer?: ArrayBufferLike | undefined;
}

/**
 * A batch of outer products. They make the gradient of a parameter of rows × columns that lie in row order: element (r, c) is
 * the sum over b, in order from +0, of `left[b * rows + r] * right[b * columns + c]`, each product and each sum rounded to
 * the number type. Both are of the number type.
 */
export interface Factors {
  /** batch × rows; null stands for ones. */
  readonly left: FloatArray | null;
  /** batch × columns. */
  readonly right: FloatArray;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  /** The lengths that both had when they were given; 0 where `left` is null. */
  readonly leftLength: number;
  readonly rightLength: number;
  /** Whether `left` is what a user gave as `y`. */
  readonly transposed: boolean;
}

/** A part of a gradient that is made. */
export type SourcePart = ArraySource | Factors;

/**
 * A gradient that is made, a tile at a time: the sum of its parts, added in a balanced tree, the largest power of two below
 * their number on the left: (0 + 1) + 2, (0 + 1) + (2 + 3); then divided, rounded to the number type. One part is its own
 * sum.
 */
export interface MadeSource {
  readonly parts: readonly SourcePart[];
  /** A whole number: 1, or the number of those whose mean the gradient is. */
  readonly divisor: number;
}

/** The source of a gradient. */
export type GradientSource = ArraySource | MadeSource;

export const isMade = (source: GradientSource): source is MadeSource => "parts" in source;

export const isFactors = (part: SourcePart): part is Factors => "right" in part;
