// Trains a network to recognize handwritten digits, its weights stepped by RMSprop: on the native backend and on the
// TypeScript reference, to show what a native step saves and that both leave the same bits. Where it is asked for, it
// trains in other forms instead, to show what they save.
//
//     npm run demo
//     npm run demo -- --factors          # steps make the gradients, no loop forms them

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { backend } from "rmsprop";
import { compareBackends, compareForms, percent, report } from "./digits-report.ts";
import type { Form } from "./digits-trainer.ts";
import { describeBackend, type Training, train } from "./digits-training.ts";

const leastAccuracy = 0.945;
const plain: Form = { factors: false };

const { form, isChild } = readArguments();
if (isChild) await sendToParent(await train(form));
else await main();

async function main(): Promise<void> {
  const first = await train(plain);
  const others: Training[] = [];
  if (form.factors) {
    others.push(await trainInChild(form));
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

function readArguments(): { form: Form; isChild: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        /** Makes the gradients of factors. */
        factors: { type: "boolean", default: false },
        /** Trains in that form alone, and sends what came of it to the process that forked this one. */
        child: { type: "boolean", default: false },
      },
    });
    return { form: { factors: values.factors }, isChild: values.child };
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

/** Runs this program again, since a process chooses its backend once, and returns what it trained. */
function trainInChild(form: Form, backendName = backend.name): Promise<Training> {
  const child = fork(fileURLToPath(import.meta.url), ["--child", ...(form.factors ? ["--factors"] : [])], {
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
