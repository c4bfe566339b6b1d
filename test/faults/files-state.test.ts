// What goes with a state, and states of which a part fits. The number in a title is that under which the fault was reported.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  decodeCheckpoint,
  decodeSafetensors,
  encodeCheckpoint,
  encodeSafetensors,
  fromTorch,
  loadCheckpoint,
  saveCheckpoint,
  toTorch,
} from "../../lib/checkpoint/index.ts";
import { type Parameter, RMSprop, SGD, type StateDict, schedules } from "../../lib/index.ts";
import { bitsOf, parameter, plain, refuses, train } from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";
import { temporaryFolder } from "../support/folder.ts";

it("F7: a slot that is there twice, by PyTorch's name and by ours, is refused", () => {
  const parameters = [parameter("w")];
  const optimizer = new RMSprop(parameters);
  train(optimizer, parameters, 1);
  const { tensors, metadata } = decodeSafetensors(encodeCheckpoint({ parameters, optimizer }));
  const data = new Float32Array(5).fill(99);
  const bytes = encodeSafetensors([...tensors, ["optimizer.w.squareAvg", { data }]], metadata);
  for (const partial of [false, true]) {
    const load = () => decodeCheckpoint(bytes, { parameters, optimizer, partial });
    refuses(load, "ERR_CHECKPOINT", /one tensor of the squareAvg of 'w', but there are two/, [optimizer]);
  }
});

describe.each(numberTypes)("frozen parameters, %s", (type) => {
  const make = (seed: number) => {
    const parameters = ["a", "b", "none"].map((name, i) => parameter(name, i < 2 ? 3 : 0, type, seed + i));
    const [a, b, none] = parameters as [Parameter, Parameter, Parameter];
    return { parameters, optimizer: new RMSprop([{ params: [a, none] }, { params: [b], lr: 0.5 }], { momentum: 0.9 }) };
  };

  it("F10: frozen parameters go with a checkpoint: a training that is gone on with is one that was never stopped", () => {
    const path = join(temporaryFolder(), "checkpoint");
    const [whole, rest] = [make(1), make(50)];
    train(whole.optimizer, whole.parameters, 2);
    whole.optimizer.freeze("a", "none");
    saveCheckpoint(path, whole);
    loadCheckpoint(path, rest);
    for (const { optimizer, parameters } of [whole, rest]) train(optimizer, parameters, 2, 3);
    expect(rest.parameters.map(({ data }) => bitsOf(data))).toEqual(whole.parameters.map(({ data }) => bitsOf(data)));
    expect([rest.optimizer.state("a").step, rest.optimizer.state("b").step]).toEqual([2, 4]);
    expect(rest.optimizer.stateDict().frozen).toEqual(["a", "none"]);
  });

  it("F10: what the state does not call frozen is not, so that a load takes a freeze back", () => {
    const path = join(temporaryFolder(), "checkpoint");
    const { parameters, optimizer } = make(1);
    saveCheckpoint(path, { parameters, optimizer });
    expect(readFileSync(path, "latin1")).not.toContain("frozen");
    expect(optimizer.stateDict()).not.toHaveProperty("frozen");
    optimizer.freeze("b");
    loadCheckpoint(path, { parameters, optimizer });
    train(optimizer, parameters, 1);
    expect(optimizer.state("b").step).toBe(1);
  });

  it("F10: converters of other systems' states keep what is frozen", () => {
    const { parameters, optimizer } = make(1);
    optimizer.freeze("b");
    train(optimizer, parameters, 1);
    const state = optimizer.stateDict();
    expect(fromTorch(toTorch(state), state).frozen).toEqual(["b"]);
  });

  it("F10: a state whose 'frozen' names no parameters is refused, and nothing changes", () => {
    const { parameters, optimizer } = make(1);
    train(optimizer, parameters, 1);
    for (const [frozen, message] of [
      ["a", /'frozen' to be an array.*"a"/],
      [["c"], /'frozen'.*to name parameters.*"c"/],
      [[1], /'frozen'.*to name parameters.*1/],
    ] as const) {
      const state = { ...optimizer.stateDict(), frozen } as unknown as StateDict;
      refuses(() => optimizer.loadStateDict(state), "ERR_STATE", message, [optimizer]);
    }
  });
});

it("F13: the last count of steps that there is loads, from a file too, and one beyond it is refused with that limit", () => {
  const path = join(temporaryFolder(), "checkpoint");
  const last = 2 ** 53 - 1;
  const parameters = [parameter("w", 3)];
  const optimizer = new RMSprop(parameters);
  const at = (step: number) => {
    const state = optimizer.stateDict();
    return { ...state, state: { w: { ...state.state.w, step } } } as StateDict;
  };
  optimizer.loadStateDict(at(last));
  saveCheckpoint(path, { parameters, optimizer });
  optimizer.loadStateDict(at(3));
  loadCheckpoint(path, { parameters, optimizer });
  expect(optimizer.state("w").step).toBe(last);
  refuses(() => optimizer.loadStateDict(at(last + 1)), "ERR_STATE", /from 0 to 2\^53 - 1/, [optimizer]);
});

