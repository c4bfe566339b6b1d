// States whose arrays are lists of numbers, and those of another number type. The title of each test begins with where the
// fault was reported.

import { describe, expect, test } from "vitest";
import { Adagrad, type OptimizerOptions, SGD, type StateDict, schedules } from "../../lib/index.ts";
import type { FloatArray, NumberType } from "../../lib/numbers/typed-array.ts";
import {
  arraysOf,
  asLists,
  bitsOf,
  detach,
  type OwnParameter,
  parameter,
  plain,
  refuses,
  train,
} from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";
import { classes, classOf } from "../support/classes.ts";
import { rowOf } from "../support/optimizers/all.ts";

const groupsOf = (params: OwnParameter[][]) => params.map((list, i) => ({ params: list, weightDecay: i / 64 }));

const wholes: Readonly<Record<string, OptimizerOptions & object>> = {
  plain: {},
  staged: { ema: { decay: 0.75 }, gradientAccumulationSteps: 3, lossScale: { growthInterval: 2 } } as OptimizerOptions,
};

/** Two groups, the number types mixed in the first; one parameter has one element, one has none. */
function make(name: string, whole: object, seed: number, types: readonly NumberType[] = numberTypes) {
  const [first = "float32", second = first] = types;
  const params = [
    [parameter("w", 7, first, seed), parameter("b", 1, second, seed + 1)],
    [parameter("none", 0, first, seed), parameter("x", 3, second, seed + 2)],
  ];
  const optimizer = new (classOf(name))(groupsOf(params), { ...rowOf(name).fullest, ...whole });
  return { params: params.flat(), optimizer };
}

const throughJson = (state: StateDict) => JSON.parse(JSON.stringify(asLists(state)));

/** -0 is 0 in JSON: the same numbers, whatever the sign of zero. */
const unsigned = (value: unknown): unknown => {
  if (ArrayBuffer.isView(value)) return plain((value as Float32Array).map((x) => x + 0));
  if (typeof value !== "object" || value === null) return value;
  return Array.isArray(value)
    ? value.map(unsigned)
    : Object.entries(value).map(([key, inner]) => [key, unsigned(inner)]);
};

describe.each(Object.keys(classes))("%s", (name) => {
  test.each(Object.keys(wholes))(
    "section 8: a state that went through JSON loads, and training goes on: %s",
    (kind) => {
      const whole = make(name, wholes[kind] as object, 1);
      train(whole.optimizer, whole.params, 7);
      const state = whole.optimizer.stateDict();
      const rest = make(name, wholes[kind] as object, 1);
      whole.params.forEach(({ data }, i) => {
        rest.params[i]?.data.set(data as Float32Array);
      });
      rest.optimizer.loadStateDict(throughJson(state));
      expect(unsigned(rest.optimizer.stateDict())).toEqual(unsigned(state));
      for (const { optimizer, params } of [whole, rest]) train(optimizer, params, 5, 8);
      expect(rest.params.map(({ data }) => bitsOf(data))).toEqual(whole.params.map(({ data }) => bitsOf(data)));
      expect(unsigned(rest.optimizer.stateDict())).toEqual(unsigned(whole.optimizer.stateDict()));
    },
  );

  test("section 8: a float32 state loads into a float64 model, to its values; the other way round is refused", () => {
    const narrow = make(name, {}, 1, ["float32"]);
    const wide = make(name, {}, 2, ["float64"]);
    for (const { optimizer, params } of [narrow, wide]) train(optimizer, params, 4);
    const [wideState, narrowState] = [wide.optimizer.stateDict(), narrow.optimizer.stateDict()];
    refuses(
      () => narrow.optimizer.loadStateDict(wideState),
      "ERR_STATE",
      /of 'w' in the state to be float32 like its parameter, but it is a Float64Array; Float32Array.from/,
      [narrow.optimizer, ...arraysOf(narrow.params)],
    );
    wide.optimizer.loadStateDict(narrowState);
    expect(asLists(wide.optimizer.stateDict())).toEqual(asLists(narrowState));
    for (const { name: p } of wide.params) {
      for (const value of Object.values(wide.optimizer.state(p))) {
        if (typeof value !== "number") expect(value).toBeInstanceOf(Float64Array);
      }
    }
  });
});

