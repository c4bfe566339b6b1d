// What the trainings of the demo came to, side by side, and how their weights differ.

import type { Form } from "./digits-trainer.ts";
import type { Training } from "./digits-training.ts";

/** Prints trainings side by side: on several backends, or in several forms. */
export function report(trainings: readonly Training[]): void {
  const [first] = trainings as [Training];
  const formsDiffer = trainings.some(({ form }) => titleOf(form) !== titleOf(first.form));
  const rows: [string, (training: Training) => string][] = [
    ["", (training) => (formsDiffer ? titleOf(training.form) : training.backend)],
    ["held-out digits recognized", ({ accuracy }) => percent(accuracy)],
    ["training", ({ seconds }) => `${seconds.toFixed(1)} s`],
    ["optimizer's share of it", ({ stepSeconds, seconds }) => percent(stepSeconds / seconds)],
    ["one step", ({ stepSeconds, steps }) => `${((1000 * stepSeconds) / steps).toFixed(3)} ms`],
  ];
  if (formsDiffer) {
    rows.splice(
      3,
      0,
      ["an epoch", ({ epochSeconds }) => `${epochSeconds.toFixed(3)} s`],
      ["times as fast", ({ epochSeconds }) => (first.epochSeconds / epochSeconds).toFixed(2)],
    );
  }
  console.log();
  for (const [label, cell] of rows) {
    console.log(`  ${label.padEnd(28)}${trainings.map((training) => cell(training).padStart(12)).join("")}`);
  }
  console.log();
}

/** Says whether trainings on two backends left the same bits in all weights. */
export function compareBackends(own: Training, other: Training): boolean {
  const { count, different } = differenceOf(own, other);
  if (different === 0) {
    console.log(`Both backends left the same bits in all ${counted(count)} weights.`);
    return true;
  }
  console.error(
    `Expected both backends to leave the same bits, but ${counted(different)} of ${counted(count)} weights differ.`,
  );
  return false;
}

/** Says what the forms do, and how far their weights are from those of the first. */
export function compareForms(first: Training, others: readonly Training[]): void {
  let furthest = 0;
  for (const other of others) {
    const { count, different, largest } = differenceOf(first, other);
    const bits =
      different === 0
        ? `all ${counted(count)} weights ended with the bits of loops in one thread`
        : `${counted(different)} of ${counted(count)} weights ended with other bits than by loops in one thread, none ` +
          `further away than ${largest.toPrecision(2)}`;
    console.log(`${titleOf(other.form)}: ${bits}. ${explain(other.form)}`);
    furthest = Math.max(furthest, largest);
  }
  if (furthest > 1e-3) {
    console.log("A unit of which a rounding puts the sum on the other side of relu's edge, once, goes that far.");
  }
}

function titleOf({ factors, workers }: Form): string {
  if (workers === 0) return factors ? "factors" : "loops";
  return factors ? "both" : workersOf(workers);
}

function workersOf(count: number): string {
  return count === 1 ? "1 worker" : `${count} workers`;
}

/** Why a form leaves other bits than the loops in one thread. */
function explain({ factors, workers }: Form): string {
  const ofFactors =
    "The step makes the gradients of factors, in float32, image by image; loops sum up in double precision and round once.";
  const ofWorkers =
    workers === 1
      ? "The worker takes the whole batch."
      : "Each worker takes its part of a batch, and the step adds the parts, always in the same order: every run leaves these bits.";
  if (workers === 0) return ofFactors;
  return factors ? "Both together." : ofWorkers;
}

/** The number of weights that differ in their bits, and the largest difference. */
function differenceOf(one: Training, other: Training): { count: number; different: number; largest: number } {
  let [count, different, largest] = [0, 0, 0];
  for (const [name, weights] of Object.entries(one.weights)) {
    const others = other.weights[name as keyof typeof other.weights];
    // As integers, because 0 and -0 are equal as numbers, and differ in their bits.
    const [bits, otherBits] = [asIntegers(weights), asIntegers(others)];
    count += bits.length;
    for (let i = 0; i < bits.length; i++) {
      if (bits[i] === otherBits[i]) continue;
      different++;
      largest = Math.max(largest, Math.abs((weights[i] as number) - (others[i] as number)));
    }
  }
  return { count, different, largest };
}

function asIntegers({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

function counted(count: number): string {
  return count.toLocaleString("en");
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
