// Measured and changed apart, by those who have a part of the tiles each, a staged step leaves the bits that the reference
// leaves in one call. The twin of test/native/pieces.cpp.
import { describe, expect, test } from "vitest";
import type { BackendGroup, ParameterArrays, Report, Run, Stages } from "../lib/backends/backend.ts";
import { needsOf } from "../lib/backends/columns.ts";
import type { Piece, Whole } from "../lib/backends/layout.ts";
import { tileSize } from "../lib/backends/limits.ts";
import { StagedStep } from "../lib/backends/pipeline.ts";
import { createReference, createTiles } from "../lib/backends/reference/reference.ts";
import { StageMemory, tilesOf } from "../lib/backends/stage-memory.ts";
import type { StoredArray } from "../lib/numbers/storage.ts";
import type { FloatArray, NumberType } from "../lib/numbers/typed-array.ts";
import { rules } from "../lib/rules/all.ts";
import { type AnyRule, flagsOf, usedSlots, variantsOf } from "../lib/rules/rule.ts";
import { arrayType } from "./support/arena.ts";
import { numberTypes, uniformFrom } from "./support/cases.ts";
import { ruleCaseOf } from "./support/optimizers/all.ts";
import { noMeasures, plainRun, type StageCase, stageCases } from "./support/stage-cases.ts";

const lengths = [0, 1, 1023, 1024, 1025, 5000];

const rule = rules.find(({ name }) => name === "sgd") as AnyRule;

/** One that scales gradients, as clipping by norm needs, and has every slot. */
const variant = variantsOf(rule)
  .filter((each) => flagsOf(rule, each).gradScale !== "off" && usedSlots(rule, each).length === rule.slots.length)
  .at(-1) as number;

/** Parameters of two runs, which take turns. */
function modelOf(type: NumberType, bad: number): ParameterArrays[] {
  const uniform = uniformFrom(3);
  const stored = (length: number): StoredArray => ({
    array: arrayType(type).from({ length }, () => uniform() - 0.5),
    storage: type,
  });
  return lengths.map((length) => {
    const { array: data, storage } = stored(length);
    const source = stored(length);
    if (bad !== 0 && length === 5000) source.array[4321] = bad;
    const slots = rule.slots.map(() => stored(length));
    return { data, out: data, storage, source, slots, average: stored(length), accumulated: stored(length) };
  });
}

const arraysOf = ({ data, source, slots, average, accumulated }: ParameterArrays): FloatArray[] => [
  data,
  ...([source, ...slots, average, accumulated] as StoredArray[]).map(({ array }) => array),
];

/** Elements of a parameter from a tile on. */
function part(whole: ParameterArrays, tile: number, end: number): ParameterArrays {
  const of = (array: FloatArray) => array.subarray(tile * tileSize, end * tileSize) as FloatArray;
  const storedOf = ({ array, storage }: StoredArray): StoredArray => ({ array: of(array), storage });
  const data = of(whole.data);
  return {
    ...{ data, out: data, storage: whole.storage, source: storedOf(whole.source as StoredArray) },
    slots: whole.slots.map((slot) => storedOf(slot as StoredArray)),
    average: storedOf(whole.average as StoredArray),
    accumulated: storedOf(whole.accumulated as StoredArray),
  };
}

function runsOf(of: StageCase, selections: readonly (readonly number[])[]): Run[] {
  const { coefficients } = ruleCaseOf(rule.name);
  return selections.map((selection, half) => ({
    ...{ group: 0, variant, selection },
    coefficients: rule.coefficients.map((name: string) => coefficients[half]?.[name] as number),
    stages: { ...plainRun, ...of.runs[half] },
  }));
}

const stagesOf = (of: StageCase): Stages => ({
  ...{ skipNonFinite: false, clipGlobalNorm: Number.POSITIVE_INFINITY, measures: noMeasures },
  ...of.stages,
  report: {} as Report,
});

/** The parameters in the order of the runs. */
const inOrder = [0, 1].flatMap((half) => lengths.flatMap((_, i) => (i % 2 === half ? [i] : [])));

interface Result {
  readonly model: readonly ParameterArrays[];
  readonly reports: readonly Report[];
}

