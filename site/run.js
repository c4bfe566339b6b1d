// npm run site, site:dev and test:site: installs what package.json beside this file names, then makes, serves or tests the site.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);

const [command, ...rest] = process.argv.slice(2);

/** What each command runs, one after the other: the package, its program, the arguments. */
const programs = {
  build: [
    ["vue-tsc", "bin/vue-tsc.js", "--noEmit"],
    ["vitepress", "bin/vitepress.js", "build", "."],
  ],
  dev: [["vitepress", "bin/vitepress.js", "dev", "."]],
};
programs.test = [...programs.build, ["vitest", "vitest.mjs", "run", "--config", "vitest.config.ts"]];
if (!Object.hasOwn(programs, command)) throw new Error(`Expected build, dev or test, but found ${command}.`);

function run(program, args) {
  const { status, error } = spawnSync(program, args, { cwd: here, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

// The figures are computed by the package as it is published.
if (!existsSync(join(root, "dist", "kernels.wasm"))) {
  console.error("The site needs dist/ with the WebAssembly: npm run prebuild -- wasm && npm run build:lib");
  process.exit(1);
}
const { dependencies } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
if (!Object.keys(dependencies).every((name) => existsSync(join(here, "node_modules", name, "package.json")))) {
  console.log("Installing what the site needs into site/node_modules.");
  run("npm", ["ci", "--no-audit", "--no-fund"]);
}

// What a figure shows that is trained beforehand.
run(process.execPath, [
  join(root, "node_modules", "typescript", "bin", "tsc"),
  "-p",
  join(root, "tsconfig.tools.json"),
]);
const training = join(root, "build", "tools", "examples", "digits-five.js");
run(process.execPath, [training, join(root, "build", "site-data", "digits.json")]);

for (const [name, file, ...args] of programs[command]) {
  const folder = [here, root].map((from) => join(from, "node_modules", name)).find(existsSync);
  run(process.execPath, [join(folder, file), ...args, ...rest]);
}
