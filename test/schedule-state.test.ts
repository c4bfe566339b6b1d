// Schedules with state as an optimizer's learning rate: asked at each step, and their state travels with the optimizer's.
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "../lib/checkpoint/index.ts";
import { RMSprop, type Schedule, type StateDict, schedules } from "../lib/index.ts";
import {
  arraysOf,
  bitsOf,
  detach,
  drawGradient,
  expectRefusal,
  parameter,
  plain,
  refuses,
  thrownBy,
  train,
} from "./support/arrays.ts";
import { temporaryFolder } from "./support/folder.ts";

const { chain, linearWarmup, reduceOnPlateau } = schedules;

/** Two groups with schedules of their own, one of them composed. */
function make(seed = 1) {
  const parameters = [parameter("w", 9, "float32", seed), parameter("b", 4, "float64", seed + 1)];
  const [w, b] = parameters as [(typeof parameters)[0], (typeof parameters)[0]];
  const first = reduceOnPlateau(0.5, { patience: 0, factor: 0.5 });
  const second = reduceOnPlateau(0.25, { patience: 0, factor: 0.25 });
  const groups = [{ params: [w] }, { params: [b], lr: chain([second, linearWarmup(1, { steps: 8 })]) }];
  const optimizer = new RMSprop(groups, { lr: first, momentum: 0.9 });
  return { parameters, first, second, optimizer };
}

/** Steps, and reports a loss that hardly gets better. */
function run({ parameters, first, second, optimizer }: ReturnType<typeof make>, steps: number, begin: number): void {
  for (let step = begin; step < begin + steps; step++) {
    train(optimizer, parameters, 1, step);
    first.report(1 + (step % 3));
    second.report(1 + (step % 4));
  }
}

test("is asked for the rate of each step", () => {
  const asked: number[] = [];
  const rates = [0.5, 0, 0.125];
  const schedule: Schedule = {
    rate(step) {
      asked.push(step);
      return rates[step - 1] as number;
    },
    stateDict: () => ({}),
    loadStateDict: () => {},
  };
  const [a, b] = [parameter("w"), parameter("w")];
  const optimizer = new RMSprop([a], { lr: schedule });
  const numbers = new RMSprop([b], { lr: 1 });
  for (const [i, rate] of rates.entries()) {
    (numbers.paramGroups[0] as (typeof numbers.paramGroups)[0]).lr = rate;
    for (const { grad } of [a, b]) drawGradient(grad, i);
    optimizer.step();
    numbers.step();
  }
  expect(asked).toEqual([1, 2, 3]);
  expect(bitsOf(a.data)).toEqual(bitsOf(b.data));
  expect(optimizer.paramGroups[0]?.lr).toBe(schedule);
});

test("that gives no rate, or is none, is refused, and nothing changes", () => {
  const parameters = [parameter("w")];
  const bad: Schedule = { rate: () => Number.NaN, stateDict: () => ({}), loadStateDict: () => {} };
  const optimizer = new RMSprop(parameters, { lr: bad });
  refuses(() => optimizer.step(), "ERR_OPTION", /lr\(1\) to be a finite number.*NaN/, [
    ...arraysOf(parameters),
    optimizer,
  ]);
  for (const lr of [{}, { rate: () => 1 }, { ...bad, stateDict: 1 }]) {
    expectRefusal(
      thrownBy(() => new RMSprop([parameter("w")], { lr: lr as never })),
      "ERR_OPTION",
      /'lr'.*a schedule, or a function/,
    );
  }
});

