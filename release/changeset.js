// npm run changeset, npm run release:version: what changed, and the version and the changelog made of it. Needs Node 22.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { here, installTools } from "./tools.js";

const [major] = process.versions.node.split(".");
if (Number(major) < 22) {
  console.error(
    `Expected Node 22 or later, which changesets need, but this is ${process.version}. A file of .changeset/ may be ` +
      "written by hand, as those beside it.",
  );
  process.exit(1);
}
installTools();
const program = join(here, "node_modules", "@changesets", "cli", "bin.js");
const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], {
  cwd: dirname(here),
  stdio: "inherit",
});
process.exitCode = status ?? 1;
