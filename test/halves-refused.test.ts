// A step in halves over pieces: what is in flight between calls, how it is abandoned, and what is refused with nothing
// changed.
import { afterEach, describe, expect, test } from "vitest";
import { useBackend } from "../lib/backends/current.ts";
import { allocate, RMSprop, schedules } from "../lib/index.ts";
import type { FloatArray } from "../lib/numbers/typed-array.ts";
import { beginStep } from "../lib/optimizer.ts";
import type { Begun, Wholes } from "../lib/step/measured.ts";
import { refuses, snapshot } from "./support/arrays.ts";
import { binding } from "./support/backends.ts";
import { uniformFrom } from "./support/cases.ts";
import { everyBackend, useOwnBackend } from "./support/every-backend.ts";
import { rejectionOf, rejects } from "./support/steps.ts";

afterEach(useOwnBackend);

const wholes: Wholes = {
  tiles: [2, 1, 0],
  pieces: new Map([
    ["a/0", { whole: 0, tile: 0, part: 0 }],
    ["a/1", { whole: 0, tile: 1, part: 1 }],
    ["b", { whole: 1, tile: 0, part: 1 }],
    ["c", { whole: 2, tile: 0, part: 0 }],
  ]),
  parts: 3, // the last has no piece
};

const full = {
  ...{ momentum: 0.9, centered: true, ema: { decay: 0.9, start: 2 }, zeroGrads: true, clipNorm: 1, clipGlobalNorm: 1 },
  ...{ lossScale: { initial: 4, growthInterval: 2 }, diagnostics: true },
};

/** Options of a step that measures first, of one that does not, and of one that has no stage at all. */
const kinds: Readonly<Record<string, object>> = { "every stage": full, diagnostics: { diagnostics: true }, plain: {} };

/** The steps whose rates were asked for. */
const asked: number[] = [];
const lr = (step: number) => {
  asked.push(step);
  return 0.1 / step;
};

/** An optimizer over pieces that are all of its wholes. */
function setUp(options: object, type: "float32" | "float64" = "float32") {
  const model = allocate({ a: [2048], b: [3], c: [0] }, { dtype: type });
  const uniform = uniformFrom(5);
  const draw = (array: FloatArray) => {
    for (let i = 0; i < array.length; i++) array[i] = uniform() - 0.5;
  };
  Object.values<FloatArray>(model.params).forEach(draw);
  const pieces = (name: "a" | "b" | "c", as: string, begin?: number, end?: number) => ({
    ...{ name: as, data: model.params[name].subarray(begin, end), grad: model.grads[name].subarray(begin, end) },
  });
  const parameters = [pieces("a", "a/0", 0, 1024), pieces("a", "a/1", 1024), pieces("b", "b"), pieces("c", "c")];
  const optimizer = new RMSprop(parameters, { lr, ...options });
  const drawGradients = () => Object.values<FloatArray>(model.grads).forEach(draw);
  drawGradients();
  const arrays = [...Object.values<FloatArray>(model.params), ...Object.values<FloatArray>(model.grads)];
  return {
    model,
    optimizer,
    drawGradients,
    arrays,
    seen: () => [snapshot(...arrays, optimizer), optimizer.lastStep, optimizer.lossScale],
  };
}

const measuresFirst = (begun: Begun) => begun.before.columns.length > 0;

async function measured(begun: Begun): Promise<void> {
  for (let part = 0; measuresFirst(begun) && part < wholes.parts; part++) await begun.measure(part);
}

async function whole(optimizer: RMSprop): Promise<void> {
  const begun = beginStep(optimizer, wholes);
  await measured(begun);
  begun.decide();
  for (let part = wholes.parts - 1; part >= 0; part--) await begun.change(part);
  begun.finish();
}

