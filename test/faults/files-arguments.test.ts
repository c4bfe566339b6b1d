// What is no argument, and what makes messages long. The number in a title is that under which the fault was reported.
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as checkpoint from "../../lib/checkpoint/index.ts";
import { OptimError, RMSprop, schedules } from "../../lib/index.ts";
import { parameter, thrownBy, train } from "../support/arrays.ts";
import { temporaryFolder } from "../support/folder.ts";

const make = () => {
  const parameters = [parameter("w", 3), parameter("b", 2, "float64")];
  const optimizer = new RMSprop(parameters, { momentum: 0.9, lrInMomentum: true });
  train(optimizer, parameters, 2);
  return { parameters, optimizer };
};
const folder = () => join(temporaryFolder(), "file");
const filled = () => {
  const path = folder();
  checkpoint.saveCheckpoint(path, make());
  return path;
};

/** Arguments with which each function of the entry point does what it is for. */
const good: Readonly<Record<string, () => unknown[]>> = {
  saveCheckpoint: () => [folder(), { ...make(), metadata: { k: "v" }, dtype: "bf16" }],
  saveCheckpointAsync: () => [folder(), make()],
  loadCheckpoint: () => [filled(), { ...make(), partial: false }],
  loadCheckpointAsync: () => [filled(), { ...make(), partial: true }],
  encodeCheckpoint: () => [{ ...make(), metadata: { k: "v" } }],
  decodeCheckpoint: () => [checkpoint.encodeCheckpoint(make()), make()],
  readSafetensors: () => [filled(), { f16: "Uint16Array", bf16: "Uint16Array" }],
  readSafetensorsAsync: () => [filled(), { f16: "Float32Array" }],
  writeSafetensors: () => [folder(), [["w", { data: new Float32Array(6), shape: [2, 3], dtype: "F16" }]], { k: "v" }],
  writeSafetensorsAsync: () => [folder(), [["w", { data: new Int8Array(2) }]]],
  encodeSafetensors: () => [[["w", { data: new Uint8Array(3), dtype: "BOOL" }]], { k: "v" }],
  decodeSafetensors: () => [checkpoint.encodeSafetensors([]), {}],
  toTorch: () => [{ ...make().optimizer.stateDict(), paramGroups: [{ params: ["w", "b"], lr: 0.1 }] }],
  fromTorch: () => {
    const like = new RMSprop([parameter("w", 3)], { momentum: 0.9 }).stateDict();
    return [checkpoint.toTorch(like), like, { step: 3 }];
  },
  toKeras: () => [make().optimizer.stateDict(), ["b", "w"]],
  fromKeras: () => [checkpoint.toKeras(make().optimizer.stateDict()), make().optimizer.stateDict(), ["w", "b"]],
  toTfjs: () => [make().optimizer.stateDict(), ["b", "w"]],
  fromTfjs: () => [checkpoint.toTfjs(make().optimizer.stateDict()), make().optimizer.stateDict(), ["w", "b"]],
};

const cyclic: unknown[] = [];
cyclic.push(cyclic);
const wrong: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  true: true,
  "-1": -1,
  "1.5": 1.5,
  NaN: Number.NaN,
  "a text": "text",
  "no text": "",
  "a text with a zero": "a\0b",
  "a bigint": 10n,
  "a symbol": Symbol("s"),
  "a function": () => {},
  "an object": {},
  "an object without a prototype": Object.create(null),
  "an object with a name of Object's": { constructor: 1, toString: null },
  "a list": [],
  "a list of one text": ["bf16"],
  "a list of null": [null],
  "a list in itself": cyclic,
  "a list with holes": new Array(3),
  "a Map": new Map([["w", null]]),
  "a date": new Date(0),
  "a URL": new URL("https://example.com/file"),
  "a file URL that is no path": new URL("file:///a%2Fb"),
  "no memory": new Float32Array(0),
  "whole numbers": new Int32Array(3),
  "a view": new DataView(new ArrayBuffer(3)),
  "a buffer": new ArrayBuffer(8),
};

/** All places in a value: each is a path of keys. Arrays of numbers are one place. */
function placesIn(value: unknown, depth = 0): PropertyKey[][] {
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (!isPlain || depth > 6) return [[]];
  return [
    [],
    ...Object.keys(value as object).flatMap((key) =>
      placesIn((value as never)[key], depth + 1).map((rest) => [key, ...rest]),
    ),
  ];
}

