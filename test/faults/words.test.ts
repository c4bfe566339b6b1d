// What errors say to who made one of the likeliest mistakes. Each test has the section of the report in which the fault was
// found.
import { describe, expect, test } from "vitest";
import { encodeCheckpoint } from "../../lib/checkpoint/index.ts";
import { allocate, type OptimErrorCode, RMSprop, SGD, schedules } from "../../lib/index.ts";
import { checkOption, choice } from "../../lib/options/option.ts";
import { show } from "../../lib/values/show.ts";
import { nearest } from "../../lib/values/words.ts";
import { parameter, refuses } from "../support/arrays.ts";

// biome-ignore lint/suspicious/noExplicitAny: what is given is wrong
type Wrong = any;

const model = () => allocate({ w: [2], b: [1] });
const construct = (params: Wrong, options?: Wrong) => () => new RMSprop(params, options);
const p = () => parameter("w");
const data = () => new Float32Array(5);

/** As TensorFlow.js has them: what is public of a tensor, and a method that gives its values. */
class Tensor {
  readonly kept = false;
  readonly shape = [5];
  readonly name: string | undefined;
  constructor(name?: string) {
    this.name = name;
  }
  data() {
    return Promise.resolve(data());
  }
  dataSync() {
    return data();
  }
}

const rateDomain = "a number of 0 or more, a schedule, or a function of the step (1, 2, …) that returns such a number";
const list = "Expected the parameters to be an iterable of parameters, but it is";
const fields = "to be { name, data, grad }, but it";