describe("its state", () => {
  test("is in stateDict, loads, and the training goes on to the same bits", () => {
    const whole = make();
    run(whole, 5, 1);
    const state = whole.optimizer.stateDict();
    expect(state.paramGroups.map(({ lr, schedule }) => [lr, schedule])).toEqual([
      [undefined, whole.first.stateDict()],
      [undefined, { schedules: [whole.second.stateDict()] }],
    ]);
    const rest = make(50);
    rest.parameters.forEach(({ data }, i) => {
      data.set(whole.parameters[i]?.data as Float32Array);
    });
    rest.optimizer.loadStateDict(state);
    for (const made of [whole, rest]) run(made, 5, 6);
    expect(whole.first.rate(1)).toBeLessThan(0.1);
    expect(rest.optimizer.stateDict()).toEqual(whole.optimizer.stateDict());
    expect(rest.parameters.map(({ data }) => bitsOf(data))).toEqual(whole.parameters.map(({ data }) => bitsOf(data)));
  });

  test("is in checkpoints, infinities too", () => {
    const path = join(temporaryFolder(), "checkpoint");
    const whole = make();
    run(whole, 5, 1);
    whole.second.report(Number.NEGATIVE_INFINITY);
    saveCheckpoint(path, { parameters: whole.parameters, optimizer: whole.optimizer });
    const rest = make(50);
    loadCheckpoint(path, { parameters: rest.parameters, optimizer: rest.optimizer });
    expect(rest.second.stateDict()).toMatchObject({ best: Number.NEGATIVE_INFINITY });
    for (const made of [whole, rest]) run(made, 5, 6);
    expect(rest.optimizer.stateDict()).toEqual(whole.optimizer.stateDict());
  });

  test("that does not fit is refused, and neither it nor another group's schedule changes", () => {
    const made = make();
    run(made, 5, 1);
    const other = make(9);
    const state = other.optimizer.stateDict();
    const withSchedules = (...found: unknown[]): StateDict => ({
      ...state,
      paramGroups: state.paramGroups.map((group, i) => ({ ...group, schedule: found[i] })),
    });
    const good = state.paramGroups.map(({ schedule }) => schedule);
    const before = plain(made.optimizer.stateDict());
    const refused = (given: StateDict, message: RegExp) => {
      refuses(() => made.optimizer.loadStateDict(given), "ERR_STATE", message, arraysOf(made.parameters));
      expect(plain(made.optimizer.stateDict())).toEqual(before);
    };
    refused(withSchedules(good[0], { schedules: [] }), /states of its 1 schedules/);
    refused(withSchedules(good[0], { schedules: [{ rate: 2 }] }), /'best'/);
    refused(withSchedules(null, good[1]), /'rate'/);
    refused({ ...withSchedules(...good), rule: "adam" }, /rule/);
    const path = join(temporaryFolder(), "checkpoint");
    saveCheckpoint(path, {
      parameters: other.parameters,
      optimizer: { ...other.optimizer, stateDict: () => withSchedules(good[0], {}), loadStateDict: () => {} },
    });
    const given = { parameters: made.parameters, optimizer: made.optimizer };
    refuses(() => loadCheckpoint(path, given), "ERR_CHECKPOINT", /'schedules'/, arraysOf(made.parameters));
    expect(plain(made.optimizer.stateDict())).toEqual(before);

    const numbers = new RMSprop([{ params: [parameter("w", 9)] }, { params: [parameter("b", 4, "float64")] }], {
      lr: 0.1,
      momentum: 0.9,
    });
    refuses(() => numbers.loadStateDict(withSchedules(...good)), "ERR_STATE", /group 0 to have a schedule.*0\.1/, [
      numbers,
    ]);
  });

  test("a state without one leaves the schedule as it is, one with a rate replaces it", () => {
    const made = make();
    run(made, 5, 1);
    const before = made.first.stateDict();
    const { paramGroups, ...state } = make(9).optimizer.stateDict();
    const without = paramGroups.map(({ schedule: _, ...group }) => group) as StateDict["paramGroups"];
    made.optimizer.loadStateDict({ ...state, paramGroups: without });
    expect(made.first.stateDict()).toEqual(before);
    expect(made.optimizer.paramGroups[0]?.lr).toBe(made.first);
    made.optimizer.loadStateDict({ ...state, paramGroups: without.map((group) => ({ ...group, lr: 0.125 })) });
    expect(made.optimizer.paramGroups[0]?.lr).toBe(0.125);
  });

  test("code of its own that comes back to the optimizer finds a step in flight, and nothing changes", () => {
    const parameters = [parameter("w")];
    let value = 1;
    let back = () => {};
    const schedule: Schedule = {
      rate: () => 0.1,
      stateDict() {
        if (value === 2) back();
        return { value };
      },
      loadStateDict(state) {
        value = state.value as number;
        if (value === 3) back();
      },
    };
    const optimizer = new RMSprop(parameters, { lr: schedule });
    const state = optimizer.stateDict();
    const three = { ...state, paramGroups: state.paramGroups.map((group) => ({ ...group, schedule: { value: 3 } })) };
    const ways = [
      () => optimizer.dispose(),
      () => optimizer.remove("w"),
      () => optimizer.step(),
      () => optimizer.loadStateDict(state),
    ];
    for (const way of ways) {
      back = way;
      value = 1;
      expectRefusal(
        thrownBy(() => optimizer.loadStateDict(three)),
        "ERR_STEP_IN_FLIGHT",
        /step/,
      );
      expect(value).toBe(1);
      value = 2;
      expectRefusal(
        thrownBy(() => optimizer.stateDict()),
        "ERR_STEP_IN_FLIGHT",
        /step/,
      );
    }
    value = 1;
    expect(optimizer.stateDict()).toEqual(state);
  });

  test("is taken back where the rest cannot be loaded", () => {
    const made = make();
    const state = make(9);
    run(state, 5, 1);
    const given = state.optimizer.stateDict();
    const before = made.first.stateDict();
    const buffer = made.parameters[0]?.data.buffer as ArrayBuffer;
    const kind = Object.getPrototypeOf(made.first) as typeof made.first;
    const original = kind.loadStateDict;
    vi.spyOn(kind, "loadStateDict").mockImplementation(function (this: typeof made.first, found) {
      original.call(this, found);
      if (this === made.first && buffer.byteLength > 0) detach(buffer);
    });
    expectRefusal(
      thrownBy(() => made.optimizer.loadStateDict(given)),
      "ERR_DETACHED",
      /'w'/,
    );
    expect(made.first.stateDict()).toEqual(before);
    vi.restoreAllMocks();
  });
});