describe.each(Object.entries(everyBackend))("%s", (_, backend) => {
  describe.each(Object.entries(kinds))("%s", (_, options) => {
    test("everything else is refused while the step is in flight, and memory is held", async () => {
      useBackend(backend);
      const { model, optimizer, arrays } = setUp(options);
      const refused = (witnesses: readonly FloatArray[] = arrays) => {
        for (const call of [
          () => optimizer.step(),
          () => optimizer.flushAccumulated(),
          () => optimizer.zeroGrad(),
          () => optimizer.freeze("b"),
          () => optimizer.remove("b"),
          () => optimizer.stateDict(),
          () => optimizer.loadStateDict({} as never),
          () => optimizer.addParamGroup({ params: [] }),
          () => optimizer.swapEma(),
          () => optimizer.dispose(),
          () => beginStep(optimizer, wholes),
          () => model.dispose(),
        ]) {
          refuses(call, "ERR_STEP_IN_FLIGHT", /Expected no step to be/, witnesses);
        }
      };
      const begun = beginStep(optimizer, wholes);
      refused();
      const measuring = measured(begun);
      refused();
      await measuring;
      refused();
      begun.decide();
      refused();
      for (let part = 0; part < wholes.parts; part++) {
        const changing = begun.change(part);
        refused([]); // it may be at work
        await changing;
        refused();
      }
      begun.finish();
      begun.abandon(); // too late: it does nothing
      expect(optimizer.lastStep?.step).toBe(1);
      optimizer.step();
      optimizer.dispose();
      model.dispose();
    });

    test("abandoned, it leaves everything as it was, and the next step is the one that it would have been", async () => {
      for (const type of ["float32", "float64"] as const) {
        useBackend(backend);
        const [run, other] = [setUp(options, type), setUp(options, type)];
        for (let step = 1; step <= 4; step++) {
          for (const measures of [false, true]) {
            const before = run.seen();
            const begun = beginStep(run.optimizer, wholes);
            if (measures) await measured(begun);
            begun.abandon();
            begun.abandon();
            expect(run.seen()).toEqual(before);
          }
          expect(asked.slice(-2)).toEqual([step, step]);
          await whole(run.optimizer);
          await whole(other.optimizer);
          expect(run.seen()).toEqual(other.seen());
          run.drawGradients();
          other.drawGradients();
        }
      }
    });

    test.each(["measure", "change"] as const)("abandoned in a call of %s, it ends once that is done", async (half) => {
      useBackend(backend);
      const { optimizer, seen, model } = setUp(options);
      const before = seen();
      const others = () => snapshot(model.params.a.subarray(1024), model.params.b, model.grads.a.subarray(1024));
      const otherParts = others();
      const own = snapshot(model.params.a.subarray(0, 1024));
      const begun = beginStep(optimizer, wholes);
      if (half === "measure" && !measuresFirst(begun)) return begun.abandon();
      if (half === "change") {
        await measured(begun);
        begun.decide();
      }
      const working = rejectionOf(() => begun[half](0));
      begun.abandon();
      expect(String(await working)).toMatch(/abandoned while it (measured|changed) a part/);
      if (half === "measure") expect(seen()).toEqual(before);
      expect(others()).toEqual(otherParts);
      const isChanged = JSON.stringify(snapshot(model.params.a.subarray(0, 1024))) !== JSON.stringify(own);
      expect(isChanged).toBe(half === "change");
      expect(optimizer.lastStep).toBeUndefined();
      await whole(optimizer);
      expect(optimizer.state("b").step).toBe(1);
    });

    test.each(["before it is measured", "before it is decided", "before it is changed"])(
      "memory that is taken away %s is refused, with nothing changed",
      async (when) => {
        for (const kind of ["params", "grads"] as const) {
          useBackend(backend);
          const { model, optimizer, arrays } = setUp(options);
          await whole(optimizer);
          const slots = ["a/0", "a/1", "b"].flatMap((name) => {
            const { step, ...kept } = optimizer.state(name);
            expect(step).toBe(1);
            return Object.values(kept) as FloatArray[];
          });
          const begun = beginStep(optimizer, wholes);
          const isMeasured = when !== "before it is measured";
          if (isMeasured) await measured(begun);
          if (when === "before it is changed") begun.decide();
          const { buffer } = model[kind].a;
          const others = [...arrays.filter((array) => array.buffer !== buffer), ...slots];
          const before = new Uint8Array(buffer).slice();
          const findings = optimizer.lastStep;
          // Node does not let the native backend's memory be transferred.
          const taken =
            backend.name === "native" ? undefined : structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
          if (!taken) backend.release(buffer as ArrayBuffer);
          const next = async () => {
            if (!isMeasured) await measured(begun);
            if (when !== "before it is changed") begun.decide();
            await begun.change(0);
          };
          await rejects(next, "ERR_DETACHED", /to have \d+ bytes/, others);
          if (taken) expect(new Uint8Array(taken)).toEqual(before);
          expect(optimizer.lastStep).toEqual(findings);
          expect(optimizer.state("b").step).toBe(1);
          refuses(() => optimizer.step(), "ERR_DETACHED", /to have \d+ (bytes|elements)/, others);
          optimizer.dispose(); // no step is in flight
        }
      },
    );
  });

  test("memory that can be taken away, pieces of nothing and calls out of turn are refused", async () => {
    useBackend(backend);
    const ordinary = new RMSprop([{ name: "b", data: new Float32Array(3), grad: new Float32Array(3) }]);
    refuses(() => beginStep(ordinary, wholes), "ERR_ASYNC_MEMORY", /ordinary ArrayBuffer/, [ordinary]);
    ordinary.step();
    const { optimizer, seen } = setUp(full);
    const before = seen();
    const wrong: readonly [Wholes, RegExp][] = [
      [{ ...wholes, tiles: [2, 1] }, /'c' is a piece of no whole/],
      [{ ...wholes, pieces: new Map([...wholes.pieces].slice(1)) }, /'a\/0' is a piece of no whole/],
      [{ ...wholes, tiles: [1, 1, 0] }, /'a\/1' is longer/],
      [{ ...wholes, pieces: new Map([...wholes.pieces, ["b", { whole: 2, tile: 0, part: 0 }]]) }, /'b' is longer/],
      [{ ...wholes, pieces: new Map([...wholes.pieces, ["c", { whole: 0, tile: 0, part: 0 }]]) }, /'c' is apart/],
      [{ ...wholes, parts: 1 }, /'a\/1' is a piece of no part/],
    ];
    for (const [given, message] of wrong) {
      expect(() => beginStep(optimizer, given)).toThrow(message);
      expect(seen()).toEqual(before);
    }
    const begun = beginStep(optimizer, wholes);
    const refusedNow = async (calls: readonly (keyof Begun)[], message: RegExp) => {
      const all: Partial<Record<keyof Begun, () => unknown>> = {
        measure: () => begun.measure(0),
        decide: () => begun.decide(),
        change: () => begun.change(0),
        finish: () => begun.finish(),
      };
      // All in one turn, before what is under way can end.
      const errors = await Promise.all(calls.map((call) => rejectionOf(async () => all[call]?.())));
      for (const error of errors) expect(String(error)).toMatch(message);
    };
    await refusedNow(["change", "finish"], /that has decided, but it has begun/);
    const measuring = begun.measure(0);
    await refusedNow(["measure", "decide", "change", "finish"], /that does nothing now, but it measures/);
    await measuring;
    expect(String(await rejectionOf(() => begun.measure(3)))).toMatch(/none of number 3/);
    await begun.measure(1);
    begun.decide();
    await refusedNow(["measure", "decide"], /that has begun, but it has decided/);
    const changing = begun.change(0);
    await refusedNow(["measure", "decide", "change", "finish"], /that does nothing now, but it changes/);
    await changing;
    await begun.change(1);
    begun.finish();
    await refusedNow(["measure", "decide", "change", "finish"], /but it has ended/);
    expect(optimizer.state("b").step).toBe(1);
    const plain = beginStep(setUp({}).optimizer, wholes);
    expect(String(await rejectionOf(() => plain.measure(0)))).toMatch(/needs to know nothing/);
  });

  test("a schedule with state stays as it was", async () => {
    useBackend(backend);
    const lr = schedules.reduceOnPlateau(0.5, { patience: 0 });
    const { optimizer, seen } = setUp({ ...full, lr });
    const before = seen();
    const begun = beginStep(optimizer, wholes);
    await measured(begun);
    begun.abandon();
    expect(seen()).toEqual(before);
    lr.report(1);
    await whole(optimizer);
  });
});

