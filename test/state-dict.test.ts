// stateDict() and loadStateDict(): what comes back, and what is refused, changing nothing. Files are checkpoint's tests.
import { describe, expect, test } from "vitest";
import { type FloatArray, RMSprop, type RMSpropOptions, type StateDict } from "../lib/index.ts";
import { arraysOf, bytesOf, detach, type OwnParameter, parameter, refuses, train, values } from "./support/arrays.ts";
import { optionSets, resultOf } from "./support/steps.ts";

const everything = optionSets.everything as RMSpropOptions;
const make = () => [parameter("a"), parameter("b", 7, "float64"), parameter("c", 0)];
const groupOf = (optimizer: RMSprop) => optimizer.paramGroups[0] as RMSprop["paramGroups"][number];

describe("a state", () => {
  test.each(Object.entries(optionSets))("goes on in another optimizer with the same bits: %s", (_, options) => {
    const [first, second] = [make(), make()];
    const optimizer = new RMSprop(first, options);
    train(optimizer, first, 3);
    const other = new RMSprop(second, options);
    other.loadStateDict(optimizer.stateDict());
    first.forEach(({ data }, i) => {
      (second[i] as OwnParameter).data.set(data as never);
    });
    train(optimizer, first, 3, 4);
    train(other, second, 3, 4);
    first.forEach((p, i) => {
      expect(resultOf(other, second[i] as OwnParameter)).toEqual(resultOf(optimizer, p));
    });
    expect(other.lastStep?.step).toBe(6);
  });

  test("is a copy: later steps do not change it, and it may be changed", () => {
    const parameters = make();
    const optimizer = new RMSprop(parameters, everything);
    train(optimizer, parameters, 2);
    const state = optimizer.stateDict();
    const before = bytesOf(state.state.a?.squareAvg as FloatArray);
    train(optimizer, parameters, 1, 3);
    expect(bytesOf(state.state.a?.squareAvg as FloatArray)).toEqual(before);
    const live = bytesOf(optimizer.state("a").squareAvg as FloatArray);
    for (const slot of Object.values(state.state.a ?? {})) if (typeof slot !== "number") slot.fill(9);
    expect(bytesOf(optimizer.state("a").squareAvg as FloatArray)).toEqual(live);
  });

  test("has what options have come to need since the last step, and so it loads", () => {
    const [first, second] = [make(), make()];
    const optimizer = new RMSprop(first);
    train(optimizer, first, 2);
    Object.assign(groupOf(optimizer), { momentum: 0.5, centered: true });
    const state = optimizer.stateDict();
    expect(Object.keys(state.state.a ?? {}).sort()).toEqual(["gradAvg", "momentumBuffer", "squareAvg", "step"]);
    const other = new RMSprop(second);
    other.loadStateDict(state);
    optimizer.loadStateDict(state);
    first.forEach(({ data }, i) => {
      (second[i] as OwnParameter).data.set(data as never);
    });
    train(optimizer, first, 2, 3);
    train(other, second, 2, 3);
    first.forEach((p, i) => {
      expect(resultOf(other, second[i] as OwnParameter)).toEqual(resultOf(optimizer, p));
    });
  });

  test("of an lr that is a function leaves it out, and the optimizer that loads it keeps its own", () => {
    const parameters = make();
    const state = new RMSprop(parameters, { lr: () => 0.5 }).stateDict();
    expect("lr" in (state.paramGroups[0] as object)).toBe(false);
    const other = new RMSprop(make(), { lr: 0.25 });
    other.loadStateDict(state);
    expect(groupOf(other).lr).toBe(0.25);
  });
});

describe("a state that does not fit is refused whole", () => {
  const changes: readonly [string, RegExp, (state: StateDict) => unknown][] = [
    ["nothing", /the state to be an object, but it is undefined/, () => undefined],
    ["a list", /the state to be an object, but it is an array/, () => []],
    ["another rule's", /a state of the rule rmsprop, but it is of "sgd"/, (state) => ({ ...state, rule: "sgd" })],
    ["no groups", /its 'paramGroups' to be an array/, (state) => ({ ...state, paramGroups: undefined })],
    ["a group more", /1 groups, but it has 2/, (s) => ({ ...s, paramGroups: [...s.paramGroups, ...s.paramGroups] })],
    [
      "a parameter too few",
      /entry for 'b', but it has none/,
      ({ state: { b: _, ...state }, ...s }) => ({ ...s, state }),
    ],
    ["a parameter more", /one of 'd'/, (s) => ({ ...s, state: { ...s.state, d: s.state.a } })],
    ["a slot too few", /'a' to have 'squareAvg'/, (s) => ({ ...s, state: { ...s.state, a: { step: 1 } } })],
    [
      "a slot more",
      /it has 'other'/,
      (s) => ({ ...s, state: { ...s.state, a: { ...s.state.a, other: values("float32", 5, 1) } } }),
    ],
    [
      "a step of NaN",
      /a whole number of 0 or more/,
      (s) => ({ ...s, state: { ...s.state, a: { ...s.state.a, step: Number.NaN } } }),
    ],
    [
      "a slot of another length",
      /to have 5 elements, but it has 6/,
      (s) => ({ ...s, state: { ...s.state, a: { ...s.state.a, squareAvg: new Float32Array(6) } } }),
    ],
    [
      "a slot of another type",
      /to be float32 like its parameter, but it is Float64Array/,
      (s) => ({ ...s, state: { ...s.state, a: { ...s.state.a, squareAvg: new Float64Array(5) } } }),
    ],
    [
      "a slot that is detached",
      /to have its memory, but it is detached/,
      (s) => {
        const squareAvg = new Float32Array(5);
        detach(squareAvg.buffer);
        return { ...s, state: { ...s.state, a: { ...s.state.a, squareAvg } } };
      },
    ],
    [
      "a bad option",
      /The options of group 0 of the state do not fit/,
      (s) => ({ ...s, paramGroups: [{ ...s.paramGroups[0], alpha: 2 }] }),
    ],
  ];
  test.each(changes)("%s", (_, message, change) => {
    const parameters = make();
    const optimizer = new RMSprop(parameters, everything);
    train(optimizer, parameters, 2);
    const state = optimizer.stateDict();
    train(optimizer, parameters, 1, 3);
    const witnesses = [optimizer, ...arraysOf(parameters)];
    refuses(() => optimizer.loadStateDict(change(state) as StateDict), "ERR_STATE", message, witnesses);
    optimizer.loadStateDict(state);
    expect(optimizer.state("a").step).toBe(2);
  });

  test("what a getter in it throws comes through, and one that disposes the optimizer is noticed", () => {
    const parameters = make();
    const optimizer = new RMSprop(parameters);
    const state = optimizer.stateDict();
    const error = new Error("mine");
    const throwing = Object.defineProperty({ ...state }, "state", {
      enumerable: true,
      get() {
        throw error;
      },
    });
    expect(() => optimizer.loadStateDict(throwing)).toThrow(error);
    const disposing = Object.defineProperty({ ...state }, "state", {
      enumerable: true,
      get() {
        optimizer.dispose();
        return state.state;
      },
    });
    refuses(() => optimizer.loadStateDict(disposing), "ERR_STATE", /./, arraysOf(parameters));
  });
});
