// Faults that were found by using the package; each test has the number under which it was reported. Here: averages of the
// weights, and the options that say what the state begins as.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../../lib/backends/current.ts";
import { Adagrad, allocate, RMSprop, Rprop, SGD } from "../../lib/index.ts";
import type { FloatArray } from "../../lib/numbers/typed-array.ts";
import { arrayType } from "../support/arena.ts";
import { plain, refuses } from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";
import { everyBackend, useOwnBackend } from "../support/every-backend.ts";

afterEach(useOwnBackend);

const cases = Object.entries(everyBackend).flatMap(([name, backend]) =>
  numberTypes.map((type) => ({ name, backend, type })),
);

describe.each(cases)("$name, $type", ({ backend, type }) => {
  beforeEach(() => {
    useBackend(backend);
  });

  const of = (...values: number[]): FloatArray => arrayType(type).from(values);
  const p = (value: number, grad: number, name = "w") => ({ name, data: of(value), grad: of(grad) });
  const group = (optimizer: { paramGroups: readonly unknown[] }, i = 0) => optimizer.paramGroups[i] as { ema: unknown };

  it("S2: an average that is turned on again before it has begun begins with the weights before that step", () => {
    const optimizer = new SGD([p(1, 1)], { lr: 0.125, ema: { decay: 0.5 } });
    group(optimizer).ema = null;
    optimizer.step();
    optimizer.step();
    expect(optimizer.state("w")).not.toHaveProperty("ema");
    group(optimizer).ema = { decay: 0.5 };
    optimizer.step();
    expect(optimizer.state("w")).toMatchObject({ step: 3, averaged: 1, ema: of(0.6875) });
    // One that has begun goes on.
    group(optimizer).ema = null;
    optimizer.step();
    expect(optimizer.state("w")).toMatchObject({ step: 4, averaged: 1, ema: of(0.6875) });
    group(optimizer).ema = { decay: 0.5 };
    optimizer.step();
    expect(optimizer.state("w")).toMatchObject({ step: 5, averaged: 2, ema: of(0.53125) });
  });

  it("S2: parameters of one group begin their averages each with its own next step", () => {
    const parameters = [p(1, 1, "a"), p(1, 1, "b"), { name: "c", data: of(), grad: of() }];
    const optimizer = new SGD(parameters, { lr: 0.125, ema: { decay: 0.5 } });
    group(optimizer).ema = null;
    optimizer.step();
    optimizer.freeze("b");
    group(optimizer).ema = { decay: 0.5 };
    optimizer.step();
    expect(optimizer.state("a")).toMatchObject({ averaged: 1, ema: of(0.8125) });
    expect(optimizer.state("b")).not.toHaveProperty("ema");
    expect(optimizer.state("c")).toMatchObject({ averaged: 1, ema: of() });
    (parameters[1] as { data: FloatArray }).data[0] = 2; // the user's own change of frozen weights
    optimizer.unfreeze("b");
    optimizer.step();
    expect(optimizer.state("a")).toMatchObject({ averaged: 2, ema: of(0.71875) });
    expect(optimizer.state("b")).toMatchObject({ averaged: 1, ema: of(1.9375) });
  });

  it("S2: a state without an average, loaded while averages are off, begins none until a step is taken into one", () => {
    const from = new SGD([p(1, 1)], { lr: 0.125 });
    from.step();
    const state = from.stateDict();
    const parameter = p(0.875, 1);
    const optimizer = new SGD([parameter], { lr: 0.125, ema: { decay: 0.5 } });
    optimizer.loadStateDict(state); // whose ema is null
    expect(optimizer.state("w")).not.toHaveProperty("ema");
    optimizer.step();
    optimizer.step();
    expect(optimizer.stateDict().state.w).toEqual({ step: 3 });
    group(optimizer).ema = { decay: 0.5 };
    optimizer.step();
    expect(optimizer.state("w")).toMatchObject({ step: 4, averaged: 1, ema: of(0.5625) });
  });

  it("S2: the state of an optimizer that never averaged has no average", () => {
    const optimizer = new RMSprop([p(1, 1), p(1, 1, "v")], { ema: { decay: 0.5 } });
    expect(Object.keys(optimizer.stateDict().state.w ?? {})).toEqual(["step", "squareAvg"]);
    optimizer.step({ v: of(1) });
    expect(Object.keys(optimizer.stateDict().state.w ?? {})).toEqual(["step", "squareAvg"]);
    expect(Object.keys(optimizer.stateDict().state.v ?? {})).toEqual(["step", "averaged", "squareAvg", "ema"]);
    const other = new RMSprop([p(1, 1), p(1, 1, "v")], { ema: { decay: 0.5 } });
    other.loadStateDict(optimizer.stateDict());
    expect(plain(other.stateDict())).toEqual(plain(optimizer.stateDict()));
  });

  it("S2: a skipped step begins no average", () => {
    const parameter = p(1, 1);
    const optimizer = new SGD([parameter], { lr: 0.125, skipNonFinite: true });
    optimizer.step();
    group(optimizer).ema = { decay: 0.5 };
    parameter.grad[0] = Number.NaN;
    optimizer.step();
    expect(optimizer.state("w")).toMatchObject({ step: 1 });
    expect(optimizer.state("w")).not.toHaveProperty("ema");
    parameter.data[0] = 2;
    parameter.grad[0] = 1;
    optimizer.step();
    expect(optimizer.state("w")).toMatchObject({ step: 2, averaged: 1, ema: of(1.9375) });
  });

  it("a state of version 0.1, without a count, goes on as an average of every step; a bad count is refused", () => {
    const optimizer = new SGD([p(1, 1)], { lr: 0.125, ema: { decay: 0.5 } });
    for (let i = 0; i < 3; i++) optimizer.step();
    const state = optimizer.stateDict();
    delete state.state.w?.averaged;
    const other = new SGD([p(0.625, 1)], { lr: 0.125, ema: { decay: 0.5 } });
    other.loadStateDict(state);
    for (const each of [optimizer, other]) each.step();
    expect(plain(other.stateDict())).toEqual(plain(optimizer.stateDict()));
    for (const averaged of [-1, 0.5, 5, Number.NaN, "1", null]) {
      const bad = optimizer.stateDict();
      Object.assign(bad.state.w as object, { averaged });
      refuses(() => other.loadStateDict(bad), "ERR_STATE", /^Expected 'averaged' of 'w' to be a whole number/, [other]);
    }
    const bad = optimizer.stateDict();
    delete bad.state.w?.ema;
    refuses(() => other.loadStateDict(bad), "ERR_STATE", /'ema' with 'averaged'/, [other]);
  });

  it("S11: where arrays come with each call, the average begins with the call's data", () => {
    for (const out of [undefined, of(0)]) {
      const standing = p(7, 0);
      const optimizer = new SGD([standing], { lr: 0.125 });
      const data = of(1);
      const call = () => {
        optimizer.step({ w: { data, grad: of(1), ...(out && { out }) } });
        if (out) data.set(out);
      };
      call();
      group(optimizer).ema = { decay: 0.5 };
      call();
      expect(optimizer.state("w")).toMatchObject({ averaged: 1, ema: of(0.8125) });
      call();
      expect(optimizer.state("w")).toMatchObject({ averaged: 2, ema: of(0.71875) });
      expect(standing.data).toEqual(of(7));
      const message = /^Expected the average of 'w' to be one of its own data, but its last step was given other data/;
      refuses(() => optimizer.swapEma(), "ERR_STATE", message, [standing.data, data, optimizer]);
      call();
      expect(optimizer.state("w").averaged).toBe(3);
      // The parameter's own data given for a call is its own.
      optimizer.step({ w: { data: standing.data.subarray(0) as FloatArray, grad: of(1) } });
      optimizer.swapEma();
      optimizer.swapEma();
    }
  });

  it("S8: what the state begins as takes effect until the first step, and is refused after it", () => {
    const adagrad = new Adagrad([p(1, 1), p(1, 1, "v"), { name: "e", data: of(), grad: of() }], { lr: 0.5 });
    const options = adagrad.paramGroups[0] as { initialAccumulator: number };
    options.initialAccumulator = 0.5;
    expect(adagrad.state("w").sum).toEqual(of(0.5));
    const loaded = new Adagrad([p(1, 1), p(1, 1, "v"), { name: "e", data: of(), grad: of() }]);
    loaded.loadStateDict(adagrad.stateDict());
    expect(plain(loaded.stateDict())).toEqual(plain(adagrad.stateDict()));
    adagrad.step({ w: of(1) });
    expect(adagrad.state("w").sum).toEqual(of(1.5));
    const message =
      /^Expected 'initialAccumulator' of Adagrad to be set before the first step, .* but 'w' has taken 1 step\.$/;
    const set = () => {
      options.initialAccumulator = 2;
    };
    refuses(set, "ERR_OPTION", message, [adagrad]);
    options.initialAccumulator = 0.5; // which it is
    adagrad.step();
    expect(adagrad.state("v").sum).toEqual(of(1.5));

    const rmsprop = new RMSprop([p(1, 1)], { alpha: 0.5 });
    (rmsprop.paramGroups[0] as { initialSquareAvg: number }).initialSquareAvg = 1;
    rmsprop.step();
    expect(rmsprop.state("w").squareAvg).toEqual(of(1));
    refuses(() => Object.assign(rmsprop.paramGroups[0] as object, { initialSquareAvg: 2 }), "ERR_OPTION", /RMSprop/, [
      rmsprop,
    ]);

    const rprop = new Rprop([p(1, 1)]);
    (rprop.paramGroups[0] as { lr: number }).lr = 0.25;
    rprop.step();
    expect(rprop.state("w").stepSize).toEqual(of(0.25));
    refuses(() => Object.assign(rprop.paramGroups[0] as object, { lr: 0.5 }), "ERR_OPTION", /'lr' of Rprop/, [rprop]);
    // Where later steps depend on it, it can be set.
    Object.assign(rprop.paramGroups[0] as object, { weightDecay: 0.5, decoupledWeightDecay: true });
    Object.assign(rprop.paramGroups[0] as object, { lr: 0.5 });
    expect(rprop.state("w").stepSize).toEqual(of(0.25));
  });

  it("S8: not while the first step is at work", async () => {
    const { parameters } = type === "float32" ? allocate({ w: [2000] }) : allocate({ w: [2000] }, { dtype: type });
    const optimizer = new Adagrad(parameters);
    const step = optimizer.stepAsync();
    const set = () => Object.assign(optimizer.paramGroups[0] as object, { initialAccumulator: 1 });
    refuses(set, "ERR_STEP_IN_FLIGHT", /^Expected no step to be at work/);
    await step;
    expect(optimizer.paramGroups[0]?.initialAccumulator).toBe(0);
  });
});
