// What a recorded step costs beside the writes of its file, and how long a report of a million lines takes. Not a suite of
// cases: what is measured is no step. npm run bench:record
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Diagnostic, RMSprop, schedules } from "rmsprop";
import { record } from "rmsprop/record";
import { median } from "./median.ts";

const steps = 200_000;
const lines = 1_000_000;
const rounds = 7;

interface Case {
  readonly title: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly groups: number;
  /** Numbers of the user's, beside the loss. */
  readonly more: Readonly<Record<string, number>>;
}

const plain: Case = { title: "a loss and a rate", diagnostics: [], groups: 1, more: {} };
const cases: readonly Case[] = [
  plain,
  { ...plain, title: "and two norms", diagnostics: ["gradNorm", "updateNorm"] },
  { ...plain, title: "and another number, three groups", groups: 3, more: { accuracy: 0.9375 } },
];

const folder = mkdtempSync(join(tmpdir(), "rmsprop-record-"));
try {
  console.log(
    `load ${loadavg()[0]?.toFixed(2)}; microseconds a step, the median of ${rounds} rounds of ${steps} steps`,
  );
  for (const each of cases) measureRecord(each);
  measureReport();
} finally {
  rmSync(folder, { recursive: true });
}

/** An optimizer whose rate differs from step to step, so that each line has another. */
function optimizerOf({ diagnostics, groups }: Case) {
  const lr = schedules.exponential(0.1, { gamma: 0.999999 });
  const parameters = Array.from({ length: groups }, (_, i) => {
    const [data, grad] = [Float32Array.of(1, 2), Float32Array.of(0.3, 0.4)];
    return { params: [{ name: `w${i}`, data, grad }] };
  });
  return new RMSprop(parameters, { lr, diagnostics: [...diagnostics] });
}

/** Takes one case: steps alone, steps that are recorded, and the file's writes alone, in turn. */
function measureRecord(each: Case): void {
  const file = join(folder, "run.jsonl");
  const optimizer = optimizerOf(each);
  const [recorded, writing]: [Times[], Times[]] = [[], []];
  let bytes = 0;
  for (let round = 0; round <= rounds; round++) {
    rmSync(file, { force: true });
    const alone = timed(() => {
      for (let i = 0; i < steps; i++) optimizer.step();
    });
    const recorder = record(optimizer, file);
    const together = timed(() => {
      for (let i = 0; i < steps; i++) {
        optimizer.step();
        recorder.step({ loss: 1 / (i + 3), ...each.more });
      }
      recorder.flush();
    });
    recorder.close();
    const text = readFileSync(file);
    bytes = text.length / steps;
    const writes = timed(() => writeInPieces(text));
    if (round === 0) continue; // warms up
    recorded.push(difference(together, alone));
    writing.push(writes);
  }
  const rest = recorded.map((times, i) => difference(times, writing[i] as Times));
  console.log(
    `${each.title}: ${shown(recorded)}, of which the file's writes (${bytes.toFixed(0)} bytes a line) ` +
      `${shown(writing)}, the rest ${shown(rest)}`,
  );
}

function difference(one: Times, other: Times): Times {
  return { wall: one.wall - other.wall, own: one.own - other.own };
}

function shown(times: readonly Times[]): string {
  const [wall, own] = (["wall", "own"] as const).map((kind) =>
    ((1000 * median(times.map((each) => each[kind]))) / steps).toFixed(2),
  );
  return `${wall} (${own})`;
}

/** The writes that a recorder makes, of the same bytes. */
function writeInPieces(text: Buffer): void {
  const file = openSync(join(folder, "same.jsonl"), "w");
  for (let at = 0; at < text.length; at += 2 ** 16) writeSync(file, text, at, Math.min(2 ** 16, text.length - at));
  closeSync(file);
}

/** Milliseconds: by the clock, and of this process on all its threads. */
interface Times {
  readonly wall: number;
  readonly own: number;
}

function timed(action: () => void): Times {
  const [start, before] = [performance.now(), process.cpuUsage()];
  action();
  const { user, system } = process.cpuUsage(before);
  return { wall: performance.now() - start, own: (user + system) / 1000 };
}

/** Takes `rmsprop report` of a million lines, as a process: with Node's start, and the page written. */
function measureReport(): void {
  const file = join(folder, "long.jsonl");
  const optimizer = optimizerOf(cases[1] as Case);
  const recorder = record(optimizer, file);
  for (let i = 0; i < lines; i++) {
    optimizer.step();
    recorder.step({ loss: 1 / (i + 3) });
  }
  recorder.close();
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const program = join(dirname(root), "dist", "cli", "main.js");
  const times = Array.from({ length: 3 }, () => {
    const { wall } = timed(() => {
      const { status, stderr } = spawnSync(process.execPath, [program, "report", file], { encoding: "utf8" });
      if (status !== 0) throw new Error(`Expected a report, but: ${stderr}`);
    });
    return wall;
  });
  const megabytes = (statSync(file).size / 1e6).toFixed(0);
  const page = (statSync(file.replace(/jsonl$/, "html")).size / 1000).toFixed(0);
  console.log(
    `a report of ${lines} lines (${megabytes} MB): ${(median(times) / 1000).toFixed(2)} s, a page of ${page} kB`,
  );
}
