// Trains a network to recognize handwritten digits, its weights stepped by RMSprop: on the native backend and on the
// TypeScript reference, to show what a native step saves and that both leave the same bits. Where it is asked for, it
// trains in other forms instead, to show what they save.
//
//     npm run demo
//     npm run demo -- --factors       # steps make the gradients, no loop forms them
//     npm run demo -- --workers 2     # two worker threads share each batch

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { backend } from "rmsprop";
import { compareBackends, compareForms, percent, report } from "./digits-report.ts";
import type { Form } from "./digits-trainer.ts";
import { describeBackend, type Training, train } from "./digits-training.ts";

const leastAccuracy = 0.945;
const plain: Form = { factors: false, workers: 0 };

const { form, isChild } = readArguments();
if (isChild) await sendToParent(await train(form));
else await main();

async function main(): Promise<void> {
  const first = await train(plain);
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

function readArguments(): { form: Form; isChild: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        /** Makes the gradients of factors. */
        factors: { type: "boolean", default: false },
        /** The number of worker threads. */
        workers: { type: "string", default: "0" },
        /** Trains in that form alone, and sends what came of it to the process that forked this one. */
        child: { type: "boolean", default: false },
      },
    });
    if (!/^([0-9]|[1-5][0-9]|6[0-4])$/.test(values.workers)) {
      throw new Error(`Expected --workers to be a whole number from 0 to 64, but found "${values.workers}".`);
    }
    return { form: { factors: values.factors, workers: Number(values.workers) }, isChild: values.child };
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

/** Runs this program again, since a process chooses its backend once, and returns what it trained. */
function trainInChild(form: Form, backendName = backend.name): Promise<Training> {
  const args = ["--child", `--workers=${form.workers}`, ...(form.factors ? ["--factors"] : [])];
  const child = fork(fileURLToPath(import.meta.url), args, {
    env: { ...process.env, RMSPROP_BACKEND: backendName },
    serialization: "advanced", // which sends typed arrays as they are
  });
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Training));
    child.once("error", reject);
    child.once("close", (code, signal) => {
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
