// npm run prebuild [-- TARGET ...]: makes the binaries that the package ships, all of them or those named.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "./compile.js";
import { targets } from "./targets.js";
import { install, root } from "./toolchain.js";
import { compileWasm, wasm } from "./wasm.js";

/** @type {readonly { name: string, file: string, make: (...where: [string, string, string]) => Promise<string[]> }[]} */
const products = [
  ...targets.map((target) => ({ ...target, make: (...where) => compile(target, ...where) })),
  { ...wasm, make: compileWasm },
];

/** The list of hashes that the package holds, as `sha256sum --check` reads it. */
function writeHashes() {
  const present = products.filter(({ file }) => existsSync(join(root, file)));
  const lines = present.map(({ file }) => {
    const hash = createHash("sha256")
      .update(readFileSync(join(root, file)))
      .digest("hex");
    return `${hash}  ${file.slice("prebuilds/".length)}\n`;
  });
  writeFileSync(join(root, "prebuilds", "SHA256SUMS"), lines.join(""));
}

const names = process.argv.slice(2);
const known = products.map(({ name }) => name);
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`Expected targets among ${known.join(", ")}, found ${unknown.join(", ")}.`);
  process.exit(2);
}

install();
const chosen = names.length === 0 ? products : products.filter(({ name }) => names.includes(name));
const outcomes = await Promise.allSettled(
  chosen.map(async (target) => {
    const start = performance.now();
    const warnings = await target.make("build/prebuild", join(root, target.file), join(root, "build/prebuild/cache"));
    const bytes = readFileSync(join(root, target.file)).length;
    for (const warning of warnings) console.error(warning);
    console.log(`${target.name}: ${target.file}, ${bytes} bytes, ${((performance.now() - start) / 1000).toFixed(0)} s`);
  }),
);
writeHashes();
const failed = outcomes.flatMap((outcome, i) =>
  outcome.status === "rejected" ? [`${chosen[i].name}: ${outcome.reason.message}`] : [],
);
for (const failure of failed) console.error(failure);
process.exitCode = failed.length > 0 ? 1 : 0;
