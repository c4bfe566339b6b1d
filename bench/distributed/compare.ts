// Steps on ranks beside what the link allows, and beside PyTorch on the same links in the same turns.
import { payloadAtBest } from "../../lib/cli/cost-model.ts";
import { median } from "../median.ts";
import { gloo, type Launcher, ours, payloadOf, python, type Rounds } from "./launch.ts";
import type { Machines } from "./machines.ts";

/** How much is measured. */
export interface Amounts {
  /** Of each link and direction, in Mbit/s. */
  readonly rate: number;
  readonly elements: number;
  readonly rounds: number;
  readonly turns: number;
}

/** Says on standard error how far the benchmark is. */
export type Progress = (what: string) => void;

interface Stepped extends Rounds {
  /** A step's, of a rank: the mean of all. */
  readonly bytes: number;
}

const rivals = { whole: "PyTorch, all-reduce", zero: "PyTorch, ZeRO-1" };

export async function compareSteps(
  machines: Machines,
  launchers: readonly Launcher[],
  { rate, elements, rounds, turns }: Amounts,
  progress: Progress,
): Promise<void> {
  const { count } = machines;
  const least = (2 * (count - 1) * 4 * elements) / count; // bytes a rank
  const payloads: number[] = [];
  const times = new Map<string, number[]>();
  const bytes = new Map<string, number[]>();
  const note = (name: string, { seconds }: Rounds) => times.set(name, [...(times.get(name) ?? []), ...seconds]);
  for (let turn = 1; turn <= turns; turn++) {
    const when = `${count} ranks, turn ${turn} of ${turns}`;
    progress(`${when}: the links`);
    payloads.push(await payloadOf(machines, rate));
    for (const launcher of launchers) {
      progress(`${when}: ${launcher.name}`);
      const result = await ours<Stepped>(machines, launcher, "step", [elements, rounds]);
      note(launcher.name, result);
      bytes.set(launcher.name, [...(bytes.get(launcher.name) ?? []), result.bytes]);
    }
    if (!python) continue;
    for (const [form, name] of Object.entries(rivals)) {
      progress(`${when}: ${name}`);
      note(name, await gloo(machines, form, [elements, rounds]));
    }
  }
  const limit = least / Math.max(...payloads);
  const nanoseconds = (seconds: number) => `${((1e9 * seconds) / elements).toFixed(1).padStart(6)} ns`;
  console.log(
    `\n${count} ranks, ${elements} elements, momentum, ${rate} Mbit/s: links that all use at once allow ` +
      `${nanoseconds(limit).trim()} an element, without anything else of TCP ${nanoseconds(least / payloadAtBest(rate * 1e6)).trim()}`,
  );
  const of = (name: string) => median(times.get(name) ?? [Number.NaN]);
  for (const name of times.keys()) {
    const time = of(name);
    const aim = launchers.find((launcher) => launcher.name === name)?.aim;
    const row = [
      name.padEnd(20),
      nanoseconds(time),
      `${(time / limit).toFixed(3)} of the limit${aim ? ` (aim ${aim.toFixed(2)})` : ""}`,
    ];
    const sent = bytes.get(name);
    if (sent) {
      row.push(`${(median(sent) / least).toFixed(4)} of the bytes (1.02)`);
      row.push(`${(time / of(rivals.whole)).toFixed(3)} of PyTorch's all-reduce (1.10)`);
      row.push(`${(time / of(rivals.zero)).toFixed(3)} of its ZeRO-1 (0.65)`);
    }
    console.log(row.join("  "));
  }
}

interface Behind {
  readonly travel: number;
  readonly left: number;
  readonly step: number;
  readonly stepLeft: number;
}

/** What is left to wait for behind a backward pass, how late the event loop is, and what state a rank keeps. */
export async function compareRest(
  machines: Machines,
  launchers: readonly Launcher[],
  { elements, rounds }: Amounts,
  progress: Progress,
): Promise<void> {
  const { count } = machines;
  for (const launcher of launchers) {
    const who = `${count} ranks, ${launcher.name}`;
    progress(`${who}: behind a backward pass`);
    const behind = await ours<Behind>(machines, launcher, "behind", [elements, rounds]);
    const ms = (seconds: number) => `${(1000 * seconds).toFixed(2)} ms`;
    const part = (left: number, whole: number) => `${ms(left)} of ${ms(whole)}, ${(left / whole).toFixed(4)}`;
    console.log(
      `${who}: after ready() and a backward pass that is longer than the gradients' way, of that way are left ` +
        `${part(behind.left, behind.travel)} (aim 0.05), and of the step ${part(behind.stepLeft, behind.step)}`,
    );
    progress(`${who}: the event loop`);
    const { idle, stepping } = await ours<{ idle: number; stepping: number }>(machines, launcher, "loop", [
      elements,
      rounds,
    ]);
    console.log(
      `${who}: 1 of 100 turns of the event loop is later than ${stepping.toFixed(2)} ms, idle ${idle.toFixed(2)}, ` +
        `${(stepping / idle).toFixed(2)} (aim 1.5)`,
    );
  }
  const [launcher] = launchers as [Launcher];
  progress(`${count} ranks, ${launcher.name}: state`);
  const { most, whole, buckets } = await ours<{ most: number; whole: number; buckets: number }>(
    machines,
    launcher,
    "state",
    [elements, rounds],
  );
  const bound = whole / count + buckets * 4096;
  console.log(
    `${count} ranks: a slot takes ${most} bytes on the rank with the most of it, ${(most / whole).toFixed(4)} of the whole; ` +
      `1/${count} and a tile for each of ${buckets} buckets are ${bound}, and up to 262080 keep rows apart`,
  );
}
