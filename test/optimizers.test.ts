// The flags and coefficients that options make, of all optimizers.
import { describe, expect, test } from "vitest";
import type { AnyDefinition } from "../lib/definition.ts";
import { RMSprop, Rprop, SGD, type SGDOptions } from "../lib/index.ts";
import { definitions } from "../lib/optimizers/all.ts";
import { rmspropDefinition } from "../lib/optimizers/rmsprop.ts";
import { defaultsOf } from "../lib/options/option.ts";
import { rules } from "../lib/rules/all.ts";
import { variantOf, variantsOf } from "../lib/rules/rule.ts";
import { parameter, refuses } from "./support/arrays.ts";
import { classOf } from "./support/classes.ts";
import { rowOf } from "./support/optimizers/all.ts";

type AnyOptions = Record<string, unknown>;

/** Values of an option of all optimizers that make different flags. */
const common: Readonly<Record<string, readonly unknown[]>> = {
  weightDecay: [0, 0.1],
  decoupledWeightDecay: [false, true],
  maximize: [false, true],
};

/** Every set of options that may make other flags, over the defaults. */
function* products(definition: AnyDefinition): Generator<Required<AnyOptions>> {
  const choices = { ...common, ...rowOf(definition.name).flags };
  const axes = Object.keys(definition.options)
    .filter((name) => name === "preset" || name in choices)
    .map((name) => [name, choices[name] ?? [null, ...Object.keys(definition.presets)]] as const);
  const count = axes.reduce((product, [, values]) => product * values.length, 1);
  for (let index = 0; index < count; index++) {
    const options: AnyOptions = { ...defaultsOf<AnyOptions>(definition.options) };
    let rest = index;
    for (const [name, values] of axes) {
      options[name] = values[rest % values.length];
      rest = Math.floor(rest / values.length);
    }
    yield options;
  }
}

/** The variants of its rule that an optimizer's options ask for, where they do not conflict. */
function askedVariants(definition: AnyDefinition): number[] {
  const sets = [...products(definition)].filter((options) => definition.conflict(options) === undefined);
  return sets.map((options) => variantOf(definition.rule, definition.flags(options)));
}

test.each(rules)(
  "options ask for variants of $name that exist, and each is asked for by an optimizer over it",
  (rule) => {
    const asked = definitions.filter((definition) => definition.rule === rule).flatMap(askedVariants);
    expect([...new Set(asked)].sort((a, b) => a - b)).toEqual(variantsOf(rule));
  },
);

test("every optimizer is over one of the rules, and none of those is there twice", () => {
  for (const { name, rule } of definitions) expect(rules, name).toContain(rule);
  expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length);
});

