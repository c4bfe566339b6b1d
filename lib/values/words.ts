// Words that somebody wrote, and those that were most likely meant.

import { typedArrayName } from "../numbers/typed-array.ts";
import { isRecord } from "./values.ts";

/** The number of letters to put in, leave out, replace or exchange with the next, to make one word of another. */
function distance(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const exchanged = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] as number) + 1 : replaced;
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, replaced, exchanged));
    }
    [before, row] = [row, next];
  }
  return row[b.length] as number;
}

/** The one of `words` that `word` most likely stands for, with at most a third of the letters wrong. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[_\- ]/g, "");
  if (word.length > 60) return undefined;
  const [wanted] = words
    .map((known) => ({ known, wrong: distance(plain(word), plain(known)) }))
    .filter(({ known, wrong }) => wrong <= Math.max(plain(known).length, plain(word).length) / 3)
    .sort((a, b) => a.wrong - b.wrong);
  return wanted?.known;
}

/** Other libraries' names of options. */
const otherNames: Readonly<Record<string, string>> = {
  learningRate: "lr",
  rho: "alpha",
  decay: "alpha",
  epsilon: "eps",
  l2: "weightDecay",
  globalClipnorm: "clipGlobalNorm",
  maxGradNorm: "clipGlobalNorm",
  maxNorm: "clipGlobalNorm",
  clipGradNorm: "clipGlobalNorm",
  useEma: "ema",
  emaMomentum: "ema",
  accumulationSteps: "gradientAccumulationSteps",
};

const inSnakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Other libraries' names of an option, in camelCase and in snake_case. */
export function otherNamesOf(option: string): string[] {
  const names = Object.keys(otherNames).filter((name) => otherNames[name] === option);
  return [...new Set([option, ...names].flatMap((name) => [name, inSnakeCase(name)]))].filter(
    (name) => name !== option,
  );
}

/** Other names of systems and number types. Of several words the first that is taken counts. */
const otherWords: Readonly<Record<string, readonly string[]>> = {
  tensorflow: ["tf1", "keras"],
  tensorflow1: ["tf1", "keras"],
  tensorflow2: ["keras"],
  tf: ["tf1", "keras"],
  tf2: ["keras"],
  tensorflowjs: ["tfjs"],
  jax: ["optax"],
  double: ["float64"],
  single: ["float32"],
};

/** The one of an option's words that `word` most likely stands for. */
export function meantWord(word: string, words: readonly string[]): string | undefined {
  const plain = word.toLowerCase().replace(/[_\-. ]/g, "");
  const others = Object.hasOwn(otherWords, plain) ? (otherWords[plain] as readonly string[]) : [];
  return others.find((other) => words.includes(other)) ?? nearest(word, words);
}

/** The option that `name` most likely stands for. */
export function meantOption(name: string, known: readonly string[]): string | undefined {
  const others = Object.keys(otherNames).filter((other) => known.includes(otherNames[other] as string));
  const found = nearest(name, [...known, ...others]);
  return found !== undefined && others.includes(found) ? otherNames[found] : found;
}

/** The end of a sentence that says what was found: "; did you mean …?", or a full stop. */
export function didYouMean(word: string | undefined): string {
  return word === undefined ? "." : `; did you mean ${word}?`;
}

/** Other names of a parameter's properties. */
const otherKeys: Readonly<Record<string, string>> = {
  ...{ gradient: "grad", gradients: "grad", dw: "grad", value: "data", values: "data", weights: "data", param: "data" },
  ...{ output: "out", result: "out", id: "name", key: "name", dims: "shape" },
};

/** The one of some properties that `key` most likely stands for, quoted. */
export function meantKey(key: string, known: readonly string[]): string | undefined {
  const others = Object.keys(otherKeys).filter((other) => known.includes(otherKeys[other] as string));
  const found = nearest(key, [...known, ...others]);
  return found === undefined ? undefined : `'${known.includes(found) ? found : otherKeys[found]}'`;
}

/** The end of a sentence for somebody who gave no list of parameters: a hint at what was most likely meant. */
export function listHint(given: unknown): string {
  if (!isRecord(given)) return ".";
  const values = Object.values(given);
  const areArrays = values.length > 0 && values.every((value) => typedArrayName(value) !== undefined);
  if (areArrays || "parameters" in given) return ": of a model of allocate() it is model.parameters.";
  return "data" in given || "params" in given ? ": put it into a list, [ … ]." : ".";
}
