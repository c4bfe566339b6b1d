// Parameters that are frozen, removed and added, arrays that lose their memory, and all of it in any order.
import { describe, expect, test } from "vitest";
import { type FloatArray, type Parameter, RMSprop, type RMSpropOptions } from "../lib/index.ts";
import {
  arraysOf,
  bytesOf,
  detach,
  type OwnParameter,
  own,
  parameter,
  refuses,
  resizable,
  values,
} from "./support/arrays.ts";
import { uniformFrom } from "./support/cases.ts";
import {
  bitText,
  drawGradients,
  Expected,
  everything,
  expectResults,
  groupOf,
  parametersOf,
  resultOf,
} from "./support/steps.ts";

describe("a plain step over arrays that lost their memory", () => {
  const preparations: readonly [string, (optimizer: RMSprop, b: Parameter) => void][] = [
    ["nothing", () => undefined],
    ["a new option", (optimizer) => Object.assign(groupOf(optimizer), { momentum: 0.5, centered: true })],
    ["freeze", (optimizer) => optimizer.freeze("b")],
    ["remove", (optimizer) => optimizer.remove("b")],
    ["loadStateDict", (optimizer) => optimizer.loadStateDict(optimizer.stateDict())],
    ["addParamGroup", (optimizer) => optimizer.addParamGroup({ params: [parameter("c")] })],
    ["a partial step", (optimizer, b) => optimizer.step(own(b))],
  ];
  test.each(preparations)("is ERR_DETACHED and changes nothing, after %s", (_, prepare) => {
    for (const kind of ["data", "gradient"]) {
      for (const way of ["detached", "shrunk at an offset"]) {
        const [buffer, other] = [resizable(64, 128), resizable(64, 128)];
        const a = { name: "a", data: new Float32Array(buffer, 32, 5), grad: new Float32Array(other, 32, 5) };
        const b = parameter("b");
        const optimizer = new RMSprop([a, b]);
        optimizer.step();
        prepare(optimizer, b);
        const gone = kind === "data" ? buffer : other;
        if (way === "detached") detach(gone);
        else gone.resize(40);
        const witnesses = [optimizer, ...arraysOf([b])];
        const refused = (action: () => unknown) =>
          refuses(action, "ERR_DETACHED", new RegExp(`the ${kind} of 'a'`), witnesses, `${kind} ${way}`);
        refused(() => optimizer.step());
        refused(() => optimizer.step(own(a)));
        refused(() => optimizer.zeroGrad());
        refused(() => optimizer.stateDict());
        refused(() => optimizer.addParamGroup({ params: [parameter("d")] }));
      }
    }
  });
});

test.each(["data", "gradient"])("a buffer that no longer holds the last %s in it is noticed", (kind) => {
  const [buffer, other] = [resizable(64, 128), resizable(64, 128)];
  const at = (name: string, offset: number) => ({
    ...{ name, data: new Float32Array(buffer, offset, 5), grad: new Float32Array(other, offset, 5) },
  });
  const [a, b] = [at("a", 0), at("b", 32)];
  for (const parameters of [
    [a, b],
    [b, a],
  ]) {
    const optimizer = new RMSprop(parameters);
    optimizer.step();
    const gone = kind === "data" ? buffer : other;
    gone.resize(40); // a is whole
    refuses(() => optimizer.step(), "ERR_DETACHED", new RegExp(`memory of the ${kind} of`), [
      optimizer,
      ...arraysOf([a]),
    ]);
    gone.resize(64);
    optimizer.step();
    expect(optimizer.lastStep?.step).toBe(2);
  }
});