/** A copy with another value at a place. */
function replaced(value: unknown, [key, ...rest]: readonly PropertyKey[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<PropertyKey, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

describe("F12: every function of rmsprop/checkpoint, with arguments of every kind in every place", () => {
  const functions = Object.entries(checkpoint).filter(([, value]) => typeof value === "function");
  it("F12: has good arguments here", async () => {
    expect(functions.map(([name]) => name).sort()).toEqual(Object.keys(good).sort());
    for (const [name, call] of functions)
      await (call as (...args: unknown[]) => unknown)(...(good[name] as () => unknown[])());
  });

  it.each(functions)("F12: %s works or refuses with an OptimError", async (name, call) => {
    const made = (good[name] as () => unknown[])();
    let refusals = 0;
    for (const place of placesIn(made).slice(1)) {
      for (const [kind, value] of Object.entries(wrong)) {
        // Nothing may be made in the working folder.
        if (place[0] === "0" && value === "text" && typeof made[0] === "string") continue;
        const args = replaced(made, place, value) as unknown[];
        try {
          await (call as (...args: unknown[]) => unknown)(...args);
        } catch (error) {
          refusals++;
          if (!(error instanceof OptimError)) {
            expect.fail(`${name} with ${kind} at ${place.map(String).join(".")}: ${(error as Error).stack}`);
          }
          expect(error.message, `${kind} at ${place.map(String).join(".")}`).toMatch(/^[A-Z].*[.?]$/s);
          expect(error.message.length).toBeLessThan(1100);
        }
      }
    }
    expect(refusals).toBeGreaterThan(10);
  });

  it("F12: metadata in a Map, as tensors may be given in, is refused and not left out", () => {
    const metadata = new Map([["epoch", "7"]]) as never;
    for (const call of [
      () => checkpoint.encodeSafetensors([], metadata),
      () => checkpoint.encodeCheckpoint({ parameters: [], metadata }),
    ]) {
      expect(thrownBy(call)).toMatchObject({ code: "ERR_OPTION", message: expect.stringContaining("a Map") });
    }
  });

  it("F12: what the report had", () => {
    const path = folder();
    const data = new Float32Array(1);
    const like = new RMSprop([parameter("w", 3)]).stateDict();
    for (const call of [
      () => checkpoint.writeSafetensors(path, { w: { data } } as never),
      () => checkpoint.writeSafetensors(path, [["w", null]] as never),
      () => checkpoint.writeSafetensors(path, [["w", data]] as never),
      () => checkpoint.fromTorch({ state: {}, param_groups: [] }, undefined as never),
      () => checkpoint.fromTorch({ state: {}, param_groups: [null] } as never, like),
    ]) {
      expect(thrownBy(call)).toBeInstanceOf(OptimError);
    }
  });
});

describe("F11: messages are short whatever they show", () => {
  const long = "x".repeat(1_000_000);
  const shape = Array.from({ length: 1_000_000 }, () => 1);
  const cases: Readonly<Record<string, () => unknown>> = {
    "a shape of a parameter": () => new RMSprop([{ ...parameter("w"), shape }]),
    "a shape to write": () => checkpoint.encodeSafetensors([["w", { data: new Float32Array(5), shape }]]),
    "a shape in a file": () => {
      const bytes = checkpoint.encodeSafetensors([["w", { data: new Float32Array(1), shape }]]);
      checkpoint.decodeCheckpoint(bytes, { parameters: [{ ...parameter("w", 1), shape: [1] }] });
    },
    "offsets in a file": () => {
      const header = JSON.stringify({ w: { dtype: "U8", shape: [1], data_offsets: shape } });
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      checkpoint.decodeSafetensors(Buffer.concat([length, Buffer.from(header)]));
    },
    "a name": () => new RMSprop([{ ...parameter(long), grad: new Float32Array(1) }]),
    "a name in a file": () =>
      checkpoint.decodeCheckpoint(checkpoint.encodeSafetensors([[long, { data: new Float32Array(1) }]]), {
        parameters: [],
      }),
    "an option's name": () => checkpoint.encodeCheckpoint({ parameters: [], [long]: 1 } as never),
    "a dtype": () => checkpoint.encodeSafetensors([["w", { data: new Float32Array(1), dtype: long }]]),
    "a bigint": () => new RMSprop([parameter("w")], { lr: (1n << 1_000_000n) as never }),
    "a slot's name": () => {
      const { optimizer } = make();
      const state = optimizer.stateDict();
      optimizer.loadStateDict({ ...state, state: { ...state.state, [long]: { step: 1 } } });
    },
    "rates of many groups": () => {
      const groups = Array.from({ length: 5000 }, (_, i) => ({ params: [parameter(`w${i}`, 1)], lr: i / 7 }));
      checkpoint.toKeras(new RMSprop(groups).stateDict());
    },
    "milestones of schedules": () => schedules.sequence([() => 1], { milestones: shape }),
  };
  it.each(Object.entries(cases))("F11: %s", (_, act) => {
    const error = thrownBy(act) as Error;
    expect(error).toBeInstanceOf(OptimError);
    expect(error.message.length).toBeLessThan(1100);
    expect(error.message).toMatch(/^[A-Z].*[.?]$/s);
  });

  it("F11: a path of many folders is shortened in the middle", () => {
    const path = join(temporaryFolder(), ...Array.from({ length: 14 }, () => "d".repeat(200)));
    mkdirSync(path, { recursive: true });
    const { message } = thrownBy(() => checkpoint.saveCheckpoint(path, make())) as Error;
    expect(message.length).toBeLessThan(1000);
    expect(message).toMatch(/ … .*but it is a folder\.$/);
    expect(readdirSync(path)).toEqual([]);
  });
});
