// States that do not fit are refused whole: by every optimizer, with arrays, options and state as they were.
import { describe, expect, test } from "vitest";
import type { Optimizer, StateDict } from "../lib/index.ts";
import * as library from "../lib/index.ts";
import { definitions } from "../lib/optimizers/all.ts";
import { arraysOf, detach, parameter, plain, refuses, train } from "./support/arrays.ts";
import { rowOf } from "./support/optimizers/all.ts";

type AnyOptimizer = Optimizer<Record<string, unknown>>;
type AnyClass = new (params: readonly object[], options?: object) => AnyOptimizer;
type AnyState = { -readonly [key in keyof StateDict]: StateDict[key] };
type SlotArray = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

const f64 = (...values: number[]) => Float64Array.from(values);

describe.each(definitions)("$name", ({ name: optimizerName, rule }) => {
  const Class = (library as unknown as Record<string, AnyClass>)[optimizerName] as AnyClass;
  const others = definitions.filter((other) => other.rule !== rule);

  /** Two groups, both number types, after some steps. */
  function make(seed: number) {
    const [w, b, x] = [parameter("w", 7, "float32", seed), parameter("b", 3, "float64", seed + 1), parameter("x", 2)];
    const optimizer = new Class([{ params: [w, b] }, { params: [x], weightDecay: 0.1 }], rowOf(optimizerName).fullest);
    train(optimizer, [w, b, x], 3, seed);
    return { parameters: [w, b, x], optimizer };
  }
  const slot = rule.slots[0] as string;

  test("a state comes back as it was, and is a copy", () => {
    const { parameters, optimizer } = make(1);
    const state = optimizer.stateDict();
    const before = JSON.stringify(plain(state));
    expect(Object.keys(state.state)).toEqual(["w", "b", "x"]);
    expect(Object.keys(state.state["w"] as object).sort()).toEqual(["step", ...rule.slots].sort());
    train(optimizer, parameters, 2, 9);
    expect(JSON.stringify(plain(state))).toBe(before);
    expect(JSON.stringify(plain(optimizer.stateDict()))).not.toBe(before);
    optimizer.loadStateDict(state);
    expect(JSON.stringify(plain(optimizer.stateDict()))).toBe(before);
    for (const array of Object.values(state.state["w"] as object)) if (ArrayBuffer.isView(array)) detach(array.buffer);
    expect(JSON.stringify(plain(optimizer.stateDict()))).toBe(before);
  });

  /** Takes a good state apart. What it returns is loaded; undefined stands for the state itself. */
  const change = (edit: (state: AnyState) => unknown) => (state: AnyState) => edit(state) ?? state;
  const slots = (state: AnyState, name: string) => state.state[name] as Record<string, unknown>;
  const array = (state: AnyState, name: string) => slots(state, name)[slot] as SlotArray;

  const refused: readonly (readonly [string, (state: AnyState) => unknown, RegExp])[] = [
    ...[null, undefined, 1, "state", [], () => ({})].map(
      (value) => [`that is ${String(value) || "a list"}`, () => value, /the state to be an object/] as const,
    ),
    ["without groups", ({ rule, state }) => ({ rule, state }), /'paramGroups' to be an array, but it is undefined/],
    ["without states", ({ rule, paramGroups }) => ({ rule, paramGroups }), /'state' to be an object/],
    ...others.map(
      ({ rule: other }) =>
        [
          `of ${other.name}`,
          (state: AnyState) => ({ ...state, rule: other.name }),
          new RegExp(`of the rule ${rule.name}, but it is of "${other.name}"`),
        ] as const,
    ),
    ["of no rule", ({ rule: _, ...state }) => state, new RegExp(`the rule ${rule.name}, but it is of undefined`)],
    ["with a group less", (state) => ({ ...state, paramGroups: state.paramGroups.slice(1) }), /2 groups, but it has 1/],
    [
      "with a group more",
      (state) => ({ ...state, paramGroups: [...state.paramGroups, { params: [] }] }),
      /2 groups, but it has 3/,
    ],
    ["with a group that is none", (state) => ({ ...state, paramGroups: [null, null] }), /group 0 of the state to be/],
    [
      "with a group without names",
      change((state) => void delete (state.paramGroups[1] as object as { params?: unknown }).params),
      /'params' of group 1/,
    ],
    [
      "with a name less",
      change((state) => void state.paramGroups[0]?.params.pop()),
      /group 0 of the state to have 'b'/,
    ],
    ["with a name more", change((state) => void state.paramGroups[1]?.params.push("y")), /it also has "y"/],
    [
      "with a name in another group",
      change((state) => void (state.paramGroups[0] as { params: string[] }).params.splice(0, 1, "x")),
      /'w'/,
    ],
    [
      "with an unknown option",
      change((state) => void Object.assign(state.paramGroups[0] as object, { beta: 1 })),
      /has no option 'beta'/,
    ],
    [
      "with an option outside its domain",
      change((state) => void Object.assign(state.paramGroups[1] as object, { weightDecay: -1 })),
      /group 1.*'weightDecay'.*-1/,
    ],
    [
      "with a schedule where there is none",
      change((state) => void Object.assign(state.paramGroups[0] as object, { schedule: {} })),
      /group 0 to have a schedule/,
    ],
    ["without one parameter's", change((state) => void delete state.state["b"]), /an entry for 'b', but it has none/],
    [
      "with one of another parameter",
      change((state) => void Object.assign(state.state, { y: { step: 0 } })),
      /has one of 'y'/,
    ],
    [
      "with a parameter's that is none",
      change((state) => void Object.assign(state.state, { w: 1 })),
      /the state of 'w' to be an object/,
    ],
    ...[-1, 0.5, Number.NaN, 2 ** 53, "3", undefined, null].map(
      (step) =>
        [
          `with the step ${step}`,
          change((state) => void Object.assign(slots(state, "x"), { step })),
          /the step of 'x' to be a whole/,
        ] as const,
    ),
    [
      "without a slot",
      change((state) => void delete slots(state, "w")[slot]),
      new RegExp(`'w' to have '${slot}', but`),
    ],
    [
      "with a slot of no rule",
      change((state) => void Object.assign(slots(state, "w"), { expAvg: f64(1) })),
      /'w' to have only slots.*'expAvg'/,
    ],
    [
      "with a slot of the other number type",
      change((state) => void Object.assign(slots(state, "w"), { [slot]: f64(1, 2, 3, 4, 5, 6, 7) })),
      /'w' in the state to be float32.*Float64Array/,
    ],
    [
      "with a slot that is a list with a hole",
      change((state) => void Object.assign(slots(state, "x"), { [slot]: new Array(2) })),
      /element 0 of the .* of 'x' in the state to be a number, but it is undefined/,
    ],
    [
      "with a slot that is too long",
      change((state) => void Object.assign(slots(state, "b"), { [slot]: f64(1, 2, 3, 4) })),
      /'b' in the state to have 3 elements, but it has 4/,
    ],
    [
      "with a slot that is too short",
      change((state) => void Object.assign(slots(state, "b"), { [slot]: f64() })),
      /'b' in the state to have 3 elements, but it has 0/,
    ],
    [
      "with a slot without memory",
      change((state) => detach(array(state, "b").buffer)),
      /'b' in the state to have its memory/,
    ],
  ];
  test.each(refused)("refuses a state %s", (_, edit, message) => {
    const { parameters, optimizer } = make(1);
    const given = edit(make(50).optimizer.stateDict());
    refuses(() => optimizer.loadStateDict(given as StateDict), "ERR_STATE", message, [
      ...arraysOf(parameters),
      optimizer,
    ]);
    // And it goes on as one that was never asked.
    const untouched = make(1);
    train(optimizer, parameters, 2, 7);
    train(untouched.optimizer, untouched.parameters, 2, 7);
    expect(plain(optimizer.stateDict())).toEqual(plain(untouched.optimizer.stateDict()));
  });
});