// The add-on's own checks for memory safety: JavaScript never gets here.
describe.skipIf(!binding)("layouts and tables are refused by the add-on itself", () => {
  type Halves = Record<"measureAsync" | "decide" | "changeAsync" | "report", (...given: unknown[]) => unknown> & {
    commands: Float64Array;
    stages: Float64Array;
  };
  const floats = () => new Float32Array(2000);
  const bound = (staged = true) => {
    const arrays = [floats(), floats(), floats(), ...(staged ? [null, null] : [])];
    const groups = [{ rule: "sgd", type: "float32", slots: [], arrays, sources: null }];
    const made = binding?.bind(0, groups as never, 1, staged) as unknown as Halves;
    made.commands.set([1, 0, 0, 0, -1]);
    if (staged) made.stages.set([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, Infinity, Infinity, 0, 0, 1, 0]);
    return made;
  };
  const good = [2, 1, 1, 0, 0, 2, 0, 0];
  const words = (numbers: readonly number[]) => Uint32Array.from(numbers);
  const table = (length = 4) => new Float64Array(length);

  test("and what fits is not", async () => {
    const made = bound();
    await made.measureAsync([], [], words(good), table());
    made.decide(words(good), table());
    await made.changeAsync([], [], words(good), table(0));
    expect(() => made.report(words(good), table(0))).not.toThrow();
  });

  test("groups without stages have no halves", () => {
    expect(bound(false).measureAsync).toBeUndefined();
  });

  test.each([
    [[]],
    [[2, 1]],
    [good.slice(0, -1)],
    [[...good, 0]],
    [[2, 2 ** 32 - 1, 1, 0, 0, 2, 0, 0]],
    [[2, 1, 2 ** 32 - 1, 0, 0, 2, 0, 0]],
    [[2, 1, 1, 1, 0, 2, 0, 0]],
    [[2, 1, 1, 0, 1, 2, 0, 0]],
    [[2, 1, 1, 0, 0, 3, 0, 0]],
    [[2, 1, 1, 0, 0, 2, 1, 0]],
    [[2, 1, 1, 0, 0, 2, 0, 1]],
    [[1, 1, 1, 0, 0, 1, 0, 0]],
    [[2, 0, 0]],
  ])("layout %j", (numbers) => {
    const made = bound();
    const sentence = /pieces|whole parameter|too many/;
    expect(() => made.measureAsync([], [], words(numbers), table())).toThrow(sentence);
    expect(() => made.decide(words(numbers), table())).toThrow(sentence);
    expect(() => made.changeAsync([], [], words(numbers), table(0))).toThrow(sentence);
    expect(() => made.report(words(numbers), table(0))).toThrow(sentence);
  });

  test("tables of another length or class", () => {
    const made = bound();
    for (const other of [table(3), table(5), new Float32Array(4), [0, 0, 0, 0], null, undefined]) {
      expect(() => made.measureAsync([], [], words(good), other)).toThrow(/not one of the step's/);
      expect(() => made.decide(words(good), other)).toThrow(/not one of the step's/);
      expect(() => made.changeAsync([], [], words(good), other)).toThrow(/not one of the step's/);
      expect(() => made.report(words(good), other)).toThrow(/not one of the step's/);
    }
    for (const other of [[...good], new Float64Array(8), null]) {
      expect(() => made.measureAsync([], [], other, table())).toThrow(/not the pieces/);
    }
  });

  test("counts that are none are 0, and a table that loses its memory is left alone", async () => {
    for (const bad of [Number.NaN, -1, 2 ** 33, Number.POSITIVE_INFINITY]) {
      const made = bound();
      made.decide(words(good), Float64Array.of(1, bad, 1, bad));
      expect(made.stages[6], `${bad}`).toBe(0);
    }
    const made = bound();
    const lost = table();
    const measuring = made.measureAsync([], [], words(good), lost);
    structuredClone(lost.buffer, { transfer: [lost.buffer] });
    await measuring;
    expect(lost.length).toBe(0);
  });
});
