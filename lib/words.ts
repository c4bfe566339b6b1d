// Words that somebody wrote, and those that were most likely meant.

/** How many letters have to be put in, left out, replaced or exchanged with the next to make one word of another. */
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

/** The one of some words that somebody who wrote `word` most likely meant: at most a third of the letters are wrong. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[_\- ]/g, "");
  if (word.length > 60) return undefined;
  const [wanted] = words
    .map((known) => ({ known, wrong: distance(plain(word), plain(known)) }))
    .filter(({ known, wrong }) => wrong <= Math.max(plain(known).length, plain(word).length) / 3)
    .sort((a, b) => a.wrong - b.wrong);
  return wanted?.known;
}

/** What other libraries call an option of ours. */
const otherNames: Readonly<Record<string, string>> = {
  learningrate: "lr",
  rho: "alpha",
  decay: "alpha",
  epsilon: "eps",
  l2: "weightDecay",
  globalclipnorm: "clipGlobalNorm",
  maxgradnorm: "clipGlobalNorm",
  maxnorm: "clipGlobalNorm",
  clipgradnorm: "clipGlobalNorm",
  useema: "ema",
  emamomentum: "ema",
  accumulationsteps: "gradientAccumulationSteps",
};

/** The option that somebody who wrote `name` most likely meant. */
export function meantOption(name: string, known: readonly string[]): string | undefined {
  const others = Object.keys(otherNames).filter((other) => known.includes(otherNames[other] as string));
  const found = nearest(name, [...known, ...others]);
  return found !== undefined && others.includes(found) ? otherNames[found] : found;
}

/** "; did you mean …?" after what was found, or the end of the sentence. */
export function didYouMean(word: string | undefined): string {
  return word === undefined ? "." : `; did you mean ${word}?`;
}

/** What people call what a parameter holds. */
const otherKeys: Readonly<Record<string, string>> = {
  ...{ gradient: "grad", gradients: "grad", dw: "grad", value: "data", values: "data", weights: "data", param: "data" },
  ...{ output: "out", result: "out", id: "name", key: "name", dims: "shape" },
};

/** The one of some properties that somebody who wrote `key` most likely meant, quoted. */
export function meantKey(key: string, known: readonly string[]): string | undefined {
  const others = Object.keys(otherKeys).filter((other) => known.includes(otherKeys[other] as string));
  const found = nearest(key, [...known, ...others]);
  return found === undefined ? undefined : `'${known.includes(found) ? found : otherKeys[found]}'`;
}
