// Groups: options of their own, read and set between steps.
import { describe, expect, test } from "vitest";
import { type FloatArray, type Parameter, RMSprop, type RMSpropOptions } from "../lib/index.ts";
import {
  arraysOf,
  bitsOf,
  expectRefusal,
  type OwnParameter,
  parameter,
  plain,
  refuses,
  thrownBy,
  train,
} from "./support/arrays.ts";

type View = RMSprop["paramGroups"][number];
const viewOf = (optimizer: RMSprop, i = 0) => optimizer.paramGroups[i] as View;

/** A parameter's bits and its state's. */
const resultOf = (optimizer: RMSprop, { name, data }: Parameter) => [bitsOf(data), plain(optimizer.state(name))];

describe("groups override options", () => {
  const overrides: readonly RMSpropOptions[] = [
    {},
    { lr: 0.5 },
    { alpha: 0.5, eps: 0.1 },
    { momentum: 0.9, nesterov: true },
    { centered: true, epsInSqrt: true },
    { weightDecay: 0.1, maximize: true },
    { weightDecay: 0.1, decoupledWeightDecay: true, lr: (step) => 1 / step },
    { initialSquareAvg: 1, momentum: 0.5, lrInMomentum: true },
  ];
  const common: RMSpropOptions = { lr: 0.02, alpha: 0.9, weightDecay: 0.01 };
  const make = () => overrides.map((_, i) => parameter(`p${i}`, 40 + i, i % 2 === 0 ? "float32" : "float64"));

  test("each group steps as an optimizer of its own would", () => {
    const together = make();
    const apart = make();
    const optimizer = new RMSprop(
      overrides.map((options, i) => ({ params: [together[i] as Parameter], ...options })),
      common,
    );
    train(optimizer, together, 5);
    overrides.forEach((options, i) => {
      const p = apart[i] as Parameter;
      const own = new RMSprop([p], { ...common, ...options });
      // The same gradients as in the common run.
      for (let step = 1; step <= 5; step++) {
        const grads = make();
        train(new RMSprop(grads), grads, 1, step);
        p.grad?.set((grads[i] as OwnParameter).grad);
        own.step();
      }
      expect(resultOf(optimizer, together[i] as Parameter), `group ${i}`).toEqual(resultOf(own, p));
    });
  });

  test("and take the constructor's for the others", () => {
    const optimizer = new RMSprop(
      overrides.map((options, i) => ({ params: [parameter(`p${i}`)], ...options })),
      common,
    );
    optimizer.paramGroups.forEach((group, i) => {
      expect(group).toMatchObject({ ...common, ...overrides[i] });
    });
  });

  test("parameters of one group may be of both number types", () => {
    const mixed = () => [
      parameter("a", 33),
      parameter("b", 34, "float64"),
      parameter("c", 35),
      parameter("d", 1, "float64"),
    ];
    const [together, apart] = [mixed(), mixed()];
    const options = { momentum: 0.9, centered: true };
    const optimizer = new RMSprop(together, options);
    train(optimizer, together, 4);
    const own = new RMSprop(
      apart.map((p) => ({ params: [p] })),
      options,
    );
    train(own, apart, 4);
    together.forEach((p, i) => {
      expect(resultOf(optimizer, p)).toEqual(resultOf(own, apart[i] as Parameter));
    });
  });

  test("an empty group is one", () => {
    const optimizer = new RMSprop([{ params: [] }, { params: [parameter("x")], lr: 0.5 }]);
    optimizer.step();
    expect(optimizer.paramGroups.map(({ params }) => params)).toEqual([[], ["x"]]);
  });

  test("groups and parameters do not mix in one list", () => {
    const [x, y] = [parameter("x"), parameter("y")];
    const list = [{ params: [x] }, y] as never;
    expectRefusal(
      thrownBy(() => new RMSprop(list)),
      "ERR_DTYPE",
      /a list of parameters or a list of groups, .* but element 0 is a group and element 1 is none/,
    );
  });
});