describe.each(definitions)("$name", (definition) => {
  const { name, rule } = definition;

  test("the coefficients are those of the rule, finite, and the slots' first values numbers", () => {
    for (const options of products(definition)) {
      if (definition.conflict(options) !== undefined) continue;
      const coefficients = definition.coefficients(options, 0.01, 3, "float32");
      expect(Object.keys(coefficients)).toEqual(rule.coefficients);
      expect(Object.values(coefficients).every(Number.isFinite)).toBe(true);
      for (const slot of rule.slots) expect(definition.initial(slot, options)).toBeTypeOf("number");
    }
  });

  test("coefficients that do not depend on the step are the same at all steps", () => {
    for (const options of products(definition)) {
      if (definition.conflict(options) !== undefined || definition.dependsOnStep?.(options)) continue;
      const first = definition.coefficients(options, 0.01, 1, "float64");
      expect(definition.coefficients(options, 0.01, 17, "float64")).toEqual(first);
    }
  });

  test("a preset's bundle gives way to options beside it, in constructor and group", () => {
    const Class = classOf(name);
    for (const preset of Object.keys(definition.presets)) {
      const bundle = new Class([parameter("x")], { preset }).paramGroups[0] as AnyOptions;
      expect(bundle.preset).toBe(preset);
      const beside = new Class([parameter("x")], { lr: 0.125, preset }).paramGroups[0];
      expect(beside).toEqual({ ...bundle, lr: 0.125 });
      // A group with a preset of its own starts from that one, not from the constructor's options.
      const groups = [{ params: [parameter("x")], preset, weightDecay: 0.5 }, { params: [parameter("y")] }];
      const optimizer = new Class(groups, { lr: 0.125, maximize: true });
      expect(optimizer.paramGroups[0]).toEqual({ ...bundle, weightDecay: 0.5 });
      expect(optimizer.paramGroups[1]).toMatchObject({ preset: null, lr: 0.125, maximize: true });
    }
    const [preset = null] = Object.keys(definition.presets);
    const nulled = new Class([{ params: [parameter("x")], preset: null }], { preset, lr: 0.125 });
    expect(nulled.paramGroups[0]).toEqual({ ...defaultsOf(definition.options), params: ["x"] });
  });

  test("a state goes with its preset into another optimizer, which then leaves the same bits", () => {
    const Class = classOf(name);
    for (const preset of [null, ...Object.keys(definition.presets)]) {
      const options = { preset, weightDecay: 0.1 };
      const [a, b] = [parameter("x"), parameter("x")];
      const first = new Class([a], options);
      for (let i = 0; i < 3; i++) first.step();
      b.data.set(a.data);
      const second = new Class([b], {});
      second.loadStateDict(first.stateDict());
      first.step();
      second.step();
      expect(second.paramGroups[0]).toEqual(first.paramGroups[0]);
      expect(Array.from(b.data), String(preset)).toEqual(Array.from(a.data));
    }
  });
});

describe("what a preset's system has not, is refused", () => {
  test.each([
    ["nesterov", { preset: "keras", momentum: 0.9, nesterov: true }],
    ["nesterov", { preset: "torch", momentum: 0.9, nesterov: true }],
    ["biasCorrection", { preset: "timm", biasCorrection: true }],
    ["gains", { preset: "optax", gains: {} }],
  ] as const)("%s, with %o", (option, options) => {
    const p = parameter("x");
    const message = new RegExp(`^Expected no '${option}' with the preset "${options.preset}", whose system has none`);
    refuses(() => new RMSprop([p], options), "ERR_OPTION", message, [p.data]);
  });

  test("dampening of Keras", () => {
    refuses(
      () => new SGD([parameter("x")], { preset: "keras", momentum: 0.9, dampening: 0.5 }),
      "ERR_OPTION",
      /'dampening' to be 0 with the preset "keras"/,
      [],
    );
  });
});

test("1 - alpha is rounded where the preset's system rounds it", () => {
  const bits = (preset: "torch" | "tf1" | "mxnet") => {
    const options = { ...defaultsOf<object>(rmspropDefinition.options), preset, alpha: 0.99 };
    const { oneMinusAlpha } = rmspropDefinition.coefficients(options as never, 0.01, 1, "float32");
    return new Uint32Array(Float32Array.of(oneMinusAlpha as number).buffer)[0];
  };
  expect(bits("torch")).toBe(0x3c23d70a);
  expect(bits("tf1")).toBe(0x3c23d700);
  expect(bits("mxnet")).toBe(0x3c23d700);
  // In one group with both number types, each has its own.
  const params = [
    { name: "single", data: new Float32Array(1), grad: Float32Array.of(1) },
    { name: "double", data: new Float64Array(1), grad: Float64Array.of(1) },
  ];
  const optimizer = new RMSprop(params, { preset: "mxnet", alpha: 0.99 });
  optimizer.step();
  const squareAvg = (name: string) => (optimizer.state(name)["squareAvg"] as Float64Array)[0];
  expect(squareAvg("single")).toBe(1 - Math.fround(0.99));
  expect(squareAvg("double")).toBe(1 - 0.99);
});

