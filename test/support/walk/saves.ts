// A walk's states: taken, kept, given back.
import type { RMSpropOptions } from "../../../lib/index.ts";
import { Expected } from "../steps.ts";
import {
  type Entry,
  idleCode,
  memoryCode,
  type Saved,
  type SavedModel,
  settledCode,
  type Trainee,
  type WalkState,
} from "./state.ts";

function copyOf({ model: { expected, waiting, sum, ema, averaged }, group, frozen }: Entry): SavedModel {
  const slots = Object.entries(expected.slots).map(([slot, array]) => [slot, array.slice()]);
  const arrays = { slots: Object.fromEntries(slots), sum: sum.slice(), ema: ema?.slice() };
  return { group, frozen, step: expected.step, waiting, averaged, ...arrays };
}

export function save(walk: WalkState, trainee: Trainee): void {
  const code = settledCode(trainee) ?? memoryCode(trainee);
  const state = walk.call("stateDict", code, () => trainee.optimizer.stateDict());
  if (!state) return;
  const { lossScale, goodSteps } = trainee.stages;
  trainee.saved = {
    state,
    groups: trainee.groups.map((options) => ({ ...options })),
    lossScale: { scale: lossScale, goodSteps },
    models: new Map([...trainee.entries].map(([name, entry]) => [name, copyOf(entry)])),
  };
}

function loadBad(walk: WalkState, trainee: Trainee): void {
  const { saved, entries, groups, optimizer } = trainee;
  const emptied = { ...saved?.state, state: {} };
  const state = walk.one<unknown>([null, {}, { rule: "sgd", paramGroups: [], state: {} }, emptied]);
  // Without parameters an empty state fits.
  if (state === emptied && saved && entries.size === 0 && saved.models.size === 0) {
    if (groups.length === saved.groups.length) return;
  }
  const code = idleCode(trainee) ?? "ERR_STATE";
  walk.call("loadStateDict, bad", code, () => optimizer.loadStateDict(state as never));
}

export function load(walk: WalkState, trainee: Trainee): void {
  const { saved, entries, groups, optimizer } = trainee;
  if (!saved || walk.chance(0.2)) {
    loadBad(walk, trainee);
    return;
  }
  const fits =
    saved.groups.length === groups.length &&
    saved.models.size === entries.size &&
    [...saved.models].every(([name, { group }]) => entries.get(name)?.group === group);
  const code = idleCode(trainee) ?? (fits && !trainee.swapped ? memoryCode(trainee) : "ERR_STATE");
  walk.call("loadStateDict", code, () => optimizer.loadStateDict(saved.state));
  if (code === undefined) restore(trainee, saved);
}

function restore({ groups, entries, stages }: Trainee, saved: Saved): void {
  saved.groups.forEach((options, i) => {
    const lr = typeof options.lr === "function" ? groups[i]?.lr : options.lr;
    groups[i] = { ...options, ...(lr !== undefined && { lr }) };
    if (lr === undefined) delete (groups[i] as RMSpropOptions).lr;
  });
  stages.lossScale = saved.lossScale.scale;
  stages.goodSteps = saved.lossScale.goodSteps;
  // A slot that one parameter of a group and number type brings, all of them get.
  for (const [name, { frozen, step, waiting, averaged, slots, sum, ema }] of saved.models) {
    const entry = entries.get(name) as Entry;
    const { model, group } = entry;
    entry.frozen = frozen;
    const { expected } = model;
    expected.step = step;
    for (const slot of Object.keys(expected.slots)) delete expected.slots[slot];
    for (const [slot, array] of Object.entries(slots)) expected.slots[slot] = array.slice();
    expected.options = new Expected(new Float32Array(0), groups[group]).options;
    model.waiting = waiting;
    model.sum.set(sum);
    model.ema = ema?.slice();
    model.averaged = averaged;
  }
}
