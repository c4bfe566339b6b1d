// npm run bench:keep: keeps the last run of the benchmark. It copies results.json, results.md and the charts from build/bench/ into
// bench/results/, and writes the tables that the README and bench/README.md have of it between their markers.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./addon.ts";
import { suites } from "./cases.ts";
import { overviewTable, type RunRecord, rivalsTable, wherePeersWin } from "./pages.ts";

const last = join(root, "build", "bench");
const kept = join(root, "bench", "results");
const file = join(last, "results.json");
if (!existsSync(file)) throw new Error("Expected a run to keep; npm run bench makes one.");
const record = JSON.parse(readFileSync(file, "utf8")) as RunRecord;
const missing = suites.filter(({ name }) => !record.suites.some((suite) => suite.name === name));
if (missing.length > 0) {
  throw new Error(`Expected a run of all suites, but it has no ${missing.map(({ name }) => name).join(", ")}.`);
}

mkdirSync(kept, { recursive: true });
for (const name of ["results.json", "results.md", "one-thread.svg", "large.svg", "threads.svg"]) {
  copyFileSync(join(last, name), join(kept, name));
}
// The README's chart is in the package, where bench/ is not.
copyFileSync(join(last, "one-thread.svg"), join(root, "docs", "one-thread.svg"));

/** Puts a text between a page's markers of a name. */
function write(page: string, name: string, text: string): void {
  const path = join(root, page);
  const [begin, end] = [`<!-- bench: ${name} -->`, "<!-- /bench -->"];
  const whole = readFileSync(path, "utf8");
  const from = whole.indexOf(begin);
  const to = whole.indexOf(end, from);
  if (from < 0 || to < 0) {
    console.error(`${page} has no place for it: ${begin} … ${end}`);
    process.exitCode = 1;
    return;
  }
  writeFileSync(path, `${whole.slice(0, from + begin.length)}\n${text}\n${whole.slice(to)}`);
  console.log(`${page}: ${name}`);
}

write("README.md", "overview", overviewTable(record));
write("bench/README.md", "rivals", rivalsTable(record));
write("bench/README.md", "where we do not win", wherePeersWin(record));
console.log(
  "Kept in bench/results/. The sentence before the README's table names the machine; see that it is this one.",
);
