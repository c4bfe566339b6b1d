// The whole parameters of a plan whose parameters are pieces of them: their places in the table of tiles, and the numbers
// that decide its coming step on every rank.
import type { Run, RunStages, Stages } from "../backends/backend.ts";
import type { Layout, Piece as PlacedPiece, Whole } from "../backends/layout.ts";
import { tileSize } from "../backends/limits.ts";
import type { Entry } from "../parameters/group.ts";
import type { Wholes } from "./measured.ts";
import type { Plan } from "./plan.ts";

/** The pieces of a part of a step. */
export interface PartOfPieces {
  /** Of each run, as runs have them. */
  readonly selections: readonly Run["selection"][];
  /** Theirs. The whole parameters and the tiles are those of the whole step. */
  readonly layout: Layout;
  readonly isEmpty: boolean;
}

/** A plan over pieces. */
export interface PlanOfPieces {
  readonly layout: Layout;
  readonly parts: readonly PartOfPieces[];
  /** The numbers of the whole parameters of each run. */
  readonly numbers: readonly (readonly number[])[];
}

const known = new WeakMap<object, { readonly wholes: Wholes; readonly pieces: PlanOfPieces }>();

/**
 * The pieces of a plan, which are looked up once.
 * @throws Error where they are none of these whole parameters, or not in their order.
 */
export function piecesOf<O extends object>(plan: Plan<O>, wholes: Wholes): PlanOfPieces {
  const found = known.get(plan);
  if (found?.wholes === wholes) return found.pieces;
  const pieces = lookUp(plan, wholes);
  known.set(plan, { wholes, pieces });
  return pieces;
}

/** The runs of a part of a step. */
export const runsOfPart = (runs: readonly Run[], { selections }: PartOfPieces): readonly Run[] =>
  runs.map((run, r) => ({ ...run, selection: selections[r] as Run["selection"] }));

function lookUp<O extends object>({ runs, backendGroups }: Plan<O>, { tiles, pieces, parts }: Wholes): PlanOfPieces {
  const places: number[] = [];
  let end = 0;
  for (const count of tiles) {
    places.push(end);
    end += count;
  }
  const wholes: Whole[] = [];
  const placed: PlacedPiece[] = [];
  const taken = new Set<number>();
  const drafts = Array.from({ length: parts }, () => ({
    selections: runs.map((): number[] => []),
    pieces: [] as PlacedPiece[],
  }));
  const numbers = runs.map((run, r) => {
    const own: number[] = [];
    const entries = backendGroups[run.group] as readonly Entry[];
    for (const index of run.selection ?? entries.keys()) {
      const { name, length } = (entries[index] as Entry).parameter;
      const piece = pieces.get(name);
      const count = piece && tiles[piece.whole];
      if (count === undefined || piece === undefined) throw new Error(`'${name}' is a piece of no whole parameter.`);
      const { whole, tile, part } = piece;
      const draft = drafts[part];
      if (!draft) throw new Error(`'${name}' is a piece of no part.`);
      if (tile + Math.ceil(length / tileSize) > count) throw new Error(`'${name}' is longer than its whole parameter.`);
      const place = places[whole] as number;
      if (whole !== own.at(-1)) {
        if (taken.has(whole) || whole < (own.at(-1) ?? 0)) throw new Error(`'${name}' is apart from other pieces.`);
        taken.add(whole);
        own.push(whole);
        wholes.push({ run: r, place, tiles: count });
      }
      const placedPiece = { whole: wholes.length - 1, place: place + tile };
      placed.push(placedPiece);
      draft.selections[r]?.push(index);
      draft.pieces.push(placedPiece);
    }
    return own;
  });
  const layout = { wholes, pieces: placed, tiles: end };
  const whole = { selections: runs.map(({ selection }) => selection), layout, isEmpty: placed.length === 0 };
  const some = drafts.map(({ selections, pieces }) => ({
    ...{ selections, layout: { wholes, pieces, tiles: end }, isEmpty: pieces.length === 0 },
  }));
  return { layout, parts: parts === 1 ? [whole] : some, numbers };
}

/** The numbers that decide a plan's coming step, equal on all ranks that take the same. */
export function ordersOf<O extends object>(plan: Plan<O>, { numbers }: PlanOfPieces): Float64Array {
  const { cohorts, stages } = plan;
  const orders: number[] = stages ? ordersOfStages(stages) : [];
  let r = 0;
  for (const { clock, runs } of cohorts) {
    for (const run of runs) {
      const own = numbers[r++] as readonly number[];
      orders.push(own.length, ...own, clock.step, clock.waiting, clock.averaged, run.variant, ...run.coefficients);
      if (stages) orders.push(...ordersOfRun(run.stages as RunStages));
    }
  }
  return Float64Array.from(orders);
}

const ordersOfStages = ({ skipNonFinite, clipGlobalNorm, measures }: Stages): number[] => [
  Number(skipNonFinite),
  clipGlobalNorm,
  ...[measures.gradNorm, measures.nonFinite, measures.clipped, measures.update].map(Number),
];

const ordersOfRun = (run: RunStages): number[] => [
  ...[run.accumulates, run.applies, run.averages, run.zeroes].map(Number),
  ...[run.scale, run.clipValue, run.clipNorm, run.decay, run.oneMinusDecay],
];
