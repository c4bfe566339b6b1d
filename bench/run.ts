// Measures suites of cases, prints what came of them, and writes it into build/bench/.
// npm run bench [-- SUITE ...]; npm run bench -- --pack FOLDER
import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
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
    system: `${type()} ${release()}`,
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
const heading = `${described.cpu}, ${described.cpus} CPUs, ${described.system}, Node ${described.node}`;
console.log(heading);
bar.start(
  running.reduce((sum, { cases }) => sum + cases.length, 0),
  0,
  { suite: "", name: "" },
);

const measured: { suite: Suite; results: Result[] }[] = [];
for (const suite of running) {
  const results: Result[] = [];
  for (const of of suite.cases) {
    bar.update({ suite: suite.name, name: caseName({ case: of }) });
    results.push(await measure(of));
    bar.increment();
  }
  measured.push({ suite, results });
}
bar.stop();

const markdown = [`# Benchmark`, `${heading}. ${date}.`];
for (const { suite, results } of measured) {
  const table = tableOf(suite, results);
  const remarks = [
    ...missingOf(results).map((line) => `missing: ${line}`),
    ...versionsOf(results).map((line) => `version of ${line}`),
  ];
  console.log(
    `\n${suite.title}: nanoseconds an ${suite.per ?? "element"}, then ratios of times (~ marks those that vary)\n`,
  );
  console.log(alignedTable(table));
  for (const line of remarks) console.log(line);
  markdown.push(
    `## ${suite.title}`,
    `Nanoseconds an ${suite.per ?? "element"}, then ratios of times.`,
    markdownTable(table),
    ...remarks.map((line) => `- ${line}`),
  );
}
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "results.md"), `${markdown.join("\n\n")}\n`);
const record = measured.map(({ suite, results }) => ({ name: suite.name, title: suite.title, results }));
writeFileSync(join(folder, "results.json"), `${JSON.stringify({ machine: machine(), suites: record }, null, 1)}\n`);
const charts = chartsOf(measured, heading);
for (const [file, svg] of charts) writeFileSync(join(folder, file), svg);
console.log(`\nWritten to build/bench: ${["results.json", "results.md", ...charts.keys()].join(", ")}`);
