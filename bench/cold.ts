// npm run bench:cold -- FOLDER [PAIRS]
// How long a fresh process takes to import the package, and to allocate, construct and first step 1,000 arrays of 1,024: of
// this build and of another, in a folder that has its dist/, package.json and binary. Processes of the two take turns. Prints
// medians of the wall clock and of the processor's time outside the system, of all threads, and their ratios.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { median } from "./median.ts";

const program = `
  const cpu = () => process.cpuUsage().user / 1000;
  const times = [[performance.now(), cpu()]];
  const { allocate, backend, RMSprop } = await import(process.argv[1]);
  times.push([performance.now(), cpu()]);
  const shapes = {};
  for (let i = 0; i < 1000; i++) shapes["w" + i] = [1024];
  new RMSprop(allocate(shapes).parameters, { lr: 1e-3 }).step();
  times.push([performance.now(), cpu()]);
  const spans = [[0, 1], [1, 2], [0, 2]];
  const parts = spans.flatMap(([from, to]) => [0, 1].map((clock) => times[to][clock] - times[from][clock]));
  console.log(JSON.stringify({ backend: backend.name, parts }));
`;
const spans = ["import", "1,000 arrays after it", "both"];
const titles = spans.flatMap((span) => [`${span}, wall clock`, `${span}, processor`]);

const [other, pairs = "30"] = process.argv.slice(2);
if (other === undefined) throw new Error("usage: npm run bench:cold -- FOLDER [PAIRS]");
const root = join(import.meta.dirname, "..", "..", "..");
const folders = { here: root, other: resolve(other) };

function sample(folder: string): readonly number[] {
  const entry = pathToFileURL(join(folder, "dist", "index.js")).href;
  const args = ["--input-type=module", "--eval", program, entry];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (stderr || !stdout) throw new Error(`Expected ${folder} to run without a word, found ${stderr}`);
  const { backend, parts } = JSON.parse(stdout) as { backend: string; parts: number[] };
  if (backend !== "native") throw new Error(`Expected ${folder} to run natively, found ${backend}.`);
  return parts;
}

const samples: Record<keyof typeof folders, (readonly number[])[]> = { here: [], other: [] };
for (let pair = 0; pair < Number(pairs); pair++) {
  samples.here.push(sample(folders.here));
  samples.other.push(sample(folders.other));
}
titles.forEach((title, i) => {
  const [here, there] = [samples.here, samples.other].map((all) => median(all.map((parts) => parts[i] as number))) as [
    number,
    number,
  ];
  console.log(
    `${title}: ${here.toFixed(1)} ms, the other ${there.toFixed(1)} ms, ratio ${(here / there).toFixed(2)} (${pairs} pairs)`,
  );
});
