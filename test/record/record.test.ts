// Records: their lines, their files, what a killed process leaves, and what the reader makes of all that.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { RMSprop, SGD, schedules } from "../../lib/index.ts";
import { type Recordable, type Recorder, record } from "../../lib/record/index.ts";
import { absent, RecordReader } from "../../lib/record/read.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { checkBuilt } from "../support/programs.ts";

const parameter = () => ({ name: "w", data: Float32Array.of(1, 2), grad: Float32Array.of(3, 4) });

const linesOf = (file: string): Record<string, unknown>[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

const fileIn = (folder = temporaryFolder()) => join(folder, "run.jsonl");

function recorded(optimizer: Recordable, take: (recorder: Recorder) => void, options = {}) {
  const file = fileIn();
  const recorder = record(optimizer, file, options);
  take(recorder);
  recorder.close();
  return linesOf(file);
}

describe("lines", () => {
  test("the head says what runs, with the options that JSON can hold", () => {
    const optimizer = new RMSprop(
      [
        { params: [parameter()], lr: schedules.constant(0.1), ema: { decay: 0.5 } },
        { params: [{ ...parameter(), name: "b" }] },
      ],
      { lr: 0.5, clipGlobalNorm: 1 },
    );
    const [head] = recorded(optimizer, () => {}, { name: "first" });
    expect(head).toMatchObject({
      rmsprop: 1,
      name: "first",
      optimizer: "RMSprop",
      backend: { threads: expect.any(Number) },
    });
    expect(new Date(head?.["began"] as string).getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(head?.["groups"]).toMatchObject([
      { lr: "a function", ema: { decay: 0.5 }, parameters: 1 },
      { lr: 0.5, ema: null, parameters: 1 },
    ]);
  });

  test("a step has its number, the rate that it took, its findings, and the numbers that it is given", () => {
    let asked = 0;
    const lr = (step: number) => {
      asked++;
      return 1 / step;
    };
    const optimizer = new SGD([parameter()], { lr, diagnostics: ["gradNorm", "updateNorm"] });
    const [, ...steps] = recorded(optimizer, (recorder) => {
      for (const loss of [0.25, Number.NaN, Number.NEGATIVE_INFINITY]) {
        optimizer.step();
        recorder.step({ loss, 'a "name"': -0, nothing: undefined });
      }
    });
    const common = { time: expect.any(Number), 'a "name"': 0, gradNorm: 5 };
    expect(steps).toEqual([
      { step: 1, loss: 0.25, lr: 1, updateNorm: 5, ...common },
      { step: 2, loss: "NaN", lr: 0.5, updateNorm: 2.5, ...common },
      { step: 3, loss: "-Infinity", lr: 1 / 3, updateNorm: optimizer.lastStep?.updateNorm, ...common },
    ]);
    expect(asked).toBe(3);
  });

  test("a group has its own rate, and a rate that is set shows from the next step on", () => {
    const optimizer = new SGD([{ params: [parameter()], lr: 0.5 }, { params: [{ ...parameter(), name: "b" }] }], {
      lr: 0.25,
    });
    const [, ...steps] = recorded(optimizer, (recorder) => {
      for (let step = 0; step < 3; step++) {
        optimizer.step();
        recorder.step();
        if (step === 1 && optimizer.paramGroups[1]) optimizer.paramGroups[1].lr = 0;
      }
    });
    expect(steps.map(({ lr }) => lr)).toEqual([
      [0.5, 0.25],
      [0.5, 0.25],
      [0.5, 0],
    ]);
  });

  test("calls that were skipped or only accumulated say so, with the scale of the loss", () => {
    const w = parameter();
    const optimizer = new SGD([w], { lossScale: { initial: 8 }, gradientAccumulationSteps: 2 });
    const [, ...steps] = recorded(optimizer, (recorder) => {
      for (const value of [1, 2, Number.NaN]) {
        w.grad[0] = value;
        optimizer.step();
        recorder.step();
      }
    });
    expect(steps).toMatchObject([
      { step: 0, applied: false, accumulated: 1, nonFinite: 0, lossScale: 8 },
      { step: 1, accumulated: 0, lossScale: 8 },
      { step: 1, applied: false, skipped: true, nonFinite: 1, lossScale: 4 },
    ]);
    expect(Object.keys(steps[1] as object)).not.toContain("applied");
  });

  test("what has the properties of an optimizer is recorded too", () => {
    const lastStep = { step: 7, applied: true, skipped: false };
    const [head, step] = recorded({ lastStep }, (recorder) => recorder.step({ loss: 2 }));
    expect(head).toMatchObject({ optimizer: "Object", groups: [] });
    expect(step).toEqual({ step: 7, time: expect.any(Number), loss: 2 });
  });
});

describe("refusals", () => {
  const optimizer = new SGD([parameter()]);

  test.each<readonly [string, () => unknown, string]>([
    ["no optimizer", () => record(null as never, fileIn()), "Expected an optimizer to record, but found null."],
    ["no path", () => record(optimizer, 3 as never), "Expected the path or the file: URL of a record, but found 3."],
    [
      "a misspelled option",
      () => record(optimizer, fileIn(), { flushSecond: 1 } as never),
      "Record() has no option 'flushSecond'; did you mean 'flushSeconds'?",
    ],
    [
      "no time",
      () => record(optimizer, fileIn(), { flushSeconds: 0 }),
      "Expected 'flushSeconds' to be a number above 0, of 3,600 at most, but it is 0.",
    ],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(
      expect.objectContaining({
        code: "ERR_OPTION",
        message: expect.stringMatching(new RegExp(message.replace(/[()?.]/g, "\\$&"), "i")),
      }),
    );
  });

  test("a step before the first, of no number, by a name that is taken, and after the end", () => {
    const own = new SGD([parameter()]);
    const file = fileIn();
    const recorder = record(own, file);
    const code = (of: string) => expect.objectContaining({ code: of });
    expect(() => recorder.step()).toThrow(code("ERR_STATE"));
    own.step();
    expect(() => recorder.step({ loss: "1" as never })).toThrow(code("ERR_OPTION"));
    expect(() => recorder.step({ loss: 1, lr: 1 })).toThrow(code("ERR_OPTION"));
    recorder.step({ loss: 1 });
    recorder.close();
    recorder.close();
    expect(() => recorder.step()).toThrow(code("ERR_STATE"));
    expect(linesOf(file)).toHaveLength(2);
  });

  test("a folder that is not there: the system's error", () => {
    expect(() => record(optimizer, join(temporaryFolder(), "none", "run.jsonl"))).toThrow(/ENOENT/);
  });
});

describe("files", () => {
  test("lines wait for their time, and are written without another step", async () => {
    const optimizer = new SGD([parameter()]);
    const file = fileIn();
    const recorder = record(optimizer, file, { flushSeconds: 0.05 });
    optimizer.step();
    recorder.step();
    expect(linesOf(file)).toHaveLength(1);
    await expect.poll(() => linesOf(file).length, { timeout: 10_000 }).toBe(2);
    recorder.close();
  });

  test("a file: URL is taken, and a run is named after its file", () => {
    const file = fileIn();
    record(new SGD([parameter()]), pathToFileURL(file)).close();
    expect(linesOf(file)[0]).toMatchObject({ name: "run" });
  });

  test("a file is added to, after the end of a line that a killed process left in part", () => {
    const file = fileIn();
    writeFileSync(file, '{"step":1,"time":1}\n{"step":2,"ti');
    record(new SGD([parameter()]), file).close();
    expect(readFileSync(file, "utf8")).toMatch(/^\{"step":1,"time":1\}\n\{"step":2,"ti\n\{"rmsprop":1,.*\}\n$/);
  });
});

describe("processes", () => {
  beforeAll(checkBuilt);

  const program = (file: string, end: string) => `
    import { SGD } from ${JSON.stringify(join(root, "dist", "index.js"))};
    import { record } from ${JSON.stringify(join(root, "dist", "record", "index.js"))};
    const w = { name: "w", data: Float32Array.of(1), grad: Float32Array.of(1) };
    const optimizer = new SGD([w]);
    const recorder = record(optimizer, ${JSON.stringify(file)}, { flushSeconds: 0.1 });
    const step = () => { optimizer.step(); recorder.step({ loss: w.data[0] }); };
    for (let i = 0; i < 10; i++) step();
    ${end}`;

  test.each([
    ["ends by itself", ""],
    ["calls process.exit()", "process.exit(0);"],
    ["throws", "throw new Error('no');"],
  ])("one that %s leaves every line", (_, end) => {
    const file = fileIn();
    spawnSync(process.execPath, ["--input-type=module", "--eval", program(file, end)]);
    expect(linesOf(file).map(({ step }) => step)).toEqual([undefined, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("one that is killed leaves a record that is read, up to the last moments", async () => {
    const file = fileIn();
    const endless = "const turn = () => { for (let i = 0; i < 50; i++) step(); setTimeout(turn, 1); }; turn();";
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program(file, endless)]);
    const reader = new RecordReader(file);
    await expect
      .poll(
        () => {
          try {
            reader.read();
          } catch {}
          return reader.length;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(200);
    child.kill("SIGKILL");
    await once(child, "close");
    reader.read();
    expect(reader.broken).toBe(0);
    for (let row = 0; row < reader.length; row++) expect(reader.columns.get("step")?.get(row)).toBe(row + 1);
  });
});

describe("the reader", () => {
  const head =
    '{"rmsprop":1,"name":"a","optimizer":"SGD","groups":[],"backend":{"name":"native","isa":"avx2","threads":2}}\n';

  function read(...texts: string[]) {
    const file = fileIn();
    writeFileSync(file, "");
    const reader = new RecordReader(file);
    for (const text of texts) {
      appendFileSync(file, text);
      reader.read();
    }
    const values = (name: string) => {
      const column = reader.columns.get(name);
      return Array.from({ length: reader.length }, (_, row) => {
        const value = column && row < column.length ? column.get(row) : absent;
        return value === absent ? null : value;
      });
    };
    return { reader, values };
  }

  test("goes on where it stopped, within a line and within a character too", () => {
    const { reader, values } = read(head, '{"step":1,"lo', 'ss":2}\n{"step":2,"loss":"NaN"}\n{"step":3}');
    expect(reader.length).toBe(2);
    expect(reader.isTorn).toBe(true);
    expect(values("loss")).toEqual([2, Number.NaN]);
  });

  test("passes over lines that are none, and counts them", () => {
    const { reader, values } = read(
      `${head}{"step":1,"loss":1}\n{"step":2,"lo\n[]\n3\n{"loss":1}\n{"step":3,"loss":3}\n`,
    );
    expect(reader.broken).toBe(4);
    expect(values("step")).toEqual([1, 3]);
  });

  test.each([
    ["no head", "{}"],
    [
      "a name that is none",
      '{"name":5,"optimizer":"SGD","groups":[],"backend":{"name":"wasm","isa":"wasm","threads":1}}',
    ],
    [
      "groups that are none",
      '{"name":"a","optimizer":"SGD","groups":[null],"backend":{"name":"wasm","isa":"wasm","threads":1}}',
    ],
    ["no backend", '{"name":"a","optimizer":"SGD","groups":[],"backend":null}'],
    ["a backend without threads", '{"name":"a","optimizer":"SGD","groups":[],"backend":{"name":"wasm","isa":"wasm"}}'],
  ])("a first line of the form with %s is passed over", (_, rest) => {
    const { reader, values } = read(`{"rmsprop":1${rest === "{}" ? "}" : `,${rest.slice(1)}`}\n{"step":1,"loss":2}\n`);
    expect([reader.heads.length, reader.broken, values("loss")]).toEqual([0, 1, [2]]);
  });

  test.each([["2"], ["0"], ['"1"'], ["null"]])("a record in the form %s is refused", (form) => {
    expect(() => read(head, head.replace('"rmsprop":1', `"rmsprop":${form}`))).toThrow(
      /^Expected .*run\.jsonl to be a record in the form 1, but it has .*: another version of rmsprop wrote it\.$/,
    );
  });

  test("takes no text for a number but the three that the recorder writes", () => {
    const line = '{"step":1,"a":"toString","b":"1","c":"NaN","d":null,"e":{},"__proto__":3,"constructor":4}\n';
    const { reader, values } = read(head + line);
    expect([...reader.columns.keys()].sort()).toEqual(["__proto__", "c", "constructor", "step", "time"]);
    expect(values("constructor")).toEqual([4]);
  });

  test("numbers by more than 1,000 names are left out: each takes memory for every step", () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `{"n${i}":1,"step":${i + 1},"lr":[1,2]}\n`);
    const { reader, values } = read(head + lines.join(""));
    expect(reader.length).toBe(3000);
    expect(reader.columns.size).toBe(1000);
    expect(values("step").at(-1)).toBe(3000);
    const first = `{${Array.from({ length: 1500 }, (_, i) => `"n${i}":1`).join()},"step":1}\n`;
    expect(read(head + first).values("step")).toEqual([1]);
  });

  test.skipIf(process.platform !== "linux")("a record that cannot be begun leaves no file open", () => {
    const parameter = { name: "w", data: new Float32Array(1), grad: new Float32Array(1) };
    const optimizer = new SGD([parameter], { lr: 1 });
    const before = [readdirSync("/proc/self/fd").length, process.listenerCount("exit")];
    expect(() => record(optimizer, "/dev/full")).toThrow("ENOSPC");
    expect([readdirSync("/proc/self/fd").length, process.listenerCount("exit")]).toEqual(before);
  });

  test("a file without an end of a line is refused, not kept", () => {
    expect(() => read(head, "x".repeat(2 ** 25))).toThrow(
      /^Expected .*run\.jsonl to be a record, but it has a line of more than 16777216 characters\.$/,
    );
  });

  test("a step without its time has that of the one before", () => {
    const { values } = read(`${head}{"step":1}\n{"step":2,"time":3}\n{"step":3}\n${head}{"step":4}\n`);
    expect(values("time")).toEqual([0, 3, 3, 3]);
  });

  test("a run that goes back by itself does again what it lost; calls that only accumulate have one number", () => {
    const step = (number: number, loss: number) => `{"step":${number},"loss":${loss}}\n`;
    const first = [0, 1, 1, 2, 2, 3].map((number, i) => step(number, i)).join("");
    const { reader, values } = read(head + first + step(2, 20) + step(2, 21) + step(3, 30));
    expect(values("step")).toEqual([0, 1, 1, 2, 2, 3]);
    expect(values("loss")).toEqual([0, 1, 2, 20, 21, 30]);
    expect(reader.resumed).toBe(1);
  });

  test("takes what was done again after a checkpoint in the place of what was lost", () => {
    const step = (number: number, loss: number, time: number) => `{"step":${number},"time":${time},"loss":${loss}}\n`;
    const before = [1, 2, 3, 4].map((number) => step(number, number, number)).join("");
    const { reader, values } = read(head + before + head + step(3, 30, 0.5) + step(4, 40, 1));
    expect(values("step")).toEqual([1, 2, 3, 4]);
    expect(values("loss")).toEqual([1, 2, 30, 40]);
    expect(values("time")).toEqual([1, 2, 4.5, 5]);
    expect([reader.heads.length, reader.resumed]).toEqual([2, 1]);
  });

  test("keeps the rates of groups apart, and numbers that come late", () => {
    const { values } = read(`${head}{"step":1,"lr":[1,2]}\n{"step":2,"lr":[3,4],"more":5}\n`);
    expect(values("lr of group 2")).toEqual([2, 4]);
    expect(values("more")).toEqual([null, 5]);
  });

  test("begins anew where a file was written anew", () => {
    const { reader, values } = read(`${head}{"step":1,"loss":1}\n{"step":2,"loss":2}\n`);
    writeFileSync(reader.path, `${head}{"step":1,"loss":7}\n`);
    reader.read();
    expect(values("loss")).toEqual([7]);
  });
});
