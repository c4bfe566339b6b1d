// step(): parameters and their state after it, compared bit for bit with the rule over each parameter alone
// (support/steps.ts); functions as learning rates; zeroGrad().
import { describe, expect, test } from "vitest";
import { RMSprop } from "../lib/index.ts";
import { arraysOf, bytesOf, detach, type OwnParameter, own, parameter, refuses, thrownBy } from "./support/arrays.ts";
import { numberTypes } from "./support/cases.ts";
import {
  bitText,
  drawGradients,
  Expected,
  everything,
  expectResults,
  groupOf,
  optionSets,
  optionsAndTypes,
  parametersOf,
  resultOf,
} from "./support/steps.ts";

describe("a plain step", () => {
  test.each(optionsAndTypes)("steps each parameter by the rule: $name", ({ options, types }) => {
    const parameters = parametersOf(types);
    const expected = parameters.map(({ data }) => new Expected(data, options));
    const optimizer = new RMSprop(parameters, options);
    for (let step = 1; step <= 5; step++) {
      drawGradients(parameters, step);
      const before = parameters.map(({ grad }) => bytesOf(grad));
      optimizer.step();
      expected.forEach((e, i) => {
        e.take((parameters[i] as OwnParameter).grad);
      });
      expect(parameters.map(({ grad }) => bytesOf(grad))).toEqual(before);
      expect(optimizer.lastStep).toEqual({ step, applied: true, skipped: false });
    }
    expectResults(optimizer, parameters, expected);
  });

  test("steps many groups with options of their own", () => {
    const sets = Object.values(optionSets);
    const parameters = sets.map((_, i) => parameter(`p${i}`, 20 + i, numberTypes[i % 2]));
    const optimizer = new RMSprop(parameters.map((p, i) => ({ params: [p], ...sets[i] })));
    const expected = parameters.map(({ data }, i) => new Expected(data, sets[i]));
    for (let step = 1; step <= 4; step++) {
      drawGradients(parameters, step);
      optimizer.step();
      expected.forEach((e, i) => {
        e.take((parameters[i] as OwnParameter).grad);
      });
    }
    expectResults(optimizer, parameters, expected);
  });

  test("has done nothing before the first", () => {
    expect(new RMSprop([parameter("x")]).lastStep).toBeUndefined();
  });

  test("leaves out what has no gradient, whose step does not advance", () => {
    const [a, b, c] = parametersOf(["float32", "float64"], [5, 6, 7]) as [OwnParameter, OwnParameter, OwnParameter];
    const parameters = [a, { ...b, grad: null }, c];
    const expected = parameters.map(({ data }) => new Expected(data, everything));
    const optimizer = new RMSprop(parameters, everything);
    for (let step = 1; step <= 3; step++) {
      drawGradients([a, c], step);
      optimizer.step();
      expected[0]?.take(a.grad);
      expected[2]?.take(c.grad);
    }
    expect(optimizer.state("b").step).toBe(0);
    expect(bitText(b.data)).toEqual(bitText((expected[1] as Expected).data));
    expectResults(optimizer, [a, c], [expected[0] as Expected, expected[2] as Expected]);
    expect(optimizer.lastStep).toEqual({ step: 3, applied: true, skipped: false });
  });

  test("of nothing but null gradients does nothing, and is none", () => {
    const p = { ...parameter("x"), grad: null };
    const before = bytesOf(p.data);
    const optimizer = new RMSprop([p]);
    optimizer.step();
    optimizer.zeroGrad();
    expect(optimizer.lastStep).toBeUndefined();
    expect(bytesOf(p.data)).toEqual(before);
  });
});