/** What somebody writes, and the whole of what it says. */
const rows: readonly [string, () => unknown, OptimErrorCode, string][] = [
  [
    "a model",
    () => construct(model())(),
    "ERR_DTYPE",
    `${list} an object: of a model of allocate() it is model.parameters.`,
  ],
  [
    "a model's values",
    () => construct(model().params)(),
    "ERR_DTYPE",
    `${list} an object: of a model of allocate() it is model.parameters.`,
  ],
  [
    "a model as a group",
    () => construct([model()])(),
    "ERR_DTYPE",
    "Expected the 'params' of group 0 to be an iterable of parameters, but it is an object: of a model of allocate() it is model.parameters.",
  ],
  ["one parameter", () => construct(p())(), "ERR_DTYPE", `${list} an object: put it into a list, [ … ].`],
  [
    "an option of a parameter",
    () => construct([p(), { name: "v", data: data(), grad: data(), mine: 1, lr: 1 }])(),
    "ERR_OPTION",
    "Expected 'lr' to be given to a group, { params: [ … ], lr }, or to the constructor, but parameter 1 has it, where nothing reads it.",
  ],
  [
    "an option of a parameter in a group",
    () => construct([{ params: [{ name: "v", data: data(), grad: data(), shape: [5], momentum: 1 }] }])(),
    "ERR_OPTION",
    "Expected 'momentum' to be given to a group, { params: [ … ], momentum }, or to the constructor, but parameter 0 of group 0 has it, where nothing reads it.",
  ],
  [
    "a parameter without a gradient",
    () => construct([{ name: "v", data: data() }])(),
    "ERR_DTYPE",
    "Expected the gradient of 'v' to be a Float32Array, a Float64Array or null, but it is undefined.",
  ],
  [
    "whole numbers as data",
    () => construct([{ name: "v", data: new Int32Array(1), grad: null }])(),
    "ERR_DTYPE",
    "Expected the data of 'v' to be a Float32Array or a Float64Array, but it is an Int32Array.",
  ],
  [
    "a loss scale that is only turned on",
    construct([], { lossScale: true }),
    "ERR_OPTION",
    "Expected 'lossScale' to be null, {} for the defaults, or { initial, growthFactor, backoffFactor, growthInterval } with 2^-126 <= initial <= 2^127, growthFactor >= 1, 0 < backoffFactor < 1 and a whole growthInterval >= 1, but it is true.",
  ],
  [
    "TensorFlow as a preset",
    () => new SGD([], { preset: "tensorflow" } as Wrong),
    "ERR_OPTION",
    `Expected 'preset' to be one of "torch", "tf1", "keras", "tfjs", "optax", or null, but it is "tensorflow"; did you mean "tf1"?`,
  ],
  [
    "TensorFlow.js as a preset",
    () => new SGD([], { preset: "TensorFlow.js" } as Wrong),
    "ERR_OPTION",
    `Expected 'preset' to be one of "torch", "tf1", "keras", "tfjs", "optax", or null, but it is "TensorFlow.js"; did you mean "tfjs"?`,
  ],
  [
    "a model in place of a checkpoint's options",
    () => encodeCheckpoint(model() as Wrong),
    "ERR_OPTION",
    "Expected encodeCheckpoint to be given { parameters, … }, but it is a model: give { parameters: model.parameters }.",
  ],
  [
    "a model's values in a checkpoint",
    () => encodeCheckpoint({ parameters: model().params } as Wrong),
    "ERR_DTYPE",
    "Expected 'parameters' to be an iterable of parameters, but it is an object: of a model of allocate() it is model.parameters.",
  ],
  ["one array", () => construct(data())(), "ERR_DTYPE", `${list} a Float32Array.`],
  ["arrays", () => construct([data()])(), "ERR_DTYPE", `Expected parameter 0 ${fields} is a Float32Array.`],
  ["a group without params", () => construct([{ lr: 1 }])(), "ERR_DTYPE", `Expected parameter 0 ${fields} has "lr".`],
  [
    "a Map's entries",
    () => construct(new Map([["w", p()]]))(),
    "ERR_DTYPE",
    `Expected parameter 0 ${fields} is an array.`,
  ],
  [
    "groups mixed with parameters",
    () => construct([p(), { params: [] }])(),
    "ERR_DTYPE",
    "Expected a list of parameters or a list of groups, { params, ...options }, but element 1 is a group and element 0 is none: put those parameters into a group of their own.",
  ],
  [
    "a gradient by another name",
    () => construct([{ name: "w", data: data(), gradient: data() }])(),
    "ERR_DTYPE",
    `Expected parameter 0 ${fields} has "gradient"; did you mean 'grad'?`,
  ],
  [
    "values by another name",
    () => construct([{ name: "w", value: data(), grad: data() }])(),
    "ERR_DTYPE",
    `Expected parameter 0 ${fields} has "value"; did you mean 'data'?`,
  ],
  ["a tensor", () => construct([new Tensor("w")])(), "ERR_DTYPE", `Expected parameter 0 ${fields} is a Tensor.`],
  [
    "a tensor as data",
    () => construct([{ name: "w", data: new Tensor(), grad: data() }])(),
    "ERR_DTYPE",
    "Expected the data of 'w' to be a Float32Array or a Float64Array, but it is a Tensor, whose dataSync() gives one.",
  ],
  [
    "a tensor as the gradient of a call",
    () => new RMSprop([p()]).step({ w: new Tensor() } as Wrong),
    "ERR_DTYPE",
    "Expected the arrays of 'w' to be { data, grad, out } or a gradient, but they are a Tensor: give what its dataSync() returns.",
  ],
  [
    "an option with a letter wrong",
    construct([], { momemtum: 0.9 }),
    "ERR_OPTION",
    "RMSprop has no option 'momemtum'; did you mean 'momentum'?",
  ],
  [
    "an option of other libraries with letters wrong",
    construct([], { learning_rates: 0.9 }),
    "ERR_OPTION",
    "RMSprop has no option 'learning_rates'; did you mean 'lr'?",
  ],
  [
    "an option of a group",
    () => new SGD([{ params: [], dampning: 0 } as Wrong]),
    "ERR_OPTION",
    "SGD has no option 'dampning'; did you mean 'dampening'?",
  ],
  [
    "a preset",
    () => new SGD([], { preset: "pytorch" } as Wrong),
    "ERR_OPTION",
    `Expected 'preset' to be one of "torch", "tf1", "keras", "tfjs", "optax", or null, but it is "pytorch"; did you mean "torch"?`,
  ],
  [
    "a number type",
    () => allocate({}, { dtype: "float-64" } as Wrong),
    "ERR_OPTION",
    `Expected 'dtype' to be "float32" or "float64", but it is "float-64"; did you mean "float64"?`,
  ],
  [
    "a schedule's word",
    () => schedules.reduceOnPlateau(0.1, { mode: "mim" } as Wrong),
    "ERR_OPTION",
    `Expected 'mode' to be "min" or "max", but it is "mim"; did you mean "min"?`,
  ],
  [
    "a rate as text",
    construct([], { lr: "0.01" }),
    "ERR_OPTION",
    `Expected 'lr' to be ${rateDomain}, but it is "0.01".`,
  ],
  [
    "a diagnostic with a letter wrong",
    construct([], { diagnostics: ["gradnorm"] }),
    "ERR_OPTION",
    'Expected \'diagnostics\' to be true, false, or a list of "gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite", but it has "gradnorm"; did you mean "gradNorm"?',
  ],
  [
    "a diagnostic without its list",
    construct([], { diagnostics: "gradNorm" }),
    "ERR_OPTION",
    'Expected \'diagnostics\' to be true, false, or a list of "gradNorm", "updateNorm", "largestUpdate", "clipped", "nonFinite", but it is "gradNorm"; did you mean ["gradNorm"]?',
  ],
  [
    "names in a list",
    () => new SGD([p()]).freeze(["w"] as Wrong),
    "ERR_NAME",
    "Expected the name of a parameter, but it is an array: spread it, (...names).",
  ],
  [
    "a schedule's number in place of its options",
    () => schedules.cosine(0.1, 100 as Wrong),
    "ERR_OPTION",
    "Expected the options of the schedule cosine to be an object, but they are 100.",
  ],
  [
    "an option of a checkpoint with letters wrong",
    () => encodeCheckpoint({ parameters: [p()], optimiser: null } as Wrong),
    "ERR_OPTION",
    "The function encodeCheckpoint has no option 'optimiser'; did you mean 'optimizer'?",
  ],
  [
    "parameters in place of a checkpoint's options",
    () => encodeCheckpoint([p()] as Wrong),
    "ERR_OPTION",
    "Expected encodeCheckpoint to be given { parameters, … }, but it is an array.",
  ],
  [
    "options in a Map",
    construct([], new Map([["lr", 1]])),
    "ERR_OPTION",
    "Expected the options of RMSprop to be an object, but they are a Map.",
  ],
  [
    "options that a class computes",
    construct(
      [],
      new (class Config {
        get lr() {
          return 1;
        }
      })(),
    ),
    "ERR_OPTION",
    "Expected the options of RMSprop to be an object, but they are a Config.",
  ],
  [
    "options that are inherited",
    construct([], Object.assign(Object.create({ lr: 1 }), { momentum: 0.5 })),
    "ERR_OPTION",
    "Expected 'lr' to be an own property of the options of RMSprop, but it is inherited or hidden.",
  ],
];

