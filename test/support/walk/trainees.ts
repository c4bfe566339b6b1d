// A walk's optimizers: made, given groups and options, their parameters frozen and removed, disposed.
import { type AnyParameter, type NumberType, RMSprop, type RMSpropOptions } from "../../../lib/index.ts";
import { numberTypeOf } from "../../../lib/numbers/typed-array.ts";
import { StagedModel, StagedPart } from "../staged-model.ts";
import { assignFactors } from "./made.ts";
import { chooseChange, chooseOptions } from "./options.ts";
import { idleCode, isGone, memoryCode, settledCode, type Tracked, type Trainee, type WalkState } from "./state.ts";

/** Parameters that no optimizer has, one of each; some may have lost their memory. */
function freeParameters(walk: WalkState): Tracked[] {
  const used = new Set(walk.trainees.flatMap(({ entries }) => [...entries.keys()]));
  // Whether an array without elements has lost its memory depends on what it was.
  const isKnown = ({ source, expectedGrad }: Tracked) => source.alive || expectedGrad.length > 0;
  return walk.parameters.filter((each) => !used.has(each.name) && isKnown(each) && walk.chance(0.5));
}

/** A parameter as an optimizer gets it, now and then without its arrays. */
interface Given {
  readonly parameter: Tracked;
  readonly placed: boolean;
}

const chooseGiven = (walk: WalkState, params: readonly Tracked[]): Given[] =>
  params.map((parameter) => ({ parameter, placed: walk.chance(0.85) }));

const asGiven = ({ parameter, placed }: Given): AnyParameter => {
  const { name, expectedGrad, made, given } = parameter;
  const dtype = numberTypeOf(expectedGrad) as NumberType;
  return placed ? (given ?? parameter) : { name, data: null, shape: made?.shape ?? [expectedGrad.length], dtype };
};

const isLost = ({ parameter, placed }: Given) => placed && isGone(parameter);

function enter(trainee: Trainee, params: readonly Given[], options: RMSpropOptions): void {
  trainee.groups.push({ ...options });
  const group = trainee.groups.length - 1;
  for (const { parameter, placed } of params) {
    const model = new StagedPart(parameter.expected.data, options, group);
    parameter.expected.data = model.expected.data;
    trainee.entries.set(parameter.name, { parameter, model, group, placed, frozen: false, elsewhere: false });
  }
}

export function construct(walk: WalkState): void {
  const params = chooseGiven(walk, freeParameters(walk));
  const { group, whole, bad } = chooseOptions(walk);
  const options = { ...whole, ...group };
  const gone = params.some(isLost) ? "ERR_DETACHED" : undefined;
  if (walk.chance(0.05) && params[0]) {
    const twice = [...params, params[0]].map(asGiven);
    const code = bad ? "ERR_OPTION" : (gone ?? "ERR_NAME");
    walk.call("construct with one twice", code, () => new RMSprop(twice, options));
    return;
  }
  const optimizer = walk.call("construct", bad ? "ERR_OPTION" : gone, () => new RMSprop(params.map(asGiven), options));
  if (!optimizer) return;
  const trainee: Trainee = {
    ...{ optimizer, stages: new StagedModel(whole), base: { ...group }, entries: new Map(), groups: [] },
    ...{ saved: undefined, swapped: undefined, lastStep: 0, disposed: false, pending: false },
  };
  enter(trainee, params, group);
  walk.trainees.push(trainee);
}

export function addGroup(walk: WalkState, trainee: Trainee): void {
  const params = chooseGiven(walk, freeParameters(walk).slice(0, 2));
  const gone = memoryCode(trainee) ?? (params.some(isLost) ? "ERR_DETACHED" : undefined);
  const code = idleCode(trainee) ?? gone;
  walk.call("addParamGroup", code, () => trainee.optimizer.addParamGroup({ params: params.map(asGiven) }));
  if (code === undefined) enter(trainee, params, trainee.base);
}

export function setOption(walk: WalkState, trainee: Trainee): void {
  const index = walk.pick(trainee.groups.length);
  const view = trainee.disposed ? undefined : trainee.optimizer.paramGroups[index];
  const options = trainee.groups[index];
  if (!view || !options) return;
  const chosen = chooseChange(walk);
  const { change } = chosen;
  const models = [...trainee.entries.values()].filter((entry) => entry.group === index).map(({ model }) => model);
  // What the state begins as is set before the first step.
  const restarts = change.initialSquareAvg !== undefined && change.initialSquareAvg !== (options.initialSquareAvg ?? 0);
  const late = restarts && models.some(({ expected }) => expected.step > 0);
  const bad = chosen.bad || late;
  const inFlight =
    restarts && trainee.pending && models.some(({ sum }) => sum.length > 0) ? "ERR_STEP_IN_FLIGHT" : undefined;
  walk.call("set an option", bad ? "ERR_OPTION" : inFlight, () => Object.assign(view, change));
  if (bad || inFlight) return;
  if (restarts) for (const { expected } of models) expected.slots.squareAvg?.fill(change.initialSquareAvg as number);
  Object.assign(options, change);
  for (const { model, group } of trainee.entries.values()) if (group === index) Object.assign(model.options, change);
}

export function freeze(walk: WalkState, trainee: Trainee): void {
  const name = walk.chance(0.8) ? walk.one([...trainee.entries.keys()]) : "nobody";
  if (name === undefined) return;
  const entry = trainee.entries.get(name);
  const way = walk.chance(0.5) ? "freeze" : "unfreeze";
  const code = idleCode(trainee) ?? (entry ? undefined : "ERR_NAME");
  walk.call(way, code, () => trainee.optimizer[way](name));
  if (code === undefined && entry) entry.frozen = way === "freeze";
}

export function remove(walk: WalkState, trainee: Trainee): void {
  const name = walk.one([...trainee.entries.keys()]) ?? "nobody";
  const code = settledCode(trainee) ?? (trainee.entries.has(name) ? undefined : "ERR_NAME");
  walk.call("remove", code, () => trainee.optimizer.remove(name));
  if (code === undefined) trainee.entries.delete(name);
}

/** Assigns what nothing would read: other arrays for a parameter that an optimizer has, or an option on the optimizer. */
export function assign(walk: WalkState, trainee: Trainee): void {
  const entry = walk.one([...trainee.entries.values()].filter(({ placed }) => placed));
  const option = walk.one(["lr", "momentum", "clipGlobalNorm", "preset"]) as string;
  walk.call("set an option of the optimizer", "ERR_OPTION", () => Object.assign(trainee.optimizer, { [option]: 0 }));
  if (!entry) return;
  const key = walk.one(["data", "grad"]) as "data" | "grad";
  const other = walk.one([null, new Float32Array(entry.parameter.data.length)]);
  const { given = entry.parameter } = entry.parameter;
  walk.call("assign an array", "ERR_OPTION", () => Object.assign(given, { [key]: other }));
  assignFactors(walk, entry.parameter);
}

export function dispose(walk: WalkState, trainee: Trainee): void {
  const code = trainee.disposed ? undefined : idleCode(trainee);
  walk.call("dispose", code, () => trainee.optimizer.dispose());
  if (code !== undefined) return;
  trainee.disposed = true;
  trainee.entries.clear();
}