describe("freeze, unfreeze, remove and addParamGroup", () => {
  test("a frozen parameter keeps its state and its step until it comes back", () => {
    const [a, b] = [parameter("a"), parameter("b", 7, "float64")];
    const expected = [a, b].map(({ data }) => new Expected(data, everything)) as [Expected, Expected];
    const optimizer = new RMSprop([a, b], everything);
    const step = (seed: number, ...of: number[]) => {
      drawGradients([a, b], seed);
      optimizer.step();
      for (const i of of) expected[i]?.take(([a, b][i] as OwnParameter).grad);
      expectResults(optimizer, [a, b], expected);
    };
    step(1, 0, 1);
    optimizer.freeze("a");
    step(2, 1);
    optimizer.freeze("a", "b");
    step(3);
    optimizer.unfreeze("b", "b");
    step(4, 1);
    optimizer.unfreeze("a");
    step(5, 0, 1);
    optimizer.freeze();
    step(6, 0, 1);
    expect(optimizer.lastStep).toEqual({ step: 5, applied: true, skipped: false });
  });

  test.each(["freeze", "unfreeze", "remove"] as const)(
    "%s refuses an unknown name, and takes none of the others",
    (way) => {
      const [a, b] = [parameter("a"), parameter("b")];
      const optimizer = new RMSprop([a, b]);
      if (way === "unfreeze") optimizer.freeze("a");
      for (const name of ["c", "__proto__", "toString", "constructor", "", undefined, 5, null]) {
        refuses(() => optimizer[way]("a", name as string), "ERR_NAME", /but none is named /, [optimizer]);
      }
      optimizer.step();
      expect([optimizer.state("a").step, optimizer.state("b").step]).toEqual([way === "unfreeze" ? 0 : 1, 1]);
    },
  );

  test("a removed parameter is left alone, the others go on, and its name may come again with fresh state", () => {
    const [a, b, c] = parametersOf(["float32", "float64"], [5, 6, 7]) as [OwnParameter, OwnParameter, OwnParameter];
    const expected = [a, b, c].map(({ data }) => new Expected(data, everything)) as [Expected, Expected, Expected];
    const optimizer = new RMSprop([a, b, c], everything);
    optimizer.step();
    expected.forEach((e, i) => {
      e.take(([a, b, c][i] as OwnParameter).grad);
    });
    optimizer.remove("b", "b");
    const left = bytesOf(b.data);
    optimizer.step();
    expected[0].take(a.grad);
    expected[2].take(c.grad);
    expectResults(optimizer, [a, c], [expected[0], expected[2]]);
    expect(bytesOf(b.data)).toEqual(left);
    expect(groupOf(optimizer).params).toEqual(["a", "c"]);
    expect({ ...groupOf(optimizer) }.params).toEqual(["a", "c"]);
    refuses(() => optimizer.state("b"), "ERR_NAME", /none is named "b"/);

    optimizer.addParamGroup({ params: [b] });
    const fresh = new Expected(b.data, everything);
    optimizer.step();
    expected[0].take(a.grad);
    expected[2].take(c.grad);
    fresh.take(b.grad);
    expectResults(optimizer, [a, b, c], [expected[0], fresh, expected[2]]);
  });

  test("a group may lose its last parameter, and its state's memory goes with it", () => {
    const [a, b, c] = parametersOf(["float32", "float64"], [5, 6, 7]) as [OwnParameter, OwnParameter, OwnParameter];
    const optimizer = new RMSprop([{ params: [a, b] }, { params: [c] }], everything);
    optimizer.step();
    const states = [a, b, c].map(({ name }) => optimizer.state(name).squareAvg as FloatArray);
    const lengthsNow = () => states.map(({ length }) => length);
    optimizer.remove("a");
    expect(lengthsNow()).toEqual([0, 6, 7]);
    optimizer.remove("b");
    expect(lengthsNow()).toEqual([0, 0, 7]);
    expect(optimizer.paramGroups.map(({ params }) => params)).toEqual([[], ["c"]]);
    groupOf(optimizer).momentum = 0.75;
    optimizer.step();
    expect(optimizer.state("c").step).toBe(2);
    optimizer.loadStateDict(optimizer.stateDict());
    optimizer.remove("c");
    optimizer.step();
    expect(lengthsNow()).toEqual([0, 0, 0]);
    expect(optimizer.stateDict().state).toEqual({});
    optimizer.addParamGroup({ params: [a], ...everything });
    const expected = new Expected(a.data, everything);
    optimizer.step();
    expected.take(a.grad);
    expectResults(optimizer, [a], [expected]);
    expect(optimizer.lastStep).toEqual({ step: 1, applied: true, skipped: false });
  });

  test("parameters of one number type share memory until the last of them is gone", () => {
    const [a, b] = [parameter("a"), parameter("b")];
    const optimizer = new RMSprop([a, b]);
    optimizer.step();
    const state = optimizer.state("a").squareAvg as FloatArray;
    optimizer.remove("a");
    expect(state.length).toBe(5);
    optimizer.step();
    optimizer.remove("b");
    expect(state.length).toBe(0);
    optimizer.dispose();
  });

  test("two may have the place of one that was removed", () => {
    const whole = values("float32", 10, 1);
    const grad = values("float32", 10, 2);
    const part = (name: string, from: number, to: number) => ({
      name,
      data: whole.subarray(from, to),
      grad: grad.subarray(from, to),
    });
    const optimizer = new RMSprop([part("whole", 0, 10)], everything);
    optimizer.step();
    const halves = [part("left", 0, 5), part("right", 5, 10)];
    refuses(() => optimizer.addParamGroup({ params: halves }), "ERR_ALIASED", /'whole'/, [optimizer, whole]);
    optimizer.remove("whole");
    const expected = halves.map(({ data }) => new Expected(data, everything));
    optimizer.addParamGroup({ params: halves });
    optimizer.step();
    expected.forEach((e, i) => {
      e.take((halves[i] as { grad: FloatArray }).grad);
    });
    expectResults(optimizer, halves, expected);
  });
});

