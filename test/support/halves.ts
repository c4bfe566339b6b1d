// Pretended ranks: optimizers over pieces of whole parameters, each with memory of its own, that take steps in halves, part by
// part, and tell one another what they measured; and the plain optimizer that they must equal.
import { tileSize } from "../../lib/backends/limits.ts";
import { allocate } from "../../lib/index.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import { beginStep } from "../../lib/optimizer.ts";
import { divideBy } from "../../lib/parameters/standing.ts";
import type { Begun, Piece, TileTable, Wholes } from "../../lib/step/measured.ts";
import type { AnyClass, AnyOptimizer } from "./classes.ts";

export const lengths: readonly number[] = [5000, 1, 0, 1023, 1024, 1025, 2049];
const names = lengths.map((_, i) => `w${i}`);
/** Of the two groups, the wholes. */
const groups: readonly (readonly number[])[] = [
  [0, 1, 2, 3],
  [4, 5, 6],
];

export interface Setting {
  readonly make: AnyClass;
  readonly type: NumberType;
  readonly options: object;
  /** Those of the second group. */
  readonly second: object;
  /** The arrays of each gradient, of which a step takes the mean; 0 for one array, not in a list. */
  readonly replicas: number;
}

type ArraysOf = { readonly data: FloatArray; readonly grads: readonly FloatArray[] };

/** The parts of a step. A piece is of the next part after the piece before it, so that the parts are of all groups. */
const partCount = 3;

/** The memory of all whole parameters, and how to read the state of elements of one. */
export interface Owner {
  readonly arrays: readonly ArraysOf[];
  readonly optimizer: AnyOptimizer;
  readonly dispose: () => unknown;
}

export interface Rank extends Owner {
  readonly wholes: Wholes;
  /** By whole parameter and tile, the name of the piece. */
  readonly names: ReadonlyMap<string, { readonly name: string; readonly from: number }>;
}

const tilesOf = lengths.map((length) => Math.ceil(length / tileSize));

function memoryOf({ type, replicas }: Setting): { arrays: ArraysOf[]; dispose: () => unknown } {
  const shapes = Object.fromEntries(lengths.map((length, i) => [names[i] as string, [length]]));
  const models = Array.from({ length: Math.max(1, replicas) }, () => allocate(shapes, { dtype: type }));
  const arrays = names.map((name) => ({
    data: models[0]?.params[name] as FloatArray,
    grads: models.map(({ grads }) => grads[name] as FloatArray),
  }));
  return { arrays, dispose: () => models.map((model) => model.dispose()) };
}

function optimizerOf(
  { make, options, second, replicas }: Setting,
  parts: readonly (readonly object[])[],
): AnyOptimizer {
  const optimizer = new make([{ params: parts[0] }, { params: parts[1], ...second }], options);
  if (replicas > 0) {
    divideBy(
      parts.flat().map((part) => (part as { grad: object }).grad),
      replicas,
    );
  }
  return optimizer;
}

const gradOf = ({ replicas }: Setting, grads: readonly FloatArray[]) => (replicas > 0 ? grads : grads[0]);

export function plainOf(setting: Setting): Owner {
  const { arrays, dispose } = memoryOf(setting);
  const parts = groups.map((group) =>
    group.map((i) => {
      const { data, grads } = arrays[i] as ArraysOf;
      return { name: names[i], data, grad: gradOf(setting, grads) };
    }),
  );
  return { arrays, optimizer: optimizerOf(setting, parts), dispose };
}

/** @param rankOf Says which takes a tile. */
export function rankOf(setting: Setting, rank: number, ownerOf: (tile: number) => number): Rank {
  const { arrays, dispose } = memoryOf(setting);
  const pieces = new Map<string, Piece>();
  const byTile = new Map<string, { name: string; from: number }>();
  let first = 0;
  const firsts = tilesOf.map((count) => {
    first += count;
    return first - count;
  });
  const partsOf = (whole: number) => {
    const { data, grads } = arrays[whole] as ArraysOf;
    const parts: object[] = [];
    const add = (begin: number, end: number) => {
      const name = `${names[whole]}/${parts.length}`;
      const cut = (array: FloatArray) => array.subarray(begin * tileSize, end * tileSize) as FloatArray;
      parts.push({ name, data: cut(data), grad: gradOf(setting, grads.map(cut)) });
      pieces.set(name, { whole, tile: begin, part: pieces.size % partCount });
      for (let tile = begin; tile < end; tile++) byTile.set(`${whole} ${tile}`, { name, from: begin * tileSize });
    };
    const isOwn = (tile: number) => ownerOf((firsts[whole] as number) + tile) === rank;
    const tiles = tilesOf[whole] as number;
    for (let begin = 0; begin < tiles; begin++) {
      if (!isOwn(begin)) continue;
      let end = begin + 1;
      while (end < tiles && isOwn(end)) end++;
      add(begin, end);
      begin = end;
    }
    if (parts.length === 0) add(0, 0);
    return parts;
  };
  const optimizer = optimizerOf(
    setting,
    groups.map((group) => group.flatMap(partsOf)),
  );
  return { arrays, optimizer, dispose, wholes: { tiles: tilesOf, pieces, parts: partCount }, names: byTile };
}