describe("paramGroups shows the options", () => {
  const optimizer = new RMSprop([{ params: [parameter("x"), parameter("y")], lr: 0.5 }, { params: [parameter("z")] }]);

  test("to be read, spread, listed and printed", () => {
    const group = viewOf(optimizer);
    expect(group.lr).toBe(0.5);
    expect(group.params).toEqual(["x", "y"]);
    expect({ ...group }).toEqual(JSON.parse(JSON.stringify(group)));
    expect(Object.keys(group)).toContain("alpha");
    expect("alpha" in group).toBe(true);
    expect("beta" in group).toBe(false);
    expect(optimizer.paramGroups.length).toBe(2);
  });

  test("and is the same object each time, so that one may keep it", () => {
    expect(viewOf(optimizer)).toBe(viewOf(optimizer));
    viewOf(optimizer, 1).eps = 0.25;
    expect(viewOf(optimizer, 1).eps).toBe(0.25);
    expect(viewOf(optimizer).eps).toBe(1e-8);
  });

  test("its list is not the optimizer's own", () => {
    expect(() => (optimizer.paramGroups as View[]).pop()).toThrow(TypeError);
    expect(optimizer.paramGroups.length).toBe(2);
    expect(() => (viewOf(optimizer).params as string[]).push("w")).toThrow(TypeError);
  });

  test.each<[string, (group: View) => unknown, RegExp]>([
    [
      "params are not set",
      (group) => Object.assign(group, { params: [] }),
      /not given other parameters; see addParamGroup/,
    ],
    ["a property is not deleted", (group) => delete (group as Partial<View>).lr, /to be set only, not deleted/],
    [
      "an unknown one is not either",
      (group) => delete (group as { beta?: number }).beta,
      /to be set only, not deleted/,
    ],
    [
      "a property is not defined anew",
      (group) => Object.defineProperty(group, "lr", { value: 0.5 }),
      /to be set only, not defined anew/,
    ],
    [
      "a getter is not put in",
      (group) => Object.defineProperty(group, "lr", { get: () => 0.5 }),
      /to be set only, not defined anew/,
    ],
    ["it gets no prototype", (group) => Object.setPrototypeOf(group, {}), /to be set only, not given a prototype/],
    ["it is not frozen", (group) => Object.freeze(group), /to be set only, not frozen/],
    ["an unknown property is not set", (group) => Object.assign(group, { beta: 1 }), /RMSprop has no option 'beta'/],
    [
      "nor one with a symbol for its name",
      (group) => Object.assign(group, { [Symbol("lr")]: 1 }),
      /has no option a symbol/,
    ],
    ["nor a number", (group) => Object.assign(group, { 0: 1 }), /has no option '0'/],
  ])("%s", (_, change, message) => {
    const p = parameter("x");
    const own = new RMSprop([p], { momentum: 0.5 });
    train(own, [p], 2);
    refuses(() => change(viewOf(own)), "ERR_OPTION", message, [own, ...arraysOf([p])]);
    expect(viewOf(own)).not.toHaveProperty("beta");
    own.step();
  });
});