describe("SGD's momentum buffer", () => {
  const step = (options: SGDOptions, ...gradients: number[]) => {
    const p = { name: "x", data: new Float64Array(1), grad: new Float64Array(1) };
    const optimizer = new SGD([p], options);
    for (const g of gradients) {
      p.grad[0] = g;
      optimizer.step();
    }
    return (optimizer.state("x")["momentumBuffer"] as Float64Array)[0];
  };

  test("begins as a copy of the first gradient, with the sign of a zero", () => {
    expect(step({ momentum: 0.9 }, -0)).toBe(-0);
    expect(step({ momentum: 0.9 }, 0)).toBe(0);
    expect(step({ momentum: 0.9, preset: "torch", nesterov: true }, -0)).toBe(-0);
    expect(step({ momentum: 0.9, preset: "tfjs" }, -0)).toBe(0);
  });

  test("takes the first gradient undampened, and the next ones dampened", () => {
    const options = { momentum: 0.5, dampening: 0.75 };
    expect(step(options, 8)).toBe(8);
    expect(step(options, 8, 4)).toBe(5);
    expect(step({ ...options, preset: "torch" }, 8, 4, 4)).toBe(3.5);
    expect(step({ ...options, preset: "optax" }, 8)).toBe(2);
  });

  test("turned on in the middle of a run begins as a copy of that step's gradient, and off and on again it goes on", () => {
    const p = { name: "x", data: new Float64Array(3), grad: Float64Array.of(8, 8, 8) };
    const optimizer = new SGD([p], { lr: 0.5 });
    const [group] = optimizer.paramGroups as [(typeof optimizer.paramGroups)[number]];
    const step = (...gradients: number[]) => {
      p.grad.set(gradients);
      optimizer.step();
      return Array.from((optimizer.state("x")["momentumBuffer"] as Float64Array | undefined) ?? []);
    };
    expect(step(8, 8, 8)).toEqual([]);
    group.momentum = 0.5;
    expect(step(2, 0, -0)).toEqual([2, 0, -0]);
    expect(step(4, 4, 4)).toEqual([5, 4, 4]);
    expect(Array.from(p.data)).toEqual([-4 - 1 - 2.5, -4 - 2, -4 - 2]);
    group.momentum = 0;
    expect(step(1, 1, 1)).toEqual([5, 4, 4]);
    group.momentum = 0.5;
    expect(step(1, 1, 1)).toEqual([3.5, 3, 3]);
  });

  test("turned on later, dampens the first gradient too", () => {
    const p = { name: "x", data: new Float64Array(1), grad: Float64Array.of(8) };
    const optimizer = new SGD([p], { dampening: 0.75 });
    optimizer.step();
    Object.assign(optimizer.paramGroups[0] as object, { momentum: 0.5 });
    optimizer.step();
    expect(optimizer.state("x")["momentumBuffer"]).toEqual(Float64Array.of(2));
  });

  test("nesterov takes no dampening", () => {
    expect(() => step({ momentum: 0.5, nesterov: true, dampening: 0.5 }, 1)).toThrow(
      "Expected 'dampening' to be 0 with 'nesterov', but it is 0.5.",
    );
  });
});

describe("Rprop", () => {
  test("compares signs, so that tiny gradients agree; the preset torch loses that", () => {
    const stepSizes = ([1e-30, -1e-30, 1] as const).map((second) =>
      ([null, "torch"] as const).map((preset) => {
        const p = { name: "x", data: new Float32Array(1), grad: Float32Array.of(1e-30) };
        const optimizer = new Rprop([p], { lr: 1, preset });
        optimizer.step();
        p.grad[0] = second;
        optimizer.step();
        return (optimizer.state("x")["stepSize"] as Float32Array)[0];
      }),
    );
    const grown = Math.fround(1.2);
    expect(stepSizes).toEqual([
      [grown, 1],
      [0.5, 1],
      [grown, grown],
    ]);
  });

  test("etas and stepSizes are kept as frozen copies", () => {
    const etas: [number, number] = [0.25, 2];
    const [group] = new Rprop([parameter("x")], { etas }).paramGroups;
    etas[0] = 7;
    expect(group?.etas).toEqual([0.25, 2]);
    expect(Object.isFrozen(group?.etas)).toBe(true);
  });
});
