// What pages show of a run: tables for readers, and where others are as fast or faster.
import { caseName, digits, markdownTable } from "./report.ts";
import type { Result } from "./result.ts";

/** results.json. */
export interface RunRecord {
  readonly machine: Readonly<Record<string, unknown>>;
  readonly suites: readonly { readonly name: string; readonly title: string; readonly results: readonly Result[] }[];
}

interface Column {
  readonly title: string;
  /** The fastest of these counts. */
  readonly contenders: readonly string[];
}

const overviewColumns: readonly Column[] = [
  { title: "rmsprop", contenders: ["native"] },
  { title: "limit", contenders: ["limit"] },
  { title: "bare C++ loop", contenders: ["bare loop"] },
  { title: "plain JavaScript loop", contenders: ["plain loop"] },
  { title: "TensorFlow.js wasm", contenders: ["TensorFlow.js wasm"] },
  { title: "TensorFlow.js cpu", contenders: ["TensorFlow.js cpu"] },
  { title: "PyTorch", contenders: ["PyTorch", "PyTorch foreach"] },
  { title: "PyTorch, memory kept", contenders: ["PyTorch, memory kept", "PyTorch foreach, memory kept"] },
  { title: "TypeScript reference", contenders: ["reference"] },
];

const resultsOf = ({ suites }: RunRecord, name: string) => suites.find((suite) => suite.name === name)?.results ?? [];

/** PyTorch in each form by itself. */
const torchForms = [
  "PyTorch",
  "PyTorch, memory kept",
  "PyTorch foreach",
  "PyTorch foreach, memory kept",
  "torch.compile",
];
const rivalColumns: readonly Column[] = [
  { title: "rmsprop", contenders: ["native"] },
  ...[...torchForms, "JAX"].map((name) => ({ title: name, contenders: [name] })),
];

/** Rows of nanoseconds an element; a column of which nothing was measured is left out. */
function table(
  first: string,
  results: readonly Result[],
  columns: readonly Column[],
  nameOf: (result: Result) => string,
): string {
  const cell = (result: Result, { contenders }: Column) => {
    const times = contenders.flatMap((name) => result.timings[name]?.median ?? []);
    return times.length === 0 ? "" : digits(Math.min(...times));
  };
  const shown = columns.filter((column) => results.some((result) => cell(result, column) !== ""));
  const header = [first, ...shown.map(({ title }) => title)];
  return markdownTable([
    header,
    ...results.map((result) => [nameOf(result), ...shown.map((each) => cell(result, each))]),
  ]);
}

/** Nanoseconds an element by the size of one array, on one thread. */
export function overviewTable(record: RunRecord): string {
  return table(
    "elements",
    resultsOf(record, "overview"),
    overviewColumns,
    ({ case: { size } }) => `2^${Math.log2(size)}`,
  );
}

/** Nanoseconds an element of 2^24, on one thread and on all. */
export function rivalsTable(record: RunRecord): string {
  return table("2^24 elements", resultsOf(record, "rivals"), rivalColumns, (result) =>
    caseName(result).replace(/2\^24, /, ""),
  );
}

/** Contenders that somebody may take in the library's place. */
const peer = /^(bare loop|plain loop|PyTorch|TensorFlow\.js|torch\.compile|JAX)/;
/** A ratio below which hardly anybody would change for speed. */
const close = 1.5;
/** The bare loop is what the library's kernels are held against, so it is listed only where it is really faster. */
const ahead = 0.95;

/** The cases where a peer takes less than `close` times the library's time, the fastest first. */
export function wherePeersWin({ suites }: RunRecord): string {
  const found = suites.flatMap(({ name: suite, results }) =>
    results.flatMap((result) =>
      Object.entries(result.timings).flatMap(([contender, { ratio }]) =>
        ratio?.against === "native" && peer.test(contender)
          ? [{ suite, row: caseName(result), contender, ratio: ratio.median }]
          : [],
      ),
    ),
  );
  const listed = found.filter(({ contender, ratio }) => ratio < (contender === "bare loop" ? ahead : close));
  const rows = listed
    .sort((a, b) => a.ratio - b.ratio)
    .map(({ suite, row, contender, ratio }) => [`${suite}: ${row}`, contender, digits(ratio)]);
  const bare = found.filter(({ contender }) => contender === "bare loop");
  const equal = bare.filter((each) => !listed.includes(each) && each.ratio < 1 / ahead);
  const lines = [
    ...(rows.length > 0 ? [markdownTable([["case", "contender", "its time / ours"], ...rows]), ""] : []),
    `Of ${found.length} comparisons in the kept run ${rows.length} are in this table: the rivals that take less than ${close} times our time, and the bare C++ loop where it takes less than ${ahead} of it. In ${equal.length} of its ${bare.length} cases the bare loop takes as long as we do, to 5 %.`,
  ];
  return lines.join("\n");
}
