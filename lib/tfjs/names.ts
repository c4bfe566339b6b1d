// Options in sentences are called as TensorFlow.js calls them, where it has them too.
import { OptimError } from "../errors.ts";
import { checkOptionName } from "../options/option.ts";
import { optimizerOptions } from "../options/stages.ts";
import type { Kind } from "./kinds.ts";

/** Options of ours that a step over tensors cannot have, with the reason. */
const refused: Readonly<Record<string, string>> = {
  zeroGrads: "because TensorFlow.js makes new gradients for each step",
  lossScale: "because TensorFlow.js computes in float32, and the loss is scaled by none",
};

/** TensorFlow.js's name of an option of ours that it calls otherwise. */
function otherName(kind: Kind, name: string): string | undefined {
  return Object.keys(kind.names).find((each) => each !== name && kind.names[each] === name);
}

/** @throws OptimError ERR_OPTION for a name that is no option of a kind. */
export function checkOptionNames(kind: Kind, names: readonly string[]): void {
  const core = { ...kind.definition.options, ...optimizerOptions };
  const kept = Object.entries(core).filter(([name]) => !(name in refused) && otherName(kind, name) === undefined);
  const own = Object.entries(kind.names).map(([name, ours]) => [name, core[ours as keyof typeof core]]);
  const table = Object.fromEntries([...own, ...kept]);
  for (const name of names) {
    const reason = refused[name];
    if (reason) throw new OptimError("ERR_OPTION", `Expected no '${name}', ${reason}, but it is given.`);
    const other = otherName(kind, name);
    if (other) throw new OptimError("ERR_OPTION", `Expected '${other}', as in TensorFlow.js, but found '${name}'.`);
    checkOptionName(table, name, kind.name);
  }
}

/** An error about options of ours, in TensorFlow.js's names. */
function renamed(kind: Kind, error: unknown): unknown {
  if (!(error instanceof OptimError) || error.code !== "ERR_OPTION") return error;
  // As an option is quoted, and as a learning rate is called.
  const message = error.message.replace(/(?<=')\w+(?=')|\w+(?=\(\d+\))/g, (name) => otherName(kind, name) ?? name);
  return message === error.message ? error : new OptimError(error.code, message);
}

/** Calls what may throw an error about options. */
export function inTheirNames<T>(kind: Kind, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw renamed(kind, error);
  }
}
