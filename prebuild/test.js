// npm run test:prebuilt: the tests of bits and of the loader, over the binary that the package has for this system.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { targets } from "./targets.js";
import { root } from "./toolchain.js";

// The loader's own name for this system.
const loader = join(root, "build", "prebuild", "load.mjs");
const bundle = await rolldown({
  input: join(root, "lib", "backends", "load.ts"),
  platform: "node",
  external: /\/prebuilds\//,
});
await bundle.write({ file: loader, format: "esm" });
await bundle.close();
const { targetOf } = await import(pathToFileURL(loader).href);

const name = targetOf(process);
const target = targets.find((target) => target.name === name);
if (!target) throw new Error(`Expected one of ${targets.map(({ name }) => name).join(", ")}, but this is ${name}.`);
const tests = ["matrix", "pipeline", "step", "loader"].map((test) => `test/${test}.test.ts`);
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const { status, error } = spawnSync(process.execPath, [vitest, "run", ...tests, ...process.argv.slice(2)], {
  cwd: root,
  env: { ...process.env, RMSPROP_BACKEND: "native", RMSPROP_NATIVE_PATH: join(root, target.file) },
  stdio: "inherit",
});
if (error) throw error;
process.exitCode = status ?? 1;