function inOneCall(type: NumberType, of: StageCase, bad: number): Result {
  const parameters = modelOf(type, bad);
  const stages = stagesOf(of);
  const selections = [0, 1].map((half) => inOrder.filter((i) => i % 2 === half));
  createReference().bind([{ rule, type, parameters }], 2, true)?.step(runsOf(of, selections), stages);
  return { model: parameters, reports: [stages.report] };
}

/** Tiles of the table before the first whole parameter's, of parameters that take no step. */
const others = 3;

/** By two ranks. `rankOf` says which takes a tile of the table. */
function inPieces(
  type: NumberType,
  of: StageCase,
  bad: number,
  first: boolean,
  rankOf: (tile: number) => number,
): Result {
  const model = modelOf(type, bad);
  const wholes: Whole[] = [];
  const ranks = [0, 1].map(() => ({
    parameters: [] as ParameterArrays[],
    selections: [[], []] as number[][],
    pieces: [] as Piece[],
  }));
  let place = others;
  for (const i of inOrder) {
    const parameter = model[i] as ParameterArrays;
    const tiles = tilesOf(parameter);
    for (let begin = 0, end = 0; begin < tiles; begin = end) {
      const rank = rankOf(place + begin);
      while (end < tiles && rankOf(place + end) === rank) end++;
      const { parameters, selections, pieces } = ranks[rank] as (typeof ranks)[number];
      selections[i % 2]?.push(parameters.length);
      parameters.push(part(parameter, begin, end));
      pieces.push({ whole: wholes.length, place: place + begin });
    }
    wholes.push({ run: i % 2, place, tiles });
    place += tiles;
  }
  const steps = ranks.map(({ parameters, selections, pieces }) => {
    const groups: BackendGroup[] = [{ rule, type, parameters }];
    const stages = stagesOf(of);
    const memory = new StageMemory(place, wholes.length);
    const step = new StagedStep(groups, runsOf(of, selections), stages, createTiles(), memory, {
      ...{ wholes, pieces, tiles: place },
    });
    return { step, memory, stages };
  });
  const exchange = () => {
    for (let tile = others; tile < place; tile++) {
      const rank = rankOf(tile);
      const { memory: from } = steps[rank] as (typeof steps)[number];
      const { memory: to } = steps[1 - rank] as (typeof steps)[number];
      for (const column of ["gradSquares", "updateSquares", "largestUpdate", "nonFinite", "clipped"] as const) {
        to[column][tile] = from[column][tile] as number;
      }
    }
    for (const { memory } of steps) {
      for (const column of ["gradSquares", "updateSquares", "largestUpdate", "nonFinite", "clipped"] as const) {
        memory[column].fill(1e9, 0, others);
      }
    }
  };
  if (first) for (const { step } of steps) step.measure();
  exchange();
  const table = first ? "finished" : "empty";
  for (const { step } of steps) {
    step.decide(table);
    step.changeTiles(table);
  }
  exchange();
  for (const { step } of steps) step.finishReport(table);
  return { model, reports: steps.map(({ stages }) => stages.report) };
}

const cuts: Readonly<Record<string, (tile: number) => number>> = {
  "the first tiles and the others": (tile) => (tile < 7 ? 0 : 1),
  "every other tile": (tile) => tile % 2,
  "all tiles and none": () => 0,
};

describe.each(numberTypes)("a staged step in pieces, %s", (type) => {
  test.each(Object.entries(stageCases))("%s", (_, of) => {
    for (const bad of [0, Number.NaN, Number.NEGATIVE_INFINITY]) {
      const expected = inOneCall(type, of, bad);
      const first = needsOf(runsOf(of, [[], []]), stagesOf(of)).first;
      const halves = first ? [true] : [true, false]; // a step that need not measure first measures on its way too
      for (const [[cut, rankOf], measures] of Object.entries(cuts).flatMap((each) =>
        halves.map((half) => [each, half] as const),
      )) {
        const found = inPieces(type, of, bad, measures, rankOf);
        for (const report of found.reports) expect(report, cut).toEqual(expected.reports[0]);
        found.model.forEach((parameter, i) => {
          const others = arraysOf(expected.model[i] as ParameterArrays);
          const same = arraysOf(parameter).map((array, a) =>
            array.every((value, e) => Object.is(value, others[a]?.[e])),
          );
          expect(same, `${cut}, parameter ${i}`).toEqual(same.map(() => true));
        });
      }
    }
  });
});
