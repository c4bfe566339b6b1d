// Code of a schedule's own that runs while a state is saved or loaded. Each test has the number under which the fault was
// reported.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  type LoadOptions,
  loadCheckpoint,
  loadCheckpointAsync,
  type SaveOptions,
  type StatefulOptimizer,
  saveCheckpoint,
  saveCheckpointAsync,
} from "../../lib/checkpoint/index.ts";
import { allocate, type Parameter, RMSprop, type ScheduleState } from "../../lib/index.ts";
import { bytesOf, expectRefusal, parameter, snapshot, train } from "../support/arrays.ts";
import { numberTypes } from "../support/cases.ts";
import { temporaryFolder } from "../support/folder.ts";

/** A schedule whose own code does something, once it is asked to. */
function schedule(rate: number) {
  const own = {
    current: rate,
    onSave: undefined as (() => void) | undefined,
    onLoad: undefined as (() => void) | undefined,
    rate: () => own.current,
    stateDict() {
      own.onSave?.();
      return { current: own.current };
    },
    loadStateDict({ current }: ScheduleState) {
      own.current = current as number;
      own.onLoad?.();
      own.onLoad = undefined; // what takes the load back is not to do it again
    },
  };
  return own;
}

/** A model of two parameters, of which the optimizer has the second alone. */
function make(type: (typeof numberTypes)[number], rate: number) {
  const [other, own] = [parameter("other", 3, type, 7), parameter("own", 3, type, 8)] as [Parameter, Parameter];
  const lr = schedule(rate);
  const optimizer = new RMSprop([own], { lr, momentum: 0.9 });
  train(optimizer, [own], 2);
  return { other, own, lr, optimizer };
}

const detach = ({ data }: Parameter) => structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] });
const given = ({ other, own, optimizer }: ReturnType<typeof make>) => ({ parameters: [other, own], optimizer });

const path = () => join(temporaryFolder(), "checkpoint");
const fileOf = (bytes: Uint8Array) => {
  const file = path();
  writeFileSync(file, bytes);
  return file;
};
const loads: Readonly<Record<string, (bytes: Uint8Array, options: LoadOptions) => unknown>> = {
  loadCheckpoint: (bytes, options) => loadCheckpoint(fileOf(bytes), options),
  loadCheckpointAsync: (bytes, options) => loadCheckpointAsync(fileOf(bytes), options),
  decodeCheckpoint: (bytes, options) => decodeCheckpoint(bytes, options),
};
const saves: Readonly<Record<string, (options: SaveOptions) => unknown>> = {
  saveCheckpoint: (options) => saveCheckpoint(path(), options),
  saveCheckpointAsync: (options) => saveCheckpointAsync(path(), options),
  encodeCheckpoint: (options) => encodeCheckpoint(options),
};
const rejection = async (action: () => unknown): Promise<unknown> => {
  try {
    await action();
  } catch (error) {
    return error;
  }
  return expect.unreachable("Expected an error, but there was none.");
};

describe.each(numberTypes)("a schedule's own code that takes a parameter's memory, %s", (type) => {
  for (const [name, load] of Object.entries(loads)) {
    for (const partial of [false, true]) {
      it(`S4: ${name}${partial ? " with partial" : ""} is refused whole where the optimizer has not that parameter`, async () => {
        const source = given(make(type, 0.5));
        const target = make(type, 0.25);
        const { own, optimizer, lr } = target;
        train(optimizer, [own], 1);
        lr.onLoad = () => detach(target.other);
        const before = snapshot(optimizer, own.data);
        const error = await rejection(() => load(encodeCheckpoint(source), { ...given(target), partial }));
        expectRefusal(error, "ERR_DETACHED", /^Expected the data of 'other' to have its memory/);
        expect(snapshot(optimizer, own.data)).toEqual(before);
        expect(lr.current).toBe(0.25);
      });
    }
  }

  it("S4: an object around an optimizer refuses whole where it passes the options on, else the sentence says what it has", async () => {
    const bytes = encodeCheckpoint(given(make(type, 0.5)));
    for (const passes of [true, false]) {
      const { own, other, lr, optimizer } = make(type, 0.25);
      lr.onLoad = () => detach(other);
      const wrapped: StatefulOptimizer = {
        stateDict: () => optimizer.stateDict(),
        loadStateDict: (state, options) => optimizer.loadStateDict(state, passes ? options : {}),
      };
      const before = snapshot(optimizer, own.data);
      const values = bytesOf(own.data);
      const load = () => decodeCheckpoint(bytes, { parameters: [own, other], optimizer: wrapped });
      const message = passes
        ? /transferred or shrunk\.$/
        : / while the optimizer was given its state, which it has now\.$/;
      expectRefusal(await rejection(load), "ERR_DETACHED", message);
      expect(bytesOf(own.data)).toEqual(values);
      if (passes) expect(snapshot(optimizer, own.data)).toEqual(before);
    }
  });

  for (const [name, save] of Object.entries(saves)) {
    it(`S4: ${name} is refused by a sentence`, async () => {
      const source = make(type, 0.5);
      const before = [bytesOf(source.own.data), source.optimizer.state("own").step];
      source.lr.onSave = () => source.other.data.byteLength > 0 && detach(source.other);
      const error = await rejection(() => save(given(source)));
      expectRefusal(error, "ERR_DETACHED", /^Expected the data of 'other' to have its memory/);
      expect([bytesOf(source.own.data), source.optimizer.state("own").step]).toEqual(before);
    });
  }

  it("S4: a step that it begins off the event loop in such a parameter refuses the load", async () => {
    const model = allocate({ other: [3] }, { dtype: type });
    const moving = new RMSprop(model.parameters);
    const target = make(type, 0.25);
    let step: Promise<void> | undefined;
    target.lr.onLoad = () => {
      step = moving.stepAsync();
    };
    const source = make(type, 0.5);
    const bytes = encodeCheckpoint(given(source));
    const before = snapshot(target.optimizer);
    const parameters = [...model.parameters, target.own];
    const error = await rejection(() => decodeCheckpoint(bytes, { parameters, optimizer: target.optimizer }));
    expectRefusal(error, "ERR_STEP_IN_FLIGHT", /^Expected no step to be at work/);
    await step;
    expect(snapshot(target.optimizer)).toEqual(before);
  });
});
