// Builds the package in a checkout: dist/ from TypeScript, then the native backend with node-gyp. npm runs it as
// `prepare`; `--native` leaves TypeScript out. Where there is no C++ compiler it says so and succeeds, because the
// library runs on its TypeScript reference then; a compile error fails.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

function answers(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore", shell: true }).status === 0;
}

function hasCompiler() {
  // On Windows node-gyp looks for Visual Studio in places that no path names.
  if (process.platform === "win32") return true;
  const candidates = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
  return candidates.some(answers);
}

// npm brings node-gyp along and names it in the environment; other package managers put it on the path.
function nodeGyp() {
  const named = process.env.npm_config_node_gyp;
  return named ? [process.execPath, [named]] : ["node-gyp", []];
}

if (!process.argv.includes("--native")) {
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  run(process.execPath, [tsc, "-p", "tsconfig.build.json"]);
  run(process.execPath, [join(root, "scripts", "bundle.js")]);
}

if (hasCompiler()) {
  const [command, args] = nodeGyp();
  run(command, [...args, "configure", "build", "--jobs=max", "--loglevel=warn"]);
} else {
  console.warn(
    "rmsprop: no C++ compiler was found (tried CXX, c++, g++ and clang++), so the native backend was not built. " +
      "The library runs on its TypeScript reference, with the same results, more slowly.",
  );
}
