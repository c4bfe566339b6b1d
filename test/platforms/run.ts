// npm run test:platforms [-- --quick] [-- --apt] [-- PART …]
// The package as it is packed, on other platforms, runtimes, package managers and bundlers. It takes dist/ and prebuilds/ as
// they are built; a check whose binary or tool is not there is skipped by its name.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parts } from "./parts/all.ts";
import { close, part } from "./report.ts";
import { root } from "./shell.ts";
import { installDebian, installTools } from "./tools.ts";

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean", default: false }, apt: { type: "boolean", default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  throw new Error(`Expected parts among ${Object.keys(parts).join(", ")}, found ${unknown.join(", ")}.`);
}
if (process.platform !== "linux" || process.arch !== "x64") {
  throw new Error(
    `These tests emulate other platforms on Linux on x64, and this is ${process.platform}-${process.arch}.`,
  );
}
if (!existsSync(join(root, "dist", "index.js"))) throw new Error("Expected dist/ to be built; run `npm run build`.");

const chosen = Object.entries(parts).filter(([name, { long }]) =>
  positionals.length > 0 ? positionals.includes(name) : !(values.quick && long),
);
if (values.apt) installDebian([...new Set(chosen.flatMap(([, { packages = [] }]) => packages))]);
installTools();
for (const [name, { run }] of chosen) await part(name, () => run({ extent: values.quick ? "short" : "whole" }));
process.exitCode = close();
