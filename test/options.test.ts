// Options that are given in any way: names, objects, and those that go together. option-domains.test.ts has the values.
import { describe, expect, test } from "vitest";
import { RMSprop, type RMSpropOptions } from "../lib/index.ts";
import { rmspropDefinition } from "../lib/optimizers/rmsprop.ts";
import { defaultsOf } from "../lib/options/option.ts";
import { optimizerOptions } from "../lib/options/stages.ts";
import { arraysOf, expectRefusal, parameter, refuses, thrownBy } from "./support/arrays.ts";
import type { AnyOptimizer } from "./support/classes.ts";
import { waysOf } from "./support/option-cases.ts";

const names = Object.keys(rmspropDefinition.options);
const defaults = defaultsOf<Record<string, unknown>>(rmspropDefinition.options);

const ways = waysOf("RMSprop", { momentum: 0.5 });

/** Whether options are set one by one on a running optimizer, before its first step or after it. */
const isSet = (way: string) => way.startsWith("set in paramGroups");

describe.each(ways)("given %s", (way, make) => {
  test("undefined stands for an option not given, except where one is set", () => {
    for (const name of names) {
      const { give, witnesses } = make();
      const action = () => give({ [name]: undefined });
      if (isSet(way)) {
        const found = name === "preset" ? "but it is set on a running one" : "but it is undefined";
        refuses(action, "ERR_OPTION", new RegExp(`'${name}'.*${found}`), witnesses);
      } else {
        const inherited = name === "momentum" && way !== "in the constructor" ? 0.5 : defaults[name];
        expect(action().paramGroups.at(-1)?.[name]).toBe(inherited);
      }
    }
  });

  test("a later bad option refuses the earlier good ones too", () => {
    if (isSet(way)) return; // each assignment is one of its own
    const { give, witnesses } = make();
    refuses(() => give({ lr: 0.5, centered: true, eps: -1 }), "ERR_OPTION", /'eps'.*-1/, witnesses);
  });

  test.each([
    ["learningRate", "lr"],
    ["learning_rate", "lr"],
    ["LR", "lr"],
    ["rho", "alpha"],
    ["decay", "alpha"],
    ["learnRate", "lr"],
    ["momentun", "momentum"],
    ["mometnum", "momentum"],
    ["Alpha", "alpha"],
    ["epsilon", "eps"],
    ["l2", "weightDecay"],
    ["weight_decay", "weightDecay"],
    ["weight-decay", "weightDecay"],
    ["weightdecay", "weightDecay"],
    ["Momentum", "momentum"],
    ["eps_in_sqrt", "epsInSqrt"],
    ["lr_in_momentum", "lrInMomentum"],
    ["initial_square_avg", "initialSquareAvg"],
    ["decoupled_weight_decay", "decoupledWeightDecay"],
  ])("'%s' is no option, but '%s' is", (misspelled, meant) => {
    const { give, witnesses } = make();
    const message = new RegExp(`^RMSprop has no option '${misspelled}'; did you mean '${meant}'\\?$`);
    refuses(() => give({ [misspelled]: 0.5 }), "ERR_OPTION", message, witnesses);
  });

  test.each(["", "0", "toString", "valueOf", "hasOwnProperty", "constructor", "__proto__", "beta2"])(
    "'%s' is no option, and the options are listed",
    (name) => {
      const { give, witnesses } = make();
      const known = [...names, ...(way === "in the constructor" ? Object.keys(optimizerOptions) : [])];
      const message = new RegExp(`^RMSprop has no option '${name}'; it has ${known.join(", ")}\\.$`);
      const given = JSON.parse(`{ ${JSON.stringify(name)}: 1 }`); // an own property, whatever its name
      refuses(() => (isSet(way) ? setOwn(give({}), given) : give(given)), "ERR_OPTION", message, witnesses);
    },
  );

  test("nesterov needs momentum", () => {
    const { give, witnesses } = make();
    const message = /Expected 'momentum' to be above 0 with 'nesterov', but it is 0\./;
    for (const zero of [0, -0]) {
      refuses(
        () => give({ nesterov: true, momentum: zero }),
        "ERR_OPTION",
        message,
        way.startsWith("set") ? [] : witnesses,
      );
    }
    expect(make().give({ momentum: 0.5, nesterov: true }).paramGroups.at(-1)?.nesterov).toBe(true);
  });
});

describe("an option that stands for others", () => {
  test("preset is not set on a running group", () => {
    const p = parameter("x");
    const optimizer = new RMSprop([p], { preset: "keras" });
    const message = /'preset' of RMSprop to be given to the constructor or to a group, but it is set on a running one/;
    const [group] = optimizer.paramGroups as [(typeof optimizer.paramGroups)[number]];
    for (const value of ["torch", "keras", null]) {
      refuses(() => Object.assign(group, { preset: value }), "ERR_OPTION", message, [optimizer]);
    }
  });

  test("gains are read once, with the lecture's values for what is not given, and kept as a frozen copy", () => {
    let reads = 0;
    const given: object = Object.defineProperty({ down: undefined }, "up", { enumerable: true, get: () => ++reads });
    const optimizer = new RMSprop([parameter("x")], { gains: given });
    const gains = optimizer.paramGroups[0]?.gains;
    expect(gains).toEqual({ up: 1, down: 0.95, min: 0.1, max: 10 });
    expect(Object.isFrozen(gains)).toBe(true);
    expect(reads).toBe(1);
  });
});