describe("section 8: lists of a state", () => {
  const slots = (state: { state: StateDict["state"] }, name = "w") => state.state[name] as Record<string, unknown>;
  const loading = (type: NumberType, list: unknown) => {
    const p = parameter("w", 3, type);
    const optimizer = new Adagrad([p]);
    train(optimizer, [p], 2);
    const state = optimizer.stateDict();
    slots(state).sum = list;
    return { p, optimizer, load: () => optimizer.loadStateDict(state) };
  };

  test("are rounded for a float32 parameter as Float32Array.from does it, and kept for a float64 one", () => {
    const list = [0.1, 1 + 2 ** -30, 3.4028235e38];
    for (const type of numberTypes) {
      const { optimizer, load } = loading(type, list);
      load();
      const expected: FloatArray = type === "float32" ? Float32Array.from(list) : Float64Array.from(list);
      expect(optimizer.state("w").sum).toEqual(expected);
    }
  });

  test("take what JSON does not have, where they never were JSON", () => {
    const list = [Number.NaN, Number.POSITIVE_INFINITY, -0];
    const { optimizer, load } = loading("float32", list);
    load();
    expect(optimizer.state("w").sum).toEqual(Float32Array.from(list));
  });

  const refused: readonly (readonly [string, unknown, RegExp])[] = [
    ["too short", [1, 2], /the sum of 'w' in the state to have 3 elements, but it has 2/],
    ["too long", [1, 2, 3, 4], /to have 3 elements, but it has 4/],
    ["a hole", Object.assign(new Array(3), [1, 2]), /element 2 of the sum of 'w' .* a number, but it is undefined/],
    ["a string", [1, "2", 3], /element 1 .* to be a number, but it is "2"/],
    ["a bigint", [1, 2, 3n], /element 2 .* to be a number, but it is 3n/],
    ["null", [1, null, 3], /element 1 .* to be a number, but it is null, which JSON has for NaN and infinities/],
    ["too large", [1, 2, 1e39], /element 2 .* to be a number that float32 holds, but it is 1e\+39/],
    ["nested", [[1, 2, 3]], /to have 3 elements, but it has 1/],
    ["JSON of a typed array", JSON.parse(JSON.stringify(Float32Array.of(1, 2, 3))), /Array\.from.*rmsprop\/checkpoint/],
    ["JSON of an empty one", {}, /Array\.from.*rmsprop\/checkpoint/],
    [
      "whole numbers",
      Int32Array.of(1, 2, 3),
      /float32 like its parameter, or a list of numbers, but it is an Int32Array/,
    ],
    ["a number", 3, /or a list of numbers, but it is 3\./],
    ["nothing", undefined, /or a list of numbers, but it is undefined/],
  ];
  test.each(refused)("that do not fit are refused, and nothing changes: %s", (_, list, message) => {
    const { p, optimizer, load } = loading("float32", list);
    refuses(load, "ERR_STATE", message, [optimizer, ...arraysOf([p])]);
  });

  test("code of their own runs before anything is looked at", () => {
    const { p, optimizer, load } = loading(
      "float32",
      new Proxy([1, 2, 3], {
        get(target, key, receiver) {
          if (key === "1") detach(p.data.buffer);
          return Reflect.get(target, key, receiver);
        },
      }),
    );
    expect(load).toThrow(/the data of 'w' to have 3/);
    expect(optimizer.state("w").step).toBe(2);
  });
});

test("section 8: states of schedules and counts go through JSON too", () => {
  const maker = () => {
    const p = parameter("w", 3);
    const plateau = schedules.reduceOnPlateau(0.5, { patience: 1, mode: "max" });
    const lr = schedules.chain([schedules.constant(0.5), plateau]);
    return { p, plateau, optimizer: new SGD([p], { lr, momentum: 0.5, lossScale: {} }) };
  };
  const whole = maker();
  for (const metric of [-3, -4]) whole.plateau.report(metric);
  train(whole.optimizer, [whole.p], 3);
  const rest = maker();
  rest.optimizer.loadStateDict(throughJson(whole.optimizer.stateDict()));
  expect(rest.plateau.stateDict()).toEqual({ rate: 0.5, best: -3, badReports: 1, cooldownLeft: 0 });
  expect(unsigned(rest.optimizer.stateDict())).toEqual(unsigned(whole.optimizer.stateDict()));
});
