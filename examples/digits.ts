// Trains a network to recognize handwritten digits, its weights stepped by RMSprop: on the native backend and on the
// TypeScript reference, to show what a native step saves and that both leave the same bits. Where it is asked for, it
// trains in other forms instead, to show what they save.
//
//     npm run demo
//     npm run demo -- --factors       # steps make the gradients, no loop forms them
//     npm run demo -- --workers 2     # two worker threads share each batch
//     npm run demo -- --report        # records each training, and makes a page of plots

import { fork, spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { backend } from "rmsprop";
import { compareBackends, compareForms, percent, report } from "./digits-report.ts";
import type { Form } from "./digits-trainer.ts";
import { describeBackend, type Training, train } from "./digits-training.ts";

const leastAccuracy = 0.945;
const plain: Form = { factors: false, workers: 0 };

/** Where records and their page are put. */
const reportFolder = join("build", "demo");
const records: string[] = [];

const { form, isChild, recordFile, withReport } = readArguments();

/** How a child ends whose reader has gone; a shell says SIGPIPE so. */
const readerGone = 141;

// Nobody waits for the rest of `npm run demo | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(isChild ? readerGone : undefined);
});

if (isChild) await sendToParent(await train(form, recordFile));
else await main();

async function main(): Promise<void> {
  if (withReport) rmSync(reportFolder, { recursive: true, force: true });
  const first = await train(plain, recordOf(plain, backend.name));
  const others: Training[] = [];
  const forms = formsBesidePlain();
  if (forms.length > 0) {
    for (const each of forms) others.push(await trainInChild(each));
    report([first, ...others]);
    compareForms(first, others);
  } else if (first.backend === "reference") {
    report([first]);
    console.log(`There is nothing to compare: ${whyNotNative()}`);
  } else {
    others.push(await trainInChild(plain, "reference"));
    report([first, ...others]);
    if (!compareBackends(first, others[0] as Training)) process.exitCode = 1;
  }
  for (const { accuracy } of [first, ...others]) {
    if (accuracy >= leastAccuracy) continue;
    console.error(
      `Expected ${percent(leastAccuracy)} of the held-out digits to be recognized, but ${percent(accuracy)} are.`,
    );
    process.exitCode = 1;
  }
  if (withReport) makeReport();
}

/** The file to record a training in; undefined where no report is asked for. */
function recordOf({ factors, workers }: Form, backendName: string): string | undefined {
  if (!withReport) return undefined;
  mkdirSync(reportFolder, { recursive: true });
  const words = [backendName, ...(factors ? ["factors"] : []), ...(workers > 0 ? [`${workers}-workers`] : [])];
  const file = join(reportFolder, `${words.join("-")}.jsonl`);
  records.push(file);
  return file;
}

/** Makes a page of the records as `npx rmsprop report` does, and says where it is. */
function makeReport(): void {
  const manifest = createRequire(import.meta.url).resolve("rmsprop/package.json");
  const page = join(reportFolder, "report.html");
  const command = [join(dirname(manifest), "dist", "cli", "main.js"), "report", ...records, "--output", page];
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Expected a page of the records, but: ${stderr}`);
  console.log(`Plots of each step: ${relative("", page)}`);
}

/** What is asked for, each by itself, and both together. */
function formsBesidePlain(): Form[] {
  const { factors, workers } = form;
  const forms: Form[] = [];
  if (factors) forms.push({ factors, workers: 0 });
  if (workers > 0) forms.push({ factors: false, workers });
  if (factors && workers > 0) forms.push(form);
  return forms;
}

interface Arguments {
  readonly form: Form;
  readonly isChild: boolean;
  readonly recordFile: string | undefined;
  readonly withReport: boolean;
}

function readArguments(): Arguments {
  try {
    const { values } = parseArgs({
      options: {
        /** Makes the gradients of factors. */
        factors: { type: "boolean", default: false },
        /** The number of worker threads. */
        workers: { type: "string", default: "0" },
        /** Trains in that form alone, and sends what came of it to the process that forked this one. */
        child: { type: "boolean", default: false },
        /** Records that training in a file. */
        record: { type: "string" },
        /** Records every training, and makes a page of plots. */
        report: { type: "boolean", default: false },
      },
    });
    if (!/^([0-9]|[1-5][0-9]|6[0-4])$/.test(values.workers)) {
      throw new Error(`Expected --workers to be a whole number from 0 to 64, but found "${values.workers}".`);
    }
    const { factors, workers, child, record, report } = values;
    return { form: { factors, workers: Number(workers) }, isChild: child, recordFile: record, withReport: report };
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

/** Runs this program again, since a process chooses its backend once, and returns what it trained. */
function trainInChild(form: Form, backendName = backend.name): Promise<Training> {
  const file = recordOf(form, backendName);
  const args = ["--child", `--workers=${form.workers}`, ...(form.factors ? ["--factors"] : [])];
  if (file !== undefined) args.push(`--record=${file}`);
  const child = fork(fileURLToPath(import.meta.url), args, {
    env: { ...process.env, RMSPROP_BACKEND: backendName },
    serialization: "advanced", // which sends typed arrays as they are
  });
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Training));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === readerGone) process.exit();
      const how = signal ? `by ${signal}` : `with exit code ${code}`;
      reject(new Error(`Expected the training on the ${backendName} backend to send its result, but it ended ${how}.`));
    });
  });
}

function sendToParent(training: Training): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!process.send) throw new Error("Expected --child to be given by this program alone, to a process it forks.");
    process.send(training, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

function whyNotNative(): string {
  const { fallbackReason } = backend;
  return fallbackReason === undefined
    ? `RMSPROP_BACKEND asks for the ${backend.name} backend, so the native backend was not loaded.`
    : `the native backend did not load, so the steps ran on the ${describeBackend()}. The reason: ${fallbackReason.trim()}`;
}