describe("section 5: an error says what was most likely meant", () => {
  test.each(rows)("%s", (_, action, code, sentence) => {
    refuses(action, code, new RegExp(`^${sentence.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`));
  });

  test("a schedule that is not called is named, with lr", () => {
    for (const [name, lr] of Object.entries(schedules)) {
      const optimizer = new SGD([p()], { lr: lr as Wrong });
      const example = ["constant", "reduceOnPlateau"].includes(name) ? "constant" : name;
      const named = new RegExp(`lr.* call .*first.*lr: schedules\\.${example}\\(`);
      refuses(() => optimizer.step(), "ERR_OPTION", named, [optimizer], name);
    }
  });

  test("a loss scale in a Map is refused, and not read as one of defaults", () => {
    const given = construct([], { lossScale: new Map([["initial", 8]]) });
    refuses(
      given,
      "ERR_OPTION",
      /^Expected 'lossScale' to be null, \{\} for the defaults, or \{ initial.*, but it is a Map\.$/,
    );
  });

  test("an optimizer without presets says so", () => {
    const table = { preset: choice([]) };
    refuses(
      () => checkOption(table, "preset", "torch"),
      "ERR_OPTION",
      /^Expected 'preset' to be null: there are none, but/,
    );
  });
});

describe("section 5: a value is shown by its class, and none of its code runs", () => {
  const fail = () => expect.unreachable("Expected no code of the value's own to run.");
  const trapped = new Proxy(
    {},
    {
      getPrototypeOf: fail as Wrong,
      get: fail,
      getOwnPropertyDescriptor: fail as Wrong,
      has: fail as Wrong,
      ownKeys: fail as Wrong,
    },
  );
  class Getters {}
  for (const [holder, key] of [
    [Getters, "name"],
    [Getters.prototype, "constructor"],
  ] as const) {
    Object.defineProperty(holder, key, { get: fail });
  }
  const rows: readonly (readonly [string, unknown])[] = [
    ...([
      ["an object", {}],
      ["an object", Object.create(null)],
      ["an array", []],
    ] as const),
    ...([
      ["a Map", new Map()],
      ["a Promise", Promise.resolve()],
      ["an Int8Array", new Int8Array(1)],
    ] as const),
    ...([
      ["a Tensor", new Tensor()],
      ["a Date", new Date()],
      ["an ArrayBuffer", new ArrayBuffer(1)],
    ] as const),
    ["a proxy", trapped],
    ["a proxy", new Proxy([], {})],
    ["an object", Object.create(trapped)],
    ["an object", new Getters()],
    ["an object", { constructor: { name: "Fake" } }],
    ["an object", { constructor: new Proxy(class Hidden {}, { getOwnPropertyDescriptor: fail as Wrong }) }],
    ["an object", new (class {})()],
    ["an object", { constructor: Object.defineProperty(() => 0, "name", { value: "a name. Of two sentences" }) }],
    ["an object", { constructor: Object.defineProperty(() => 0, "name", { value: "x".repeat(61) }) }],
    ["an object", Object.create(Float32Array.prototype)],
  ];
  test.each(rows)("%s", (shown, value) => {
    expect(show(value)).toBe(shown);
  });
});

test("section 5: the nearest word is one in which at most a third of the letters are wrong", () => {
  const words = ["momentum", "lr", "eps", "weightDecay", "centered"];
  const meant = (word: string) => nearest(word, words);
  expect(["momentum", "Momentum", "momemtum", "momentm", "mometnum", "moomentum"].map(meant)).toEqual(
    new Array(6).fill("momentum"),
  );
  expect(["weight_decay", "wieghtDecay", "center"].map(meant)).toEqual(["weightDecay", "weightDecay", "centered"]);
  expect(["", "l", "ema", "m", "mom", "toString", "a".repeat(1e6)].map(meant)).toEqual(new Array(7).fill(undefined));
});