describe.each(numberTypes)("a part of a state, %s", (type) => {
  const options = { momentum: 0.9, initialSquareAvg: 0.25 };

  it("section 8: loads where a parameter was added, which keeps its state", () => {
    const old = [parameter("a", 3, type), parameter("b", 4, type)];
    const trained = new RMSprop(old, options);
    train(trained, old, 3);
    trained.freeze("a");
    const state = trained.stateDict();

    const parameters = [parameter("a", 3, type, 7), parameter("new", 2, type), parameter("b", 4, type, 8)];
    const optimizer = new RMSprop(parameters, { lr: 0.3 });
    refuses(() => optimizer.loadStateDict(state), "ERR_STATE", /'new'/, [optimizer]);
    expect(optimizer.loadStateDict(state, { partial: true })).toEqual({ missing: ["state.new"], unexpected: [] });
    const now = optimizer.stateDict();
    expect(plain([now.state.a, now.state.b])).toEqual(plain([state.state.a, state.state.b]));
    expect(now.frozen).toEqual(["a"]);
    // The group's options have come, and a slot that they need begins by them.
    expect(optimizer.paramGroups[0]).toMatchObject({ momentum: 0.9, lr: 0.01, initialSquareAvg: 0.25 });
    expect(optimizer.state("new").step).toBe(0);
    expect(Array.from(optimizer.state("new").squareAvg as Float32Array)).toEqual([0.25, 0.25]);
    train(optimizer, parameters, 1);
    expect(parameters.map(({ name }) => optimizer.state(name).step)).toEqual([3, 1, 4]);
  });

  it("section 8: says what the state lacks and what it has beyond, and leaves that as it is", () => {
    const [a, b, c] = [parameter("a", 3, type), parameter("b", 4, type), parameter("c", 2, type)];
    const trained = new RMSprop([{ params: [a, b] }, { params: [c], lr: 0.5 }], options);
    train(trained, [a, b, c], 2);
    const state = trained.stateDict();

    const [a2, longer, d] = [parameter("a", 3, type, 9), parameter("b", 5, type, 9), parameter("d", 2, type)];
    const optimizer = new RMSprop([{ params: [longer] }, { params: [a2] }, { params: [d], lr: 0.125 }], {
      lossScale: { initial: 8 },
    });
    train(optimizer, [a2, longer, d], 1);
    const before = optimizer.stateDict();
    expect(optimizer.loadStateDict(state, { partial: true })).toEqual({
      missing: ["state.b", "paramGroups[2]", "state.d", "lossScale"],
      unexpected: ["paramGroups[1]", "state.b", "state.c"],
    });
    const now = optimizer.stateDict();
    expect(plain(now.state.a)).toEqual(plain(state.state.a));
    expect(plain(now.state.d)).toEqual(plain(before.state.d));
    expect(now.state.b?.step).toBe(1);
    expect(plain(now.state.b?.squareAvg)).toEqual(plain(before.state.b?.squareAvg));
    expect(now.lossScale).toEqual(before.lossScale);
    // Both groups whose parameters were in one group of the state have its options.
    expect(optimizer.paramGroups.map(({ momentum, lr }) => [momentum, lr])).toEqual([
      [0.9, 0.01],
      [0.9, 0.01],
      [0, 0.125],
    ]);
  });

  it("section 8: takes nothing of another rule's state, of options that do not fit, or of two groups at once", () => {
    const [a, b] = [parameter("a", 3, type), parameter("b", 4, type)];
    const optimizer = new RMSprop([a, b], { lr: 0.1 });
    const of = (other: { stateDict(): StateDict }, edit = (_: StateDict) => {}) => {
      const state = other.stateDict();
      edit(state);
      return state;
    };
    const kept = plain(optimizer.stateDict());
    const sgd = of(new SGD([parameter("a", 3, type), parameter("b", 4, type)]));
    expect(optimizer.loadStateDict(sgd, { partial: true })).toEqual({
      missing: ["paramGroups[0]", "state.a", "state.b"],
      unexpected: ["paramGroups[0]", "state.a", "state.b"],
    });
    expect(plain(optimizer.stateDict())).toEqual(kept);

    const split = of(new RMSprop([{ params: [parameter("a", 3, type)] }, { params: [parameter("b", 4, type)] }]));
    expect(optimizer.loadStateDict(split, { partial: true })).toEqual({
      missing: ["paramGroups[0]"],
      unexpected: ["paramGroups[0]", "paramGroups[1]"],
    });
    expect(optimizer.paramGroups[0]?.lr).toBe(0.1);

    const bad = of(optimizer, (state) => Object.assign(state.paramGroups[0] as object, { alpha: 2 }));
    expect(optimizer.loadStateDict(bad, { partial: true })).toEqual({
      missing: ["paramGroups[0]"],
      unexpected: ["paramGroups[0]"],
    });
    expect(optimizer.paramGroups[0]?.alpha).toBe(0.99);
    const scheduled = new RMSprop([parameter("a", 3, type)], { lr: schedules.reduceOnPlateau(0.1) });
    expect(optimizer.loadStateDict(scheduled.stateDict(), { partial: true }).missing).toContain("paramGroups[0]");
  });

  it("section 8: refuses what is no state whole, and options that are none", () => {
    const parameters = [parameter("a", 3, type)];
    const optimizer = new RMSprop(parameters);
    train(optimizer, parameters, 1);
    const state = optimizer.stateDict();
    for (const bad of [
      null,
      1,
      { ...state, state: null },
      { ...state, paramGroups: [null] },
      { ...state, frozen: 1 },
    ]) {
      const load = () => optimizer.loadStateDict(bad as never, { partial: true });
      refuses(load, "ERR_STATE", /Expected/, [optimizer]);
    }
    for (const bad of [null, 1, { partial: 1 }, { strict: false }]) {
      refuses(() => optimizer.loadStateDict(state, bad as never), "ERR_OPTION", /partial/, [optimizer]);
    }
  });
});
