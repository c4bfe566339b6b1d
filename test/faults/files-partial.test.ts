// Parts of a checkpoint. The number in a title is that under which the wish was reported.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  encodeSafetensors,
  loadCheckpoint,
  loadCheckpointAsync,
  saveCheckpoint,
} from "../../lib/checkpoint/index.ts";
import { type Parameter, RMSprop, SGD } from "../../lib/index.ts";
import { bitsOf, parameter, plain, refuses, snapshot, train } from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";
import { temporaryFolder } from "../support/folder.ts";

const make = (parameters: Parameter[], options: object = { momentum: 0.9 }) => {
  const optimizer = new RMSprop(parameters, options);
  train(optimizer, parameters, 2);
  return { parameters, optimizer };
};

describe.each(numberTypes)("a part of a checkpoint, %s", (type) => {
  it("section 8: loads where a parameter was added and one is gone, and goes on to the same bits", async () => {
    const path = join(temporaryFolder(), "checkpoint");
    const saved = make([parameter("a", 3, type), parameter("old", 2, type), parameter("b", 4, type)]);
    saved.optimizer.freeze("b");
    saveCheckpoint(path, { ...saved, metadata: { epoch: "7" } });
    for (const load of [loadCheckpoint, loadCheckpointAsync]) {
      const parameters = [parameter("a", 3, type, 9), parameter("new", 5, type, 9), parameter("b", 4, type, 9)];
      const target = make(parameters, { lr: 0.5 });
      const [newValues, newState] = [parameters[1]?.data.slice(), plain(target.optimizer.state("new"))];
      expect(await load(path, { ...target, partial: true })).toEqual({
        metadata: { epoch: "7" },
        missing: ["new", "optimizer.state.new"],
        unexpected: ["old", "optimizer.state.old"],
      });
      expect([parameters[1]?.data, plain({ ...target.optimizer.state("new") })].slice(0, 1)).toEqual([newValues]);
      expect(plain(target.optimizer.state("new").squareAvg)).toEqual(
        (newState as [string, unknown][]).find(([slot]) => slot === "squareAvg")?.[1],
      );
      expect(target.optimizer.stateDict().frozen).toEqual(["b"]);
      expect(target.optimizer.paramGroups[0]).toMatchObject({ lr: 0.01, momentum: 0.9 });
      // The parameter that both have goes on as in the run that was saved.
      const whole = make([parameter("a", 3, type)]);
      const [a, wholeA] = [parameters[0] as Parameter, whole.parameters[0] as Parameter];
      for (const { grad } of [a, wholeA]) (grad as Float32Array).fill(0.5);
      target.optimizer.step();
      whole.optimizer.step();
      expect(bitsOf(a.data)).toEqual(bitsOf(wholeA.data));
    }
  });

  it("section 8: what has another shape or a number type that would be rounded is left, and its state with it", () => {
    const shaped = (name: string, shape: number[], seed: number) => ({ ...parameter(name, 6, type, seed), shape });
    const saved = make([shaped("w", [2, 3], 1), parameter("wide", 2, "float64", 2)]);
    const bytes = encodeCheckpoint(saved);
    const target = make([shaped("w", [3, 2], 8), parameter("wide", 2, "float32", 9)]);
    const before = snapshot(...target.parameters.map(({ data }) => data));
    const states = ["w", "wide"].map((name) => plain(target.optimizer.state(name)));
    const names = ["w", "wide"];
    const loaded = decodeCheckpoint(bytes, { ...target, partial: true });
    expect(loaded.missing).toEqual([...names, ...names.map((name) => `optimizer.state.${name}`)]);
    // In the order of their data, doubles first.
    expect([...loaded.unexpected].sort()).toEqual([...loaded.missing].sort());
    expect(snapshot(...target.parameters.map(({ data }) => data))).toEqual(before);
    expect(["w", "wide"].map((name) => plain(target.optimizer.state(name)))).toEqual(states);
  });

  it("section 8: parameters alone: of another optimizer, of another writer, and without an optimizer", () => {
    const saved = [parameter("a", 3, type)];
    const bytes = encodeCheckpoint({ parameters: saved, optimizer: new SGD(saved, { momentum: 0.9 }) });
    const foreign = encodeSafetensors([
      ["a", { data: saved[0]?.data as Float32Array }],
      ["more", { data: new Uint8Array(3) }],
    ]);
    const target = make([parameter("a", 3, type, 9)]);
    const state = plain(target.optimizer.stateDict());
    const a = target.parameters[0] as Parameter;
    const optimizers = ["optimizer.paramGroups[0]", "optimizer.state.a"];
    for (const [file, options, missing, unexpected] of [
      [bytes, target, optimizers, optimizers],
      [bytes, { parameters: target.parameters }, [], []],
      [foreign, target, optimizers, ["more"]],
      [foreign, { parameters: target.parameters }, [], ["more"]],
    ] as const) {
      a.data.fill(0);
      expect(decodeCheckpoint(file, { ...options, partial: true })).toEqual({ metadata: {}, missing, unexpected });
      expect(bitsOf(a.data)).toEqual(bitsOf(saved[0]?.data as Float32Array));
      expect(plain(target.optimizer.stateDict())).toEqual(state);
    }
  });

  it("section 8: of a damaged file nothing is loaded", () => {
    const path = join(temporaryFolder(), "checkpoint");
    const saved = make([parameter("a", 3, type), parameter("b", 4, type)]);
    saveCheckpoint(path, saved);
    const bytes = readFileSync(path);
    const target = make([parameter("a", 3, type, 9), parameter("new", 4, type, 9)]);
    for (let at = 8; at < bytes.length; at += 13) {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] as number) ^ 0x10;
      writeFileSync(path, copy);
      const load = () => loadCheckpoint(path, { ...target, partial: true });
      refuses(load, "ERR_CHECKPOINT", /Expected/, [...target.parameters.map(({ data }) => data), target.optimizer]);
    }
  });
});
