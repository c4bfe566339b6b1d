// Cuts between ranks: every element once, at tiles, shards as equal as tiles allow.
import { describe, expect, test } from "vitest";
import { tileSize } from "../../lib/backends/limits.ts";
import {
  type Bucket,
  bucketsOf,
  bytesOf,
  defaultBucketBytes,
  mostBucketBytes,
  type Run,
  type Stretch,
} from "../../lib/distributed/layout.ts";
import { uniformFrom } from "../support/cases.ts";

/** A run as allocate() makes it: each parameter begins at a cache line. */
function runOf(lengths: readonly number[], bytesPerElement: number): Run {
  let offset = 0;
  const parameters = lengths.map((length) => {
    const placed = { offset, length };
    offset = Math.ceil((offset + length * bytesPerElement) / 64) * 64;
    return placed;
  });
  return { bytesPerElement, parameters };
}

const uniform = uniformFrom(17);

const manyLengths = Array.from({ length: 30 }, () => 1 + Math.floor(uniform() ** 4 * 10_000));

const cases: readonly (readonly [name: string, lengths: readonly number[]])[] = [
  ["one element", [1]],
  ["a tile", [1024]],
  ["an element beyond a tile", [1025]],
  ["an element short of two tiles", [2047]],
  ["small ones", [1, 1, 10, 784, 3, 1023]],
  ["a network", [784 * 32, 128, 128 * 10, 10]],
  ["one large among small ones", [7, 30_000, 7]],
  ["many", manyLengths],
];

const sizesOf = (run: Run) => run.parameters.map(({ length }) => length);

/** How often each element is there. */
function coverage(run: Run, stretches: readonly Stretch[]): Uint8Array[] {
  const counts = sizesOf(run).map((length) => new Uint8Array(length));
  for (const { pieces } of stretches) {
    for (const { parameter, begin, end } of pieces) {
      const count = counts[parameter] as Uint8Array;
      for (let i = begin; i < end; i++) count[i] = (count[i] as number) + 1;
    }
  }
  return counts;
}

function checkStretch(run: Run, { begin, end, pieces }: Stretch): void {
  const at = (parameter: number, element: number) =>
    (run.parameters[parameter]?.offset as number) + element * run.bytesPerElement;
  pieces.forEach((piece, i) => {
    const length = run.parameters[piece.parameter]?.length as number;
    expect(piece.begin % tileSize).toBe(0);
    expect(piece.end === length || piece.end % tileSize === 0).toBe(true);
    expect(piece.begin).toBeLessThan(piece.end);
    const next = pieces[i + 1];
    if (next) expect([piece.end, next.parameter, next.begin]).toEqual([length, piece.parameter + 1, 0]);
  });
  const [first, last] = [pieces[0], pieces.at(-1)];
  expect(begin).toBe(first ? at(first.parameter, first.begin) : 0);
  expect(end).toBe(last ? at(last.parameter, last.end) : 0);
}

const bytes = ({ begin, end }: Stretch) => end - begin;

describe.each([1, 2, 3, 4, 8, 64])("%d ranks", (ranks) => {
  describe.each(cases)("%s", (_, lengths) => {
    test.each([4, 8].flatMap((width) => [1, 4096, 50_000, mostBucketBytes].map((size) => [width, size])))(
      "%d bytes an element, buckets of %d",
      (width, size) => {
        const run = runOf(lengths, width as number);
        const buckets = bucketsOf(run, ranks, size as number);
        for (const counts of [buckets, buckets.flatMap(({ shards }) => shards)].map((all) => coverage(run, all))) {
          for (const each of counts) expect(each.every((count) => count === 1)).toBe(true);
        }
        const tile = tileSize * run.bytesPerElement;
        let before = 0;
        for (const bucket of buckets) {
          checkStretch(run, bucket);
          expect(bucket.begin).toBeGreaterThanOrEqual(before);
          before = bucket.end;
          expect(bytes(bucket)).toBeLessThanOrEqual(Math.max(size as number, tile) + tile);
          expect(bucket.shards).toHaveLength(ranks);
          checkShards(run, bucket, ranks, tile);
        }
        expect(before).toBe(bytesOf(run));
      },
    );
  });
});

function checkShards(run: Run, bucket: Bucket, ranks: number, tile: number): void {
  let before = bucket.begin;
  for (const shard of bucket.shards) {
    checkStretch(run, shard);
    if (shard.pieces.length === 0) continue;
    expect(shard.begin).toBeGreaterThanOrEqual(before);
    before = shard.end;
    expect(bytes(shard)).toBeLessThanOrEqual(bytes(bucket) / ranks + tile);
  }
  expect(before).toBe(bucket.end);
}

test("a run without parameters has no bucket", () => {
  expect(bucketsOf({ bytesPerElement: 4, parameters: [] }, 2, 1024)).toEqual([]);
});

test("large runs are cut without a walk over their tiles", () => {
  const run = runOf([2 ** 40], 8);
  const buckets = bucketsOf(run, 8, mostBucketBytes);
  expect(buckets).toHaveLength(2 ** 13);
  expect(Math.max(...buckets.map(bytes))).toBeLessThan(2 ** 31);
  expect(buckets.at(-1)?.end).toBe(2 ** 43);
});

test.each([
  [1, 2, 2 ** 20],
  [2 ** 25, 2, 2 ** 21],
  [2 ** 40, 2, 2 ** 24],
  [1, 1000, 2 ** 16 * 1000],
  [1, 2 ** 20, mostBucketBytes],
])("%d bytes on %d ranks have buckets of %d bytes", (modelBytes, ranks, expected) => {
  expect(defaultBucketBytes(modelBytes, ranks)).toBe(expected);
});