describe.each([false, true])(
  "a schedule whose own code takes the memory of the state that is loaded, partial %s",
  (partial) => {
    const taken = {
      detached: ({ buffer }: Float32Array) => detach(buffer),
      shrunk: ({ buffer }: Float32Array) => (buffer as unknown as { resize(length: number): void }).resize(0),
    };

    test.each(Object.entries(taken))("%s: nothing is changed", (_, take) => {
      let hook = () => {};
      const lr = { rate: () => 0.1, stateDict: () => ({}), loadStateDict: () => hook() };
      const make = (options: object) => new RMSprop([parameter("a", 5), parameter("b", 3)], { lr, ...options });
      const source = make({ momentum: 0.5 });
      source.step();
      const state = source.stateDict();
      const own = state.state["b"]?.["squareAvg"] as Float32Array;
      const Resizable = ArrayBuffer as new (length: number, options: object) => ArrayBuffer;
      const resizable = new Float32Array(new Resizable(own.byteLength, { maxByteLength: 64 }), 0, own.length);
      resizable.set(own);
      (state.state["b"] as Record<string, unknown>)["squareAvg"] = resizable;
      const optimizer = make({});
      optimizer.step();
      const before = JSON.stringify(plain(optimizer.stateDict()));
      hook = () => take(resizable);
      const error = thrownBy(() => optimizer.loadStateDict(state, { partial }));
      expectRefusal(error, "ERR_STATE", /squareAvg of 'b'.*3 elements.*has 0/);
      hook = () => {};
      expect(JSON.stringify(plain(optimizer.stateDict()))).toBe(before);
    });
  },
);