describe("lr functions", () => {
  const recorded = () => {
    const calls: unknown[][] = [];
    const lr = (...args: unknown[]) => {
      calls.push(args);
      return 0.1;
    };
    return { calls, lr };
  };
  /** What was asked since the last time. */
  const taken = (calls: unknown[][]) => calls.splice(0).map(([step]) => step);

  test("are called with the step, from 1, once a step", () => {
    const { calls, lr } = recorded();
    const optimizer = new RMSprop(parametersOf(["float32", "float64"]), { lr });
    for (let step = 0; step < 3; step++) optimizer.step();
    expect(calls).toEqual([[1], [2], [3]]);
  });

  test("are called for each group on its own", () => {
    const [first, second] = [recorded(), recorded()];
    const [a, b, c] = parametersOf(["float32"], [1, 2, 3]) as [OwnParameter, OwnParameter, OwnParameter];
    const groups = [
      { params: [a], lr: first.lr },
      { params: [b], lr: second.lr },
      { params: [c], lr: second.lr },
    ];
    new RMSprop(groups).step();
    expect([taken(first.calls), taken(second.calls)]).toEqual([[1], [1, 1]]);
  });

  test("are called once for parameters whose step is equal, whatever parted them, and not for empty groups", () => {
    const { calls, lr } = recorded();
    const [a, b, c] = parametersOf(["float32", "float64"], [1, 2, 3]) as [OwnParameter, OwnParameter, OwnParameter];
    const optimizer = new RMSprop([{ params: [a, b, c] }, { params: [] }], { lr });
    optimizer.step();
    expect(taken(calls)).toEqual([1]);
    optimizer.step(own(a));
    expect(taken(calls)).toEqual([2]);
    optimizer.step();
    expect(taken(calls)).toEqual([3, 2]);
    optimizer.step(own(b, c));
    expect(taken(calls)).toEqual([3]);
    optimizer.step(); // all are at 4 again
    expect(taken(calls)).toEqual([4]);
    optimizer.freeze("b");
    optimizer.step();
    expect(taken(calls)).toEqual([5]);
    optimizer.unfreeze("b");
    optimizer.step();
    expect(taken(calls).sort()).toEqual([5, 6]);
    expect(["a", "b", "c"].map((name) => optimizer.state(name).step)).toEqual([6, 5, 6]);
    optimizer.step({});
    expect(taken(calls)).toEqual([]);
  });

  test("are not called for a group whose parameters have no gradient or are frozen", () => {
    const { calls, lr } = recorded();
    const [a, b] = [parameter("a"), { ...parameter("b"), grad: null }];
    const optimizer = new RMSprop([{ params: [a] }, { params: [b], lr }]);
    optimizer.step();
    optimizer.freeze("a");
    optimizer.step();
    expect(calls).toEqual([]);
    expect(optimizer.state("a").step).toBe(1);
  });

  test.each([
    ["-1", -1],
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["undefined", undefined],
    ["null", null],
    ['"0.1"', "0.1"],
    ["1n", 1n],
    ["a Promise", Promise.resolve(0.1)],
    ["a function: call a schedule first, as in .lr: schedules.constant\\(0.1\\).", () => 0.1],
  ])("that give %s refuse the step, for all groups", (found, rate) => {
    const [a, b] = [parameter("a"), parameter("b", 7, "float64")];
    let bad = false;
    const optimizer = new RMSprop([{ params: [a] }, { params: [b], lr: () => (bad ? rate : 0.1) as number }], {
      momentum: 0.5,
    });
    optimizer.step();
    bad = true;
    groupOf(optimizer).centered = true; // needs a slot, which a refused step does not make
    const message = new RegExp(`^Expected lr\\(2\\) to be a finite number of 0 or more, but it is ${found}\\.$`);
    const witnesses = [optimizer, ...arraysOf([a, b])];
    refuses(() => optimizer.step(), "ERR_OPTION", message, witnesses);
    refuses(() => optimizer.step(own(a, b)), "ERR_OPTION", message, witnesses);
    bad = false;
    optimizer.step();
    expect([optimizer.state("a").step, optimizer.state("b").step]).toEqual([2, 2]);
  });

  test("that throw do so through the step, which changes nothing", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const error = new RangeError("mine");
    let bad = false;
    const lr = () => {
      if (bad) throw error;
      return 0.1;
    };
    const optimizer = new RMSprop([{ params: [a] }, { params: [b], lr }], everything);
    optimizer.step();
    const expected = [a, b].map(({ name, data }) => resultOf(optimizer, { name, data }));
    bad = true;
    expect(thrownBy(() => optimizer.step())).toBe(error);
    expect(thrownBy(() => optimizer.step(own(b)))).toBe(error);
    expect([a, b].map((p) => resultOf(optimizer, p))).toEqual(expected);
    bad = false;
    optimizer.step();
    expect(optimizer.lastStep).toEqual({ step: 2, applied: true, skipped: false });
  });

  test("are what they were when the step began: what they set is for the next", () => {
    const [p, q] = [parameter("p"), parameter("p")];
    const asked: number[] = [];
    const optimizer = new RMSprop([p], {
      lr: (step) => {
        asked.push(step);
        groupOf(optimizer).lr = 0.25;
        return 0.5;
      },
    });
    const expected = new Expected(q.data, { lr: 0.5 });
    for (const lr of [0.5, 0.25, 0.25]) {
      optimizer.step();
      expected.options.lr = lr;
      expected.take(p.grad);
    }
    expect(asked).toEqual([1]);
    expectResults(optimizer, [p], [expected]);
  });
});

describe("zeroGrad", () => {
  test("sets gradients to +0, also of frozen parameters, and nothing else", () => {
    const parameters = [...parametersOf(["float32", "float64"]), { ...parameter("null"), grad: null }];
    const optimizer = new RMSprop(parameters, everything);
    for (const { grad } of parameters) grad?.fill(-0);
    optimizer.freeze("b");
    const before = parameters.map(({ data }) => bytesOf(data));
    optimizer.zeroGrad();
    for (const { grad } of parameters) {
      if (grad) expect(bytesOf(grad)).toEqual(new Uint8Array(grad.byteLength));
    }
    expect(parameters.map(({ data }) => bytesOf(data))).toEqual(before);
  });

  test("leaves alone an array without elements, whose buffer may be detached", () => {
    const buffer = new ArrayBuffer(8);
    const empty = { name: "empty", data: new Float32Array(0), grad: new Float32Array(buffer, 4, 0) };
    const other = parameter("other");
    const optimizer = new RMSprop([empty, other]);
    detach(buffer);
    optimizer.zeroGrad();
    optimizer.step();
    expect(other.grad.every((value) => value === 0)).toBe(true);
  });
});