describe("plain and partial steps, frozen, removed and added parameters, options set, in a drawn order", () => {
  test.each([1, 2, 3, 4, 5, 6])("leave of each parameter what it alone would get: seed %i", (seed) => {
    const uniform = uniformFrom(seed);
    const pick = (count: number) => Math.floor(uniform() * count);
    const sizes = [3, 40, 0, 1025, 1, 17];
    const pool = parametersOf(["float32", "float64", "float32"], sizes);
    const present = new Map<string, { p: OwnParameter; e: Expected; frozen: boolean; group: number }>();
    const groupOptions: RMSpropOptions[] = [];
    const optimizer = new RMSprop([], {});
    const add = (params: OwnParameter[], options: RMSpropOptions) => {
      optimizer.addParamGroup({ params, ...options });
      groupOptions.push(options);
      for (const p of params) {
        present.set(p.name, { p, e: new Expected(p.data, options), frozen: false, group: groupOptions.length });
      }
    };
    add(pool.slice(0, 2), { lr: (step) => 0.1 / step });
    add(pool.slice(2, 5), everything);
    const changes: readonly RMSpropOptions[] = [
      ...[{ lr: 0.02 }, { lr: (step: number) => 0.05 * step }, { momentum: 0.9 }, { centered: true }],
      ...[{ centered: false }, { weightDecay: 0.1 }, { decoupledWeightDecay: true }, { maximize: true }],
    ];
    let steps = 0;
    for (let action = 0; action < 150; action++) {
      drawGradients(pool, 1000 * seed + action);
      const names = [...present.keys()];
      const name = names[pick(names.length)] as string;
      const kind = pick(12);
      if (kind < 3) {
        optimizer.step();
        steps++;
        for (const { p, e, frozen } of present.values()) if (!frozen) e.take(p.grad);
      } else if (kind < 8) {
        const chosen = names.filter(() => uniform() < 0.5);
        const arrays: Record<string, { data?: FloatArray; grad?: FloatArray | null; out?: FloatArray }> = {};
        const checks: (() => void)[] = [];
        for (const key of chosen) {
          const { p, e, frozen } = present.get(key) as { p: OwnParameter; e: Expected; frozen: boolean };
          const type = p.data instanceof Float64Array ? "float64" : "float32";
          const given = (share: number) => (uniform() < share ? values(type, p.data.length, pick(1e6)) : undefined);
          const [data, grad, out] = [given(0.3), uniform() < 0.1 ? null : given(0.5), given(0.3)];
          // What is the parameter's own may be named too, and has to be where nothing else is.
          const named = data ?? (grad === undefined && !out ? p.data : undefined);
          arrays[key] = { ...(named && { data: named }), ...(grad !== undefined && { grad }), ...(out && { out }) };
          if (frozen || grad === null) continue;
          const [dataCopy, outCopy] = [data?.slice(), out?.slice()];
          const gradient = (grad ?? p.grad).slice();
          checks.push(() => {
            e.take(gradient, dataCopy, outCopy);
            if (data) expect(bitText(data)).toEqual(bitText(dataCopy as FloatArray));
            if (out) expect(bitText(out)).toEqual(bitText(outCopy as FloatArray));
          });
        }
        optimizer.step(arrays);
        steps++;
        for (const check of checks) check();
      } else if (kind === 8 && name) {
        const entry = present.get(name) as { frozen: boolean };
        entry.frozen = !entry.frozen;
        if (entry.frozen) optimizer.freeze(name);
        else optimizer.unfreeze(name);
      } else if (kind === 9 && name) {
        optimizer.remove(name);
        present.delete(name);
      } else if (kind === 10) {
        const absent = pool.filter((p) => !present.has(p.name));
        if (absent.length > 0) add(absent.slice(0, 1 + pick(absent.length)), everything);
      } else {
        const group = pick(groupOptions.length);
        const change = changes[pick(changes.length)] as RMSpropOptions;
        Object.assign(groupOf(optimizer, group + 1), change); // the constructor's own group is empty
        for (const { e, group: own } of present.values()) if (own === group + 1) Object.assign(e.options, change);
      }
      for (const { p, e } of present.values()) {
        const { step } = optimizer.state(p.name);
        expect([step, bitText(p.data)], `'${p.name}' after action ${action}`).toEqual([e.step, bitText(e.data)]);
      }
    }
    expect(steps).toBeGreaterThan(20);
  });

  test("as optimizers of one parameter each would, one by one", () => {
    const parameters = parametersOf(["float32", "float64"]);
    const alone = parametersOf(["float32", "float64"]);
    const optimizer = new RMSprop(parameters, everything);
    const others = alone.map((p) => new RMSprop([p], everything));
    const uniform = uniformFrom(9);
    for (let step = 0; step < 30; step++) {
      drawGradients(parameters, step);
      drawGradients(alone, step);
      const chosen = parameters.filter(() => uniform() < 0.5);
      if (step % 3 === 0) optimizer.step();
      else optimizer.step(own(...chosen));
      parameters.forEach((p, i) => {
        if (step % 3 === 0 || chosen.includes(p)) others[i]?.step();
      });
    }
    parameters.forEach((p, i) => {
      expect(resultOf(optimizer, p)).toEqual(resultOf(others[i] as RMSprop, alone[i] as OwnParameter));
    });
  });
});
