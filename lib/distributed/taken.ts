// What `shard` is given: a model, its parameters, or groups of them, read as an optimizer's constructor reads them.
import { currentBackend } from "../backends/current.ts";
import { type GradientSource, isFactors, isMade } from "../backends/source.ts";
import { OptimError } from "../errors.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { checkMade } from "../parameters/made.ts";
import { checkOverlap } from "../parameters/overlap.ts";
import { type CheckedParameter, checkNames, checkParameters, type RawParameter } from "../parameters/parameter.ts";
import { takeGroups } from "../parameters/take.ts";
import { isRecord } from "../values/values.ts";
import { checkPlaces, type WholeParameter } from "./places.ts";

/** Parameters that share options. */
export interface TakenGroup {
  readonly options: Record<string, unknown>;
  /** Their numbers among all, one after the other. */
  readonly wholes: readonly number[];
}

export interface Taken {
  readonly groups: readonly TakenGroup[];
  readonly wholes: readonly WholeParameter[];
  /** The parameters as an optimizer has them. */
  readonly checked: readonly CheckedParameter[];
  /** The names of other properties of each one's object. */
  readonly others: readonly (readonly string[])[];
}

const parametersOf = (given: unknown): unknown =>
  isRecord(given) && !(Symbol.iterator in given) && "parameters" in given ? given.parameters : given;

/**
 * Reads and checks them, each property once.
 * @param replicas Those of this rank.
 * @throws OptimError as an optimizer's constructor does; ERR_RANKS, ERR_DTYPE and ERR_LENGTH for what ranks cannot share.
 */
export function takeModel(given: unknown, replicas: number): Taken {
  const raw = takeGroups(parametersOf(given));
  const lists = raw.map(({ params, made }) => (made ? checkMade(made) : checkParameters(params)));
  const checked = lists.flat();
  checkNames(checked);
  checkOverlap(checked, [], currentBackend());
  const rawParameters = raw.flatMap(({ params }, i): (RawParameter | undefined)[] =>
    params.length > 0 ? [...params] : (lists[i] ?? []).map(() => undefined),
  );
  const wholes = checked.map((parameter, i) => wholeOf(parameter, rawParameters[i], replicas));
  checkPlaces(wholes);
  let next = 0;
  const groups = raw.map(({ options: { params: _, ...options } }, i) => {
    const first = next;
    next += (lists[i] ?? []).length;
    return { options, wholes: Array.from({ length: next - first }, (_, w) => first + w) };
  });
  return { groups, wholes, checked, others: rawParameters.map((each) => each?.others ?? []) };
}

function wholeOf(parameter: CheckedParameter, raw: RawParameter | undefined, replicas: number): WholeParameter {
  const { name, type, length, data, source } = parameter;
  if (!data) {
    throw new OptimError("ERR_DTYPE", `Expected the data of '${name}', which all ranks have, but it is null.`);
  }
  const grads = gradsOf(name, source);
  if (grads.length !== replicas) {
    throw new OptimError(
      "ERR_LENGTH",
      `Expected '${name}' to have a gradient for each replica of this rank, ${replicas}, but it has ${grads.length}: ` +
        "allocate(shapes, { replicas }) makes them.",
    );
  }
  return { name, type, length, data, grads, given: raw?.given as object | undefined };
}

function gradsOf(name: string, source: GradientSource | null): FloatArray[] {
  if (!source) {
    throw new OptimError(
      "ERR_RANKS",
      `Expected gradients that lie in one run, as those of allocate() do, but '${name}' has none.`,
    );
  }
  if (!isMade(source)) return [source.array];
  return source.parts.map((part) => {
    if (!isFactors(part)) return part.array;
    throw new OptimError(
      "ERR_DTYPE",
      `Expected the gradient of '${name}' to be an array, which ranks exchange, but it is made of factors.`,
    );
  });
}