test("more memory than there is: ERR_MEMORY", () => {
  for (const elements of [2 ** 40, 2 ** 52]) {
    refuses(() => library.allocate({ w: [elements] }), "ERR_MEMORY", /memory/);
  }
});

test("a state holds what options have come to need since the last step, and so it loads", () => {
  const make = () => [parameter("a", 5), parameter("b", 7, "float64")];
  const [parameters, copies] = [make(), make()];
  const optimizer = new library.RMSprop(parameters);
  train(optimizer, parameters, 2);
  Object.assign(optimizer.paramGroups[0] as object, { momentum: 0.5, centered: true });
  const state = optimizer.stateDict();
  expect(Object.keys(state.state["a"] as object).sort()).toEqual(["gradAvg", "momentumBuffer", "squareAvg", "step"]);
  const other = new library.RMSprop(copies);
  other.loadStateDict(state);
  parameters.forEach(({ data }, i) => {
    copies[i]?.data.set(data as never);
  });
  train(optimizer, parameters, 2, 3);
  train(other, copies, 2, 3);
  expect(copies.map(({ data }) => plain(data))).toEqual(parameters.map(({ data }) => plain(data)));
  expect(plain(other.stateDict())).toEqual(plain(optimizer.stateDict()));
});

test("live views, which state() gave, may change places", () => {
  const parameters = [parameter("a", 5, "float32", 1), parameter("b", 5, "float32", 2)];
  const optimizer = new library.SGD(parameters, { momentum: 0.9 });
  train(optimizer, parameters, 2);
  const state = optimizer.stateDict();
  const [a, b] = [optimizer.state("a"), optimizer.state("b")] as unknown as StateDict["state"][string][];
  optimizer.loadStateDict({ ...state, state: { a: b, b: a } as StateDict["state"] });
  expect(optimizer.state("a").momentumBuffer).toEqual(state.state.b?.momentumBuffer);
  expect(optimizer.state("b").momentumBuffer).toEqual(state.state.a?.momentumBuffer);
});
