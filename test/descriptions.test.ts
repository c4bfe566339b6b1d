// Code in descriptions of parameters and groups: each property is read once, and then checked.
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { type Parameter, RMSprop } from "../lib/index.ts";
import { bufferOf } from "../lib/numbers/typed-array.ts";
import {
  arraysOf,
  bitsOf,
  detach,
  expectRefusal,
  parameter,
  plain,
  refuses,
  resizable,
  thrownBy,
  type Witness,
} from "./support/arrays.ts";
import { everything } from "./support/steps.ts";

describe("descriptions are read once, and then checked", () => {
  /** A proxy that counts what is read. */
  function counted<T extends object>(target: T, reads: PropertyKey[]): T {
    return new Proxy(target, {
      get(object, name, receiver) {
        reads.push(name);
        return Reflect.get(object, name, receiver);
      },
    });
  }

  test("each property of a parameter", () => {
    const reads: PropertyKey[] = [];
    const optimizer = new RMSprop([counted({ ...parameter("x"), shape: [5] }, reads)], everything);
    optimizer.step();
    optimizer.zeroGrad();
    optimizer.loadStateDict(optimizer.stateDict());
    optimizer.addParamGroup({ params: [parameter("y")] });
    expect(reads.sort()).toEqual(["data", "grad", "name", "shape"]);
  });

  test("each property of a group", () => {
    const reads: PropertyKey[] = [];
    const optimizer = new RMSprop([counted({ params: [parameter("x")], lr: 0.5, alpha: 0.9 }, reads)]);
    expect(reads.sort()).toEqual(["alpha", "lr", "params"]);
    reads.length = 0;
    optimizer.addParamGroup(counted({ params: [parameter("y")], lr: 0.5, alpha: 0.9 }, reads));
    expect(reads.sort()).toEqual(["alpha", "lr", "params"]);
  });

  test.each<[string, (parameters: Parameter[]) => Iterable<Parameter>]>([
    ["a Set", (parameters) => new Set(parameters)],
    ["a Map's values", (parameters) => new Map(parameters.map((p) => [p.name, p])).values()],
    [
      "a generator",
      function* (parameters) {
        yield* parameters;
      },
    ],
    ["a frozen array", (parameters) => Object.freeze(parameters)],
    ["another realm's array", (parameters) => runInNewContext("Array.from(list)", { list: parameters })],
  ])("a list may be %s", (_, list) => {
    const make = () => [parameter("a"), parameter("b", 3)];
    expect(new RMSprop(list(make())).paramGroups[0]?.params).toEqual(["a", "b"]);
    expect(new RMSprop([{ params: list(make()) }]).paramGroups[0]?.params).toEqual(["a", "b"]);
  });

  test("no parameters, no groups: a step does nothing", () => {
    for (const none of [[], [{ params: [] }], new Set<Parameter>()]) {
      const optimizer = new RMSprop(none);
      optimizer.step();
      optimizer.zeroGrad();
      optimizer.loadStateDict(optimizer.stateDict());
      expect(optimizer.lastStep).toBeUndefined();
    }
  });

  test("a parameter may be of a class, with getters on its prototype", () => {
    class Layer {
      readonly #own = parameter("layer");
      get name() {
        return this.#own.name;
      }
      get data() {
        return this.#own.data;
      }
      get grad() {
        return this.#own.grad;
      }
    }
    const optimizer = new RMSprop([new Layer()]);
    optimizer.step();
    expect(optimizer.state("layer").step).toBe(1);
  });

  test("a getter that answers differently each time is taken at its first word", () => {
    const [p, q] = [parameter("p"), parameter("q")];
    let asked = 0;
    const fickle = {
      name: "fickle",
      get data() {
        return asked++ === 0 ? p.data : q.data;
      },
      grad: p.grad,
    };
    const untouched = q.data.slice();
    new RMSprop([fickle]).step();
    expect(asked).toBe(1);
    expect(bitsOf(q.data)).toEqual(bitsOf(untouched));
    expect(bitsOf(p.data)).not.toEqual(bitsOf(parameter("p").data));
  });

  const error = new Error("mine");
  const fail = (): never => {
    throw error;
  };
  const throwing = (name: string) => Object.defineProperty({ ...parameter("x") }, name, { get: fail });
  test.each<[string, () => Iterable<Parameter>]>([
    ["a name", () => [parameter("y"), throwing("name")]],
    ["data", () => [parameter("y"), throwing("data")]],
    ["a gradient", () => [parameter("y"), throwing("grad")]],
    ["a shape", () => [parameter("y"), throwing("shape")]],
    [
      "the iteration",
      function* () {
        yield parameter("y");
        fail();
      },
    ],
  ])("what a getter throws comes through, and nothing is made: %s", (_, list) => {
    expect(thrownBy(() => new RMSprop(list()))).toBe(error);
    const p = parameter("p");
    const optimizer = new RMSprop([p], everything);
    const witnesses: Witness[] = [...arraysOf([p]), optimizer];
    const before = plain(optimizer.stateDict());
    expect(thrownBy(() => optimizer.addParamGroup({ params: list() }))).toBe(error);
    expect(plain(optimizer.stateDict())).toEqual(before);
    expect(optimizer.paramGroups.length).toBe(1);
    refuses(() => optimizer.state("y"), "ERR_NAME", /"y"/, witnesses);
    optimizer.step();
  });

  test.each<[string, (victim: Parameter) => void]>([
    ["detaches", ({ data }) => detach(bufferOf(data))],
    ["shrinks", ({ data }) => (bufferOf(data) as unknown as { resize(bytes: number): void }).resize(4)],
  ])("a getter that %s an array read before it is noticed", (_, attack) => {
    const data = new Float32Array(resizable(20, 64), 0, 5);
    const victim = { name: "victim", data, grad: new Float32Array(5) };
    const attacker = {
      ...parameter("attacker"),
      get name() {
        attack(victim);
        return "attacker";
      },
    };
    const message = /the data of 'victim'/;
    expectRefusal(
      thrownBy(() => new RMSprop([victim, attacker])),
      "ERR_DETACHED",
      message,
    );
  });

  test("a getter that adds the same parameter before it is added is noticed", () => {
    const [x, y] = [parameter("x"), parameter("y")];
    const optimizer = new RMSprop([x]);
    const twice = {
      ...y,
      get name() {
        optimizer.addParamGroup({ params: [y] });
        return "y";
      },
    };
    expectRefusal(
      thrownBy(() => optimizer.addParamGroup({ params: [twice] })),
      "ERR_NAME",
      /two are named 'y'/,
    );
    expect(optimizer.paramGroups.map(({ params }) => params)).toEqual([["x"], ["y"]]);
    optimizer.step();
  });

  test("a list that disposes the optimizer it is added to is noticed", () => {
    const optimizer = new RMSprop([parameter("x")]);
    const list = {
      *[Symbol.iterator]() {
        optimizer.dispose();
        yield parameter("y");
      },
    };
    expectRefusal(
      thrownBy(() => optimizer.addParamGroup({ params: list })),
      "ERR_DETACHED",
      /it was disposed/,
    );
  });
});
