// The table of tiles, of which each rank has measured its own.
import { tileSize } from "../backends/limits.ts";
import type { TileTable } from "../step/measured.ts";
import type { Communicator } from "./communicator.ts";
import type { PlacedBucket } from "./traffic.ts";

/** The rows of the table that each rank fills, and how they travel. */
export class Rows {
  readonly #communicator: Communicator;
  /** By rank. */
  readonly #rows: readonly Uint32Array[];

  /** @param tiles Those of each whole parameter, in the table's order. */
  constructor(communicator: Communicator, tiles: readonly number[], buckets: readonly PlacedBucket[]) {
    this.#communicator = communicator;
    const firsts: number[] = [];
    let next = 0;
    for (const count of tiles) {
      firsts.push(next);
      next += count;
    }
    this.#rows = Array.from({ length: communicator.size }, (_, rank) => {
      const stretches = buckets.flatMap(({ run, shards }) =>
        (shards[rank]?.pieces ?? []).map(({ parameter, begin, end }) => {
          const first = (firsts[run.wholes[parameter] as number] as number) + begin / tileSize;
          return { first, count: Math.ceil((end - begin) / tileSize) };
        }),
      );
      const rows = new Uint32Array(stretches.reduce((sum, { count }) => sum + count, 0));
      let at = 0;
      for (const { first, count } of stretches) for (let i = 0; i < count; i++) rows[at++] = first + i;
      return rows;
    });
  }

  /** Fills in the other ranks' rows. */
  async complete(what: string, { columns, numbers }: TileTable): Promise<void> {
    const { rank, size } = this.#communicator;
    const width = columns.length;
    if (width === 0 || size === 1) return;
    const lengths = this.#rows.map((rows) => rows.length * width);
    const begins = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, length) => sum + length, 0));
    const packed = new Float64Array((begins.at(-1) as number) + (lengths.at(-1) as number));
    const forCells = (of: number, visit: (cell: number, at: number) => void) => {
      let at = begins[of] as number;
      for (const row of this.#rows[of] as Uint32Array) {
        for (let c = 0; c < width; c++) visit(row * width + c, at++);
      }
    };
    forCells(rank, (cell, at) => {
      packed[at] = numbers[cell] as number;
    });
    const counts = lengths.map((length) => length * 8);
    await this.#communicator.gather(what, { array: packed, offsets: begins.map((begin) => begin * 8), counts });
    for (let from = 0; from < size; from++) {
      if (from === rank) continue;
      forCells(from, (cell, at) => {
        numbers[cell] = packed[at] as number;
      });
    }
  }
}
