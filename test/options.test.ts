// What each option takes, and what it refuses: every option x every kind of bad value x every way to give one.
import { describe, expect, test } from "vitest";
import { RMSprop, type RMSpropOptions } from "../lib/index.ts";
import { rmspropDefinition } from "../lib/optimizers/rmsprop.ts";
import { arraysOf, expectRefusal, parameter, refuses, thrownBy, train } from "./support/arrays.ts";

type Name = keyof RMSpropOptions;

const { NaN: nan, POSITIVE_INFINITY: infinity, MAX_VALUE: most, MIN_VALUE: least, EPSILON: epsilon } = Number;

/** Values that are no number and no boolean. */
const others: readonly unknown[] = ["1", "", "true", null, {}, [], [0.5], 1n, Symbol("1"), new Number(1)];

const badNumbers = [nan, infinity, -infinity, -1, -least, true, false, () => 0.5, ...others];
const badFractions = [...badNumbers, 1 + epsilon, 2, most];
const badBooleans = [0, 1, nan, () => true, new Boolean(true), ...others];

const finite = "a finite number of 0 or more";

/** What each option is by default, and examples of what it takes and does not take; `domain` is its name in errors. */
const options: Readonly<
  Record<Name, { default: unknown; domain: string; good: readonly unknown[]; bad: readonly unknown[] }>
> = {
  lr: {
    default: 0.01,
    domain: `${finite}, or a function`,
    good: [0, -0, 1e-300, 3, most, () => 0.5, class {}],
    bad: badNumbers.filter((value) => typeof value !== "function"),
  },
  alpha: { default: 0.99, domain: "a number from 0 to 1", good: [0, -0, least, 0.5, 1], bad: badFractions },
  eps: { default: 1e-8, domain: finite, good: [0, -0, least, 1, most], bad: badNumbers },
  epsInSqrt: { default: false, domain: "true or false", good: [true, false], bad: badBooleans },
  momentum: { default: 0, domain: "a number from 0 to 1", good: [0, -0, least, 0.9, 1], bad: badFractions },
  nesterov: { default: false, domain: "true or false", good: [true, false], bad: badBooleans },
  lrInMomentum: { default: false, domain: "true or false", good: [true, false], bad: badBooleans },
  centered: { default: false, domain: "true or false", good: [true, false], bad: badBooleans },
  weightDecay: { default: 0, domain: finite, good: [0, -0, least, 1, most], bad: badNumbers },
  decoupledWeightDecay: { default: false, domain: "true or false", good: [true, false], bad: badBooleans },
  biasCorrection: { default: false, domain: "true or false", good: [true, false], bad: badBooleans },
  gains: {
    default: null,
    domain: "null, or { up, down, min, max }",
    good: [null, { up: 0.05, down: 0.95, min: 0.1, max: 10 }, { up: 0, down: 0, min: least, max: most }],
    bad: [
      ...[nan, infinity, 1, true, "1", () => null, [0.05, 0.95, 0.1, 10], 1n, Symbol("1")],
      ...[{ up: -1 }, { down: 1.5 }, { min: 0 }, { min: 2 }, { max: 0.5 }, { up: null }, { max: infinity }, { upp: 1 }],
    ],
  },
  preset: {
    default: null,
    domain: 'one of "torch", "torch2", "tf1", "keras",',
    good: [null, "torch", "mlx"],
    bad: [nan, 1, true, "", "Torch", "toString", {}, [], ["torch"], 1n, Symbol("torch"), () => "torch"],
  },
  initialSquareAvg: { default: 0, domain: finite, good: [0, -0, least, 1, most], bad: badNumbers },
  maximize: { default: false, domain: "true or false", good: [true, false], bad: badBooleans },
};
const names = Object.keys(rmspropDefinition.options) as Name[];

/** Ways to give options. Each sets up what there is before, and returns what gives them and what must not change. */
const ways: readonly [string, () => Way][] = [
  [
    "in the constructor",
    () => {
      const p = parameter("x");
      return { give: (given) => new RMSprop([p], given as never), witnesses: arraysOf([p]) };
    },
  ],
  [
    "in a group of the constructor",
    () => {
      const p = parameter("x");
      const give = (given: object) => new RMSprop([{ params: [p], ...given }], { momentum: 0.5 });
      return { give, witnesses: arraysOf([p]) };
    },
  ],
  [
    "by addParamGroup",
    () => {
      const [x, y] = [parameter("x"), parameter("y", 3)];
      const optimizer = new RMSprop([x], { momentum: 0.5 });
      train(optimizer, [x], 2);
      const give = (given: object) => {
        optimizer.addParamGroup({ params: [y], ...given });
        return optimizer;
      };
      return { give, witnesses: [...arraysOf([x, y]), optimizer] };
    },
  ],
  [
    "set in paramGroups",
    () => {
      const p = parameter("x");
      const optimizer = new RMSprop([p], { momentum: 0.5 });
      train(optimizer, [p], 2);
      const give = (given: object) => {
        Object.assign(optimizer.paramGroups[0] as object, given);
        return optimizer;
      };
      return { give, witnesses: [...arraysOf([p]), optimizer] };
    },
  ],
];
interface Way {
  give(given: object): RMSprop;
  witnesses: Parameters<typeof refuses>[3];
}

