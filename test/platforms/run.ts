// npm run test:platforms [-- --quick] [-- --apt] [-- --strict] [-- --partial] [-- --install] [-- PART …]
// The package as it is packed, on other platforms, runtimes, package managers and bundlers. It takes dist/ and prebuilds/ as
// they are built; a check whose binary or tool is not there is skipped by its name. With --strict it fails instead, but for
// binaries that were not made where --partial lets them be missing. --install installs what the parts need, and ends.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parts } from "./parts/all.ts";
import { close, expectEverything, part } from "./report.ts";
import { root } from "./shell.ts";
import { installDebian, installTools } from "./tools.ts";

const { values, positionals } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    apt: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
    partial: { type: "boolean", default: false },
    install: { type: "boolean", default: false },
  },
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
if (!values.install && !existsSync(join(root, "dist", "index.js")))
  throw new Error("Expected dist/ to be built; run `npm run build:lib`.");

const chosen = Object.entries(parts).filter(([name, { long }]) =>
  positionals.length > 0 ? positionals.includes(name) : !(values.quick && long),
);
if (values.strict) expectEverything({ binaries: !values.partial });
if (values.apt) installDebian([...new Set(chosen.flatMap(([, { packages = [] }]) => packages))], values.strict);
installTools("platforms");
for (const tools of new Set(chosen.flatMap(([, part]) => part.tools ?? []))) installTools(tools);
if (!values.install) {
  for (const [name, { run }] of chosen) await part(name, () => run({ extent: values.quick ? "short" : "whole" }));
  process.exitCode = close();
}
