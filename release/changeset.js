// npm run changeset, npm run release:version: what changed, and the version and the changelog made of it. Needs Node 22.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { here, installTools } from "./tools.js";

installTools();
const program = join(here, "node_modules", "@changesets", "cli", "bin.js");
const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], {
  cwd: dirname(here),
  stdio: "inherit",
});
process.exitCode = status ?? 1;
