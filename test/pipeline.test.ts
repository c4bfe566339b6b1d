// Staged steps: every backend equals the reference, bit for bit, over every stage x instruction set, and WebAssembly, x
// number type x length x offset x number of threads, with finite gradients and with others (test/support/stage-cases.ts).
import { afterAll, describe, expect, test } from "vitest";
import type { Backend, Report, Run, Stages } from "../lib/backends/backend.ts";
import { createReference } from "../lib/backends/reference/reference.ts";
import type { FloatArray } from "../lib/numbers/typed-array.ts";
import { rules } from "../lib/rules/all.ts";
import { type AnyRule, flagsOf, usedSlots, variantsOf } from "../lib/rules/rule.ts";
import { arena, arrayType, firstDifference, type Layout, layout, views } from "./support/arena.ts";
import { backends, binding } from "./support/backends.ts";
import { numberTypes } from "./support/cases.ts";
import { ruleCaseOf } from "./support/optimizers/all.ts";
import { noMeasures, plainRun, type StageCase, stageCases } from "./support/stage-cases.ts";
import { gradientsOf, type Inputs, inputsOf } from "./support/stepping.ts";
import { wasm } from "./support/wasm.ts";

const threadsBefore = binding?.threads() ?? 1;
afterAll(() => binding?.setThreads(threadsBefore));

const steps = 3;

interface Result {
  readonly arenas: Readonly<Record<string, FloatArray>>;
  readonly reports: readonly Report[];
}

function stepAll(backend: Backend, rule: AnyRule, variant: number, at: Layout, of: StageCase, inputs: Inputs): Result {
  const used = usedSlots(rule, variant);
  const arenas: Record<string, FloatArray> = {
    data: arena(at, inputs.data),
    grad: new (arrayType(at.type))(at.size),
    average: arena(at, inputs.data),
    accumulated: arena(at, inputs.data),
  };
  for (const slot of used) arenas[slot] = arena(at, inputs.slots[slot] as Inputs["data"]);
  const arrays = Object.fromEntries(Object.entries(arenas).map(([name, values]) => [name, views(at, values)]));
  const array = (name: string, i: number) => arrays[name]?.[i] as FloatArray;
  const stored = (name: string, i: number) => ({ array: array(name, i), storage: at.type });
  const parameters = at.places.map((_, i) => ({
    data: array("data", i),
    out: array("data", i),
    storage: at.type,
    source: stored("grad", i),
    average: stored("average", i),
    accumulated: stored("accumulated", i),
    slots: rule.slots.map((slot: string) => (arrays[slot] ? stored(slot, i) : null)),
  }));
  const { coefficients } = ruleCaseOf(rule.name);
  const runs: Run[] = coefficients.map((values, half) => ({
    group: 0,
    variant,
    coefficients: rule.coefficients.map((name: string) => values[name] as number),
    selection: at.places.flatMap(({ offset }, i) => (offset % 2 === half ? [i] : [])),
    stages: { ...plainRun, ...of.runs[half] },
  }));
  const report = {} as Report;
  const stages: Stages = {
    skipNonFinite: false,
    clipGlobalNorm: Number.POSITIVE_INFINITY,
    measures: noMeasures,
    ...of.stages,
    report,
  };
  const bound = backend.bind([{ rule, type: at.type, parameters }], runs.length, true);
  if (!bound) throw new Error("Expected memory to bind the arrays.");
  const reports = inputs.gradients.map((gradient) => {
    at.places.forEach(({ length }, i) => {
      array("grad", i).set(gradient(length));
    });
    bound.step(runs, stages);
    return { ...report };
  });
  return { arenas, reports };
}

/** A variant that scales gradients and has every slot. */
function fullest(rule: AnyRule): number {
  const all = variantsOf(rule).filter((variant) => {
    const { gradScale } = flagsOf(rule, variant);
    return gradScale !== "off" && usedSlots(rule, variant).length === rule.slots.length;
  });
  return all.at(-1) as number;
}

describe.skipIf(backends.length === 0)("every backend equals the reference", () => {
  test("and wasm is one of them", (context) => {
    if ("missing" in wasm) context.skip(wasm.missing);
    expect(backends.map(({ isa }) => isa)).toContain("wasm");
  });

  let turn = 0;
  for (const [name, of] of Object.entries(stageCases)) {
    for (const type of numberTypes) {
      for (const kind of ["finite", "nonFinite"] as const) {
        const rule = rules[(turn + Math.floor(turn / rules.length)) % rules.length] as AnyRule;
        const variant = fullest(rule);
        const ownTurn = turn++;
        test(`${name}, ${type}, ${kind} gradients, ${rule.name}`, { timeout: 60_000 }, () => {
          const at = layout(type, ownTurn);
          const inputs = inputsOf(rule, type, gradientsOf(type, kind, steps));
          const expected = stepAll(createReference(), rule, variant, at, of, inputs);
          const skips = of.stages?.skipNonFinite === true && kind === "nonFinite";
          expect(expected.reports.map(({ skipped }) => skipped)).toEqual(Array(steps).fill(skips));
          for (const backend of backends) {
            for (const threads of backend.name === "native" ? [1, 2, 7] : [1]) {
              backend.setThreads(threads);
              const found = stepAll(backend, rule, variant, at, of, inputs);
              const differences = Object.entries(found.arenas).flatMap(([stream, values]) => {
                const difference = firstDifference(at, values, expected.arenas[stream] as FloatArray);
                return difference ? [`${stream}: ${difference}`] : [];
              });
              expect(differences, `${backend.isa}, ${threads} threads`).toEqual([]);
              expect(found.reports, `${backend.isa}, ${threads} threads`).toEqual(expected.reports);
            }
          }
        });
      }
    }
  }
});