describe("what is set takes effect at the next step, and not before", () => {
  const changes: readonly RMSpropOptions[] = [
    { lr: 0.5 },
    { lr: (step) => 0.1 * step },
    { alpha: 0.5 },
    { eps: 0.5 },
    { eps: 0.5, epsInSqrt: true },
    { momentum: 0.9 },
    { momentum: 0.9, nesterov: true },
    { momentum: 0.9, lrInMomentum: true },
    { centered: true },
    { weightDecay: 0.1 },
    { weightDecay: 0.1, decoupledWeightDecay: true },
    { maximize: true },
    { centered: true, momentum: 0.9, weightDecay: 0.1 },
  ];

  test.each(changes)("%o", (change) => {
    const [p, q] = [parameter("p", 40), parameter("p", 40)];
    const optimizer = new RMSprop([p]);
    train(optimizer, [p], 3);
    const before = bitsOf(p.data);
    Object.assign(viewOf(optimizer), change);
    expect(bitsOf(p.data)).toEqual(before);

    // The same by way of a state: an optimizer that has the new options from the start, and goes on from there.
    const unchanged = new RMSprop([q]);
    train(unchanged, [q], 3);
    const squareAvg = unchanged.state("p").squareAvg as FloatArray;
    const fresh = new RMSprop([q], change);
    const { step: _, ...slots } = fresh.state("p");
    const [{ lr: __, ...group } = {} as never] = fresh.stateDict().paramGroups;
    fresh.loadStateDict({
      rule: "rmsprop",
      paramGroups: [group as never],
      state: { p: { ...slots, step: 3, squareAvg } },
    });

    train(optimizer, [p], 3, 4);
    train(fresh, [q], 3, 4);
    expect(resultOf(optimizer, p)).toEqual(resultOf(fresh, q));
    expect(bitsOf(p.data)).not.toEqual(before);
  });

  test("momentum and centered that come in the middle of a run bring their slots, at zero", () => {
    const p = parameter("p", 40, "float64");
    const optimizer = new RMSprop([p], { initialSquareAvg: 1 });
    train(optimizer, [p], 2);
    const squareAvg = optimizer.state("p").squareAvg as FloatArray;
    Object.assign(viewOf(optimizer), { momentum: 0.5, centered: true });
    p.grad.fill(0);
    const data = bitsOf(p.data);
    optimizer.step();
    const state = optimizer.state("p");
    expect(Object.keys(state)).toEqual(["step", "squareAvg", "gradAvg", "momentumBuffer"]);
    expect(state.squareAvg).toBe(squareAvg); // the views that a user holds stay live
    expect(state.gradAvg).toEqual(new Float64Array(40));
    expect(state.momentumBuffer).toEqual(new Float64Array(40));
    expect(bitsOf(p.data)).toEqual(data);
  });

  test("momentum that goes and comes again goes on with its buffer", () => {
    const p = parameter("p");
    const optimizer = new RMSprop([p], { momentum: 0.5 });
    train(optimizer, [p], 2);
    const buffer = optimizer.state("p").momentumBuffer as FloatArray;
    const kept = bitsOf(buffer);
    viewOf(optimizer).momentum = 0;
    train(optimizer, [p], 2, 3);
    expect(optimizer.state("p").momentumBuffer).toBe(buffer);
    expect(bitsOf(buffer)).toEqual(kept);
    viewOf(optimizer).momentum = 0.5;
    train(optimizer, [p], 1, 5);
    expect(bitsOf(buffer)).not.toEqual(kept);
  });

  test("slots that come for one group leave the others' alone", () => {
    const [x, y] = [parameter("x"), parameter("y", 7, "float64")];
    const optimizer = new RMSprop([{ params: [x] }, { params: [y], momentum: 0.5 }]);
    train(optimizer, [x, y], 2);
    viewOf(optimizer).centered = true;
    train(optimizer, [x, y], 1, 3);
    expect(Object.keys(optimizer.state("x"))).toEqual(["step", "squareAvg", "gradAvg"]);
    expect(Object.keys(optimizer.state("y"))).toEqual(["step", "squareAvg", "momentumBuffer"]);
  });

  test("a value that is refused leaves the last good one in force", () => {
    const [p, q] = [parameter("p"), parameter("p")];
    const [optimizer, other] = [new RMSprop([p], { lr: 0.5 }), new RMSprop([q], { lr: 0.5 })];
    expectRefusal(
      thrownBy(() => Object.assign(viewOf(optimizer), { lr: Number.NaN })),
      "ERR_OPTION",
      /'lr'.*NaN/,
    );
    train(optimizer, [p], 2);
    train(other, [q], 2);
    expect(resultOf(optimizer, p)).toEqual(resultOf(other, q));
  });

  test("a changed number is noticed though the rate is the same, and the other way round", () => {
    const [p, q] = [parameter("p"), parameter("p")];
    let rate = 0.5;
    const optimizer = new RMSprop([p], { lr: () => rate });
    const other = new RMSprop([q], { lr: 0.5 });
    for (const [step, alpha] of [0.9, 0.9, 0.5, 0.5].entries()) {
      rate = step % 2 === 0 ? 0.5 : 0.25;
      viewOf(optimizer).alpha = alpha;
      Object.assign(viewOf(other), { alpha, lr: rate });
      train(optimizer, [p], 1, step + 1);
      train(other, [q], 1, step + 1);
      expect(resultOf(optimizer, p)).toEqual(resultOf(other, q));
    }
  });
});