/** The names of a whole parameter's pieces. */
export const piecesOf = ({ wholes }: Rank, whole: number): string[] =>
  [...wholes.pieces].flatMap(([name, piece]) => (piece.whole === whole ? [name] : []));

function exchange(tables: readonly TileTable[], ownerOf: (tile: number) => number): void {
  const { columns } = tables[0] as TileTable;
  const { length } = columns;
  const tiles = tilesOf.reduce((sum, count) => sum + count, 0);
  for (let tile = 0; tile < tiles; tile++) {
    const row = (tables[ownerOf(tile)] as TileTable).numbers.slice(tile * length, (tile + 1) * length);
    for (const { numbers } of tables) numbers.set(row, tile * length);
  }
}

/** A step of all ranks. Returns the columns that they told one another, before the change and after it. */
export async function stepRanks(ranks: readonly Rank[], ownerOf: (tile: number) => number) {
  const begun = ranks.map(({ optimizer, wholes }) => beginStep(optimizer, wholes));
  const orders = begun.map(({ orders }) => orders);
  const before = begun.map((step) => step.before);
  await Promise.all(begun.map(measureParts));
  exchange(before, ownerOf);
  await Promise.all(begun.map(changeParts));
  const after = begun.map((step) => step.after);
  exchange(after, ownerOf);
  for (const step of begun) step.finish();
  return { orders, columns: [...before, ...after].map(({ columns }) => columns) };
}

async function measureParts(step: Begun): Promise<void> {
  if (step.before.columns.length === 0) return;
  for (let part = partCount - 1; part >= 0; part--) await step.measure(part);
}

async function changeParts(step: Begun): Promise<void> {
  if (!step.decide()) return;
  for (const part of [1, 0, 2]) await step.change(part);
}

/** Where ranks differ from the plain optimizer: arrays, state, findings. */
export function differences(plain: Owner, ranks: readonly Rank[], ownerOf: (tile: number) => number): string[] {
  const found: string[] = [];
  const compare = (what: string, a: FloatArray, b: FloatArray) => {
    const at = a.findIndex((value, i) => !Object.is(value, b[i]));
    if (a.length !== b.length || at >= 0) found.push(`${what} [${at}]: ${b[at]}, not ${a[at]}`);
  };
  let tile = 0;
  lengths.forEach((length, whole) => {
    const own = plain.arrays[whole] as ArraysOf;
    const state = plain.optimizer.state(names[whole] as string);
    for (let begin = 0; begin < length; begin += tileSize, tile++) {
      const rank = ranks[ownerOf(tile)] as Rank;
      const end = Math.min(length, begin + tileSize);
      const what = `${names[whole]} from ${begin}`;
      const theirs = rank.arrays[whole] as ArraysOf;
      const cut = (array: FloatArray) => array.subarray(begin, end) as FloatArray;
      compare(`${what}: data`, cut(own.data), cut(theirs.data));
      own.grads.forEach((grad, i) => {
        compare(`${what}: gradient ${i}`, cut(grad), cut(theirs.grads[i] as FloatArray));
      });
      const { name, from } = rank.names.get(`${whole} ${begin / tileSize}`) as { name: string; from: number };
      const pieceState = rank.optimizer.state(name);
      if (`${Object.keys(state)}` !== `${Object.keys(pieceState)}`) found.push(`${what}: ${Object.keys(pieceState)}`);
      for (const [slot, kept] of Object.entries(state)) {
        const other = pieceState[slot];
        if (typeof kept === "number") {
          if (kept !== other) found.push(`${what}: ${slot} ${other}, not ${kept}`);
        } else {
          compare(
            `${what}: ${slot}`,
            cut(kept as FloatArray),
            (other as FloatArray).subarray(begin - from, end - from) as FloatArray,
          );
        }
      }
    }
  });
  return found;
}