/** Sets properties one by one, as assignments. */
function setOwn(optimizer: AnyOptimizer, given: Record<string, unknown>): void {
  const group = optimizer.paramGroups[0] as unknown as Record<string, unknown>;
  for (const name of Object.keys(given)) Reflect.set(group, name, given[name]);
}

describe("nesterov and momentum, set one after the other", () => {
  test("momentum goes on first and off last", () => {
    const p = parameter("x");
    const optimizer = new RMSprop([p]);
    const [group] = optimizer.paramGroups as [(typeof optimizer.paramGroups)[number]];
    const needs = /'momentum' to be above 0 with 'nesterov'/;
    refuses(() => Object.assign(group, { nesterov: true }), "ERR_OPTION", needs, [optimizer]);
    group.momentum = 0.9;
    group.nesterov = true;
    refuses(() => Object.assign(group, { momentum: 0 }), "ERR_OPTION", needs, [optimizer]);
    group.nesterov = false;
    group.momentum = 0;
    expect(group).toMatchObject({ momentum: 0, nesterov: false });
  });

  test("the constructor's nesterov may get its momentum in each group", () => {
    const [x, y] = [parameter("x"), parameter("y")];
    const groups = [
      { params: [x], momentum: 0.5 },
      { params: [y], momentum: 0.9 },
    ];
    expect(new RMSprop(groups, { nesterov: true }).paramGroups.map(({ momentum }) => momentum)).toEqual([0.5, 0.9]);
    refuses(
      () => new RMSprop([...groups, { params: [parameter("z")] }], { nesterov: true }),
      "ERR_OPTION",
      /'momentum'.*'nesterov'/,
      arraysOf([x, y]),
    );
  });
});

describe("the object that the options are in", () => {
  test.each([
    ["null", null],
    ["5", 5],
    ['"lr"', "lr"],
    ["true", true],
    ["an array", [0.1]],
    ["a function", () => ({ lr: 0.1 })],
    ["a symbol", Symbol("lr")],
  ])("may not be %s", (found, given) => {
    const p = parameter("x");
    const message = new RegExp(`options of RMSprop to be an object, but they are ${found}`);
    refuses(() => new RMSprop([p], given as never), "ERR_OPTION", message, arraysOf([p]));
  });

  class Settings {
    lr = 0.5;
    centered = true;
  }
  test.each<[string, () => RMSpropOptions | undefined, number]>([
    ["undefined", () => undefined, 0.01],
    ["empty", () => ({}), 0.01],
    ["frozen", () => Object.freeze({ lr: 0.5 }), 0.5],
    ["without a prototype", () => Object.assign(Object.create(null), { lr: 0.5 }), 0.5],
    ["of a class", () => new Settings(), 0.5],
    ["a proxy", () => new Proxy({ lr: 0.5 }, {}), 0.5],
    ["with getters", () => Object.defineProperty({}, "lr", { enumerable: true, get: () => 0.5 }), 0.5],
  ])("may be %s", (_, given, lr) => {
    expect(new RMSprop([parameter("x")], given()).paramGroups[0]?.lr).toBe(lr);
  });

  test("is read once, each property once, and may change afterwards", () => {
    const reads: PropertyKey[] = [];
    const given: RMSpropOptions = { lr: 0.5, alpha: 0.9, momentum: 0.1, centered: true };
    const counted = new Proxy(given, {
      get(target, name, receiver) {
        reads.push(name);
        return Reflect.get(target, name, receiver);
      },
    });
    const optimizer = new RMSprop([parameter("x")], counted);
    expect(reads).toEqual(["lr", "alpha", "momentum", "centered"]);
    Object.assign(given, { lr: 7 });
    optimizer.addParamGroup({ params: [parameter("y")] });
    expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.5, 0.5]);
    expect(reads.length).toBe(4);
  });

  test("is taken at its first word: a getter that answers differently each time is asked once", () => {
    let answers = 0;
    const given = Object.defineProperty({}, "momentum", {
      enumerable: true,
      get: () => (answers++ === 0 ? 0.5 : Number.NaN),
    });
    const optimizer = new RMSprop([parameter("x")], given);
    expect([optimizer.paramGroups[0]?.momentum, answers]).toEqual([0.5, 1]);
  });

  test("a getter's own error comes through", () => {
    const error = new Error("mine");
    const given = Object.defineProperty({}, "lr", {
      enumerable: true,
      get() {
        throw error;
      },
    });
    const p = parameter("x");
    expect(thrownBy(() => new RMSprop([p], given))).toBe(error);
    const optimizer = new RMSprop([p]);
    const group = Object.defineProperty({ params: [parameter("y")] }, "lr", {
      enumerable: true,
      get() {
        throw error;
      },
    });
    expect(thrownBy(() => optimizer.addParamGroup(group))).toBe(error);
    expect(optimizer.paramGroups.length).toBe(1);
  });

  test("a getter that takes an array's memory away is noticed: all is read before anything is checked", () => {
    const p = parameter("x");
    const given = Object.defineProperty({}, "lr", {
      enumerable: true,
      get() {
        structuredClone(p.data.buffer, { transfer: [p.data.buffer as ArrayBuffer] });
        return 0.1;
      },
    });
    expectRefusal(
      thrownBy(() => new RMSprop([p], given)),
      "ERR_DETACHED",
      /the data of 'x' to have its memory, but it was disposed, detached/,
    );
  });
});
