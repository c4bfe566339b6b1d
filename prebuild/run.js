// npm run prebuild [-- TARGET ...]: makes the binaries that the package ships, all of them or those named.
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashesFile, listOfHashes, products } from "./products.js";
import { hostProblem, install, root } from "./toolchain.js";

const names = process.argv.slice(2);
const known = products.map(({ name }) => name);
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`Expected targets among ${known.join(", ")}, found ${unknown.join(", ")}.`);
  process.exit(2);
}

const problem = hostProblem();
if (problem) {
  console.error(problem);
  process.exit(2);
}

install();
const folder = "build/prebuild";
const chosen = names.length === 0 ? products : products.filter(({ name }) => names.includes(name));
const outcomes = await Promise.allSettled(
  chosen.map(async ({ name, file, make }) => {
    const start = performance.now();
    const output = join(root, file);
    const warnings = await make(folder, output, join(root, folder, "cache"));
    for (const warning of warnings) console.error(warning);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`${name}: ${file}, ${statSync(output).size} bytes, ${seconds} s`);
  }),
);
writeFileSync(join(root, hashesFile), listOfHashes());
const failed = outcomes.flatMap((outcome, i) =>
  outcome.status === "rejected" ? [`${chosen[i].name}: ${outcome.reason.message}`] : [],
);
for (const failure of failed) console.error(failure);
process.exitCode = failed.length > 0 ? 1 : 0;
