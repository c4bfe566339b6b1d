// Measures suites of cases, prints what came of them, and writes it into build/bench/.
// npm run bench [-- SUITE ...]; npm run bench -- --pack FOLDER
import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Presets, SingleBar } from "cli-progress";
import { root } from "./addon.ts";
import type { Case } from "./case.ts";
import { type Suite, suites } from "./cases.ts";
import { chartsOf } from "./charts.ts";
import { pack } from "./pack.ts";
import { alignedTable, caseName, markdownTable, missingOf, tableOf, versionsOf } from "./report.ts";
import type { Result } from "./result.ts";

const folder = join(root, "build", "bench");

/** Measures a case in a process of its own, so that none finds what another left in caches, heap and compiled code. */
function measure(of: Case): Promise<Result> {
  const env = { ...process.env };
  delete env["RMSPROP_BACKEND"];
  delete env["RMSPROP_ISA"];
  delete env["RMSPROP_NUM_THREADS"];
  if (of.isa !== "best") env["RMSPROP_ISA"] = of.isa;
  if (of.threads !== "all") env["RMSPROP_NUM_THREADS"] = String(of.threads);
  const child = fork(fileURLToPath(new URL("./case-process.js", import.meta.url)), {
    env,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.send(of);
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Result));
    child.once("close", (code, signal) =>
      reject(
        new Error(
          `Expected the case ${caseName({ case: of })} to send a result, but its process ended with ${signal ?? code}.\n${errors}`,
        ),
      ),
    );
  });
}

function machine() {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cpus: all.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release().split("-")[0]}`,
    node: process.version,
    date: new Date().toISOString(),
  };
}

function chosen(names: readonly string[]): readonly Suite[] {
  if (names.length === 0) return suites;
  return names.map((name) => {
    const suite = suites.find((candidate) => candidate.name === name);
    if (!suite) {
      throw new Error(`Expected a suite, one of ${suites.map((each) => each.name).join(", ")}, but found ${name}.`);
    }
    return suite;
  });
}

const [first, target] = process.argv.slice(2);
if (first === "--pack") {
  if (!target) throw new Error("Expected a folder to pack into: npm run bench -- --pack FOLDER.");
  pack(resolve(target));
  process.exit();
}

const running = chosen(process.argv.slice(2));
const bar = new SingleBar(
  {
    format: "  {bar} {value}/{total} | {suite} | {name} | {duration} s",
    stream: process.stdout,
    noTTYOutput: true,
    clearOnComplete: true,
  },
  Presets.shades_classic,
);
const { date, ...described } = machine();
const heading = `${described.cpu}, ${described.cpus} CPUs, ${described.memory}, ${described.system}, Node ${described.node}`;
console.log(heading);
bar.start(
  running.reduce((sum, { cases }) => sum + cases.length, 0),
  0,
  { suite: "", name: "" },
);

const measured: { suite: Suite; results: Result[] }[] = [];

/** Writes what came of the suites so far, so that a run that is ended early leaves something. */
function write(): string[] {
  const markdown = [`# Benchmark`, `${heading}. ${date}.`];
  for (const { suite, results } of measured) {
    markdown.push(
      `## ${suite.title}`,
      `Nanoseconds an ${suite.per ?? "element"}, then ratios of times.`,
      markdownTable(tableOf(suite, results)),
      ...remarksOn(results).map((line) => `- ${line}`),
    );
  }
  const record = measured.map(({ suite, results }) => ({ name: suite.name, title: suite.title, results }));
  const files = new Map([
    ["results.json", `${JSON.stringify({ machine: { ...described, date }, suites: record }, null, 1)}\n`],
    ["results.md", `${markdown.join("\n\n")}\n`],
    ...chartsOf(measured, heading),
  ]);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
  return [...files.keys()];
}

function remarksOn(results: readonly Result[]): string[] {
  return [
    ...missingOf(results).map((line) => `missing: ${line}`),
    ...versionsOf(results).map((line) => `version of ${line}`),
  ];
}

let written: string[] = [];
for (const suite of running) {
  const results: Result[] = [];
  for (const of of suite.cases) {
    bar.update({ suite: suite.name, name: caseName({ case: of }) });
    results.push(await measure(of));
    bar.increment();
  }
  measured.push({ suite, results });
  written = write();
}
bar.stop();

for (const { suite, results } of measured) {
  const unit = `nanoseconds an ${suite.per ?? "element"}`;
  console.log(`\n${suite.title}: ${unit}, then ratios of times (~ marks those that vary)\n`);
  console.log(alignedTable(tableOf(suite, results)));
  for (const line of remarksOn(results)) console.log(line);
}
console.log(`\nWritten to build/bench: ${written.join(", ")}`);