const text = (value: unknown) => {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`;
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
};
const quote = (literal: string) => literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

test("the table names every option, with its default", () => {
  expect(Object.keys(options).sort()).toEqual([...names].sort());
  const [group] = new RMSprop([]).paramGroups;
  expect(group).toEqual({
    ...Object.fromEntries(names.map((name) => [name, options[name].default])),
    params: [],
  });
});

describe.each(ways)("given %s", (way, make) => {
  test.each(names)("%s takes what is in its domain", (name) => {
    for (const value of options[name].good) {
      if (way === "set in paramGroups" && name === "preset") continue; // it is refused, see below
      const given = name === "momentum" ? { [name]: value } : { momentum: 0.5, [name]: value };
      const group = make().give(given).paramGroups.at(-1);
      if (typeof value === "object") expect(group?.[name], text(value)).toEqual(value);
      else expect(group?.[name], text(value)).toBe(value);
    }
  });

  test.each(names)("%s refuses what is not, and says what it takes and what it found", (name) => {
    if (way === "set in paramGroups" && name === "preset") return;
    const { bad, domain } = options[name];
    for (const value of bad) {
      const { give, witnesses } = make();
      const message = new RegExp(`^Expected '${name}' to be ${quote(domain)}.* but it is ${quote(text(value))}\\.$`);
      refuses(() => give({ [name]: value }), "ERR_OPTION", message, witnesses, `${name}: ${text(value)}`);
    }
  });

  test("undefined stands for an option not given, except where one is set", () => {
    for (const name of names) {
      const { give, witnesses } = make();
      const action = () => give({ [name]: undefined });
      if (way === "set in paramGroups") {
        const found = name === "preset" ? "but it is set on a running one" : "but it is undefined";
        refuses(action, "ERR_OPTION", new RegExp(`'${name}'.*${found}`), witnesses);
      } else {
        const inherited = name === "momentum" && way !== "in the constructor" ? 0.5 : options[name].default;
        expect(action().paramGroups.at(-1)?.[name]).toBe(inherited);
      }
    }
  });

  test("a later bad option refuses the earlier good ones too", () => {
    if (way === "set in paramGroups") return; // each assignment is one of its own
    const { give, witnesses } = make();
    refuses(() => give({ lr: 0.5, centered: true, eps: -1 }), "ERR_OPTION", /'eps'.*-1/, witnesses);
  });

  test.each([
    ["learningRate", "lr"],
    ["learning_rate", "lr"],
    ["LR", "lr"],
    ["rho", "alpha"],
    ["decay", "alpha"],
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

  test.each([
    "learnRate",
    "momentun",
    "",
    "0",
    "toString",
    "valueOf",
    "hasOwnProperty",
    "constructor",
    "__proto__",
    "beta2",
  ])("'%s' is no option, and the options are listed", (name) => {
    const { give, witnesses } = make();
    const message = new RegExp(`^RMSprop has no option '${name}'; it has ${names.join(", ")}\\.$`);
    const given = JSON.parse(`{ ${JSON.stringify(name)}: 1 }`); // an own property, whatever its name
    refuses(
      () => (way === "set in paramGroups" ? setOwn(give({}), given) : give(given)),
      "ERR_OPTION",
      message,
      witnesses,
    );
  });

  test.each([
    ["clipGlobalNorm", 1],
    ["clipNorm", 1],
    ["clipValue", 1],
    ["gradScale", 1],
    ["skipNonFinite", true],
    ["skipNonFinite", false],
  ])("'%s: %s' is not built yet, and not passed over", (name, value) => {
    const { give, witnesses } = make();
    const message = new RegExp(`'${name}'.*RMSprop is not built yet`);
    refuses(() => give({ [name]: value }), "ERR_OPTION", message, witnesses);
  });

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
function setOwn(optimizer: RMSprop, given: Record<string, unknown>): void {
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
      get: () => (answers++ === 0 ? 0.5 : nan),
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