describe("addParamGroup", () => {
  test("adds parameters in the middle of a run; their steps count from 1", () => {
    const [x, y] = [parameter("x", 40), parameter("y", 40, "float64")];
    const [ownX, ownY] = [parameter("x", 40), parameter("y", 40, "float64")];
    const options: RMSpropOptions = { momentum: 0.5, lr: (step) => 0.1 / step };
    const optimizer = new RMSprop([x], options);
    const [first, second] = [new RMSprop([ownX], options), new RMSprop([ownY], { ...options, alpha: 0.5 })];
    for (let step = 1; step <= 6; step++) {
      if (step === 4) optimizer.addParamGroup({ params: [y], alpha: 0.5 });
      train(first, [ownX], 1, step);
      if (step >= 4) train(second, [ownY], 1, step);
      x.grad.set(ownX.grad);
      y.grad.set(ownY.grad);
      optimizer.step();
    }
    expect([optimizer.state("x").step, optimizer.state("y").step]).toEqual([6, 3]);
    expect(optimizer.lastStep).toEqual({ step: 6, applied: true, skipped: false });
    expect(resultOf(optimizer, x)).toEqual(resultOf(first, ownX));
    expect(resultOf(optimizer, y)).toEqual(resultOf(second, ownY));
  });

  test("takes what it does not name from the constructor, not from another group", () => {
    const optimizer = new RMSprop([{ params: [parameter("x")], alpha: 0.5 }], { lr: 0.5, eps: 1 });
    viewOf(optimizer).lr = 0.25;
    optimizer.addParamGroup({ params: [parameter("y")], eps: 2 });
    expect(viewOf(optimizer, 1)).toMatchObject({ lr: 0.5, alpha: 0.99, eps: 2, params: ["y"] });
  });

  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["5", 5],
    ["a function", () => undefined],
  ])("refuses %s", (found, group) => {
    const p = parameter("x");
    const optimizer = new RMSprop([p], { momentum: 0.5 });
    const message = new RegExp(`Expected a group, \\{ params, ...options \\}, but it is ${found}`);
    refuses(() => optimizer.addParamGroup(group as never), "ERR_DTYPE", message, [optimizer, ...arraysOf([p])]);
  });

  test("adds all of a group or nothing of it", () => {
    const [x, y] = [parameter("x"), parameter("y")];
    const optimizer = new RMSprop([x], { momentum: 0.5 });
    train(optimizer, [x], 2);
    const bad = { ...parameter("bad"), grad: new Float32Array(3) };
    const witnesses = [optimizer, ...arraysOf([x, y, bad])];
    refuses(() => optimizer.addParamGroup({ params: [y, bad] }), "ERR_LENGTH", /'bad'/, witnesses);
    optimizer.addParamGroup({ params: [y] });
    optimizer.step();
    expect([optimizer.state("x").step, optimizer.state("y").step]).toEqual([3, 1]);
  });

  test("views of state that a user holds stay live", () => {
    const [x, y] = [parameter("x"), parameter("y")];
    const optimizer = new RMSprop([x]);
    const squareAvg = optimizer.state("x").squareAvg as FloatArray;
    optimizer.addParamGroup({ params: [y] });
    optimizer.step();
    expect(optimizer.state("x").squareAvg).toBe(squareAvg);
    expect(squareAvg[0]).toBeGreaterThan(0);
  });
});
