import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { print } from "./output.ts";

/** The package, above both lib/cli and dist/cli. */
const root = fileURLToPath(new URL("../../", import.meta.url));

/** The tools of the build, for projects that have none. */
const tools = ["cmake-js@^8.0.0", "node-addon-api@^8.9.0"];

/** The folder that npm installs them into. */
const toolsFolder = join(root, "build", "tools");

const help = `usage: rmsprop build

Compiles the native backend of the sources in this package into ${join(root, "build", "Release")}, where it is found before
the binaries that the package came with. It needs CMake and a compiler of C++20, and cmake-js and node-addon-api: those of
this project if it has them, else npm fetches ${tools.join(" and ")} into ${toolsFolder}.`;

/** The folders of cmake-js and node-addon-api, if both resolve from a folder. */
function findTools(folder: string): { cmakeJs: string; headers: string } | undefined {
  const { resolve } = createRequire(join(folder, "package.json"));
  try {
    return {
      cmakeJs: dirname(resolve("cmake-js/package.json")),
      headers: dirname(resolve("node-addon-api/package.json")),
    };
  } catch {
    return undefined;
  }
}

function run(command: string, args: readonly string[], shell = false): boolean {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", shell });
  if (error) console.error(`${command} could not be run: ${error.message}`);
  return status === 0;
}

/**
 * `rmsprop build`.
 * @returns the exit code
 */
export function build(args: readonly string[]): number {
  if (args.length > 0) {
    if (args[0] === "--help") {
      print(help);
      return 0;
    }
    console.error(help);
    return 2;
  }
  let found = findTools(process.cwd()) ?? findTools(root) ?? findTools(toolsFolder);
  if (!found) {
    print(`This project has no cmake-js and node-addon-api, so npm fetches them into ${toolsFolder}.`);
    mkdirSync(toolsFolder, { recursive: true });
    writeFileSync(join(toolsFolder, "package.json"), '{ "private": true }\n');
    const options = ["install", "--prefix", toolsFolder, "--no-audit", "--no-fund", ...tools];
    if (!run("npm", options, process.platform === "win32")) return 1;
    found = findTools(toolsFolder);
  }
  const built =
    found !== undefined &&
    run(process.execPath, [
      join(found.cmakeJs, "bin", "cmake-js"),
      ...["build", "--out", join(root, "build"), "--directory", root],
      `--CDRMSPROP_NODE_ADDON_API=${found.headers}`,
    ]);
  const binary = join(root, "build", "Release", "rmsprop.node");
  if (!built || !existsSync(binary)) {
    console.error("The native backend was not built. It needs CMake 3.19 or later and a compiler of C++20.");
    return 1;
  }
  // A process of its own, because this one may have loaded another binary.
  const entry = JSON.stringify(new URL("../index.js", import.meta.url).href);
  const program = `import(${entry}).then(({ backend }) => console.log("It works, with " + backend.isa + "."))`;
  const { status } = spawnSync(process.execPath, ["--eval", program], {
    env: { ...process.env, RMSPROP_BACKEND: "native", RMSPROP_NATIVE_PATH: binary, RMSPROP_ISA: "" },
    stdio: "inherit",
  });
  if (status !== 0) return 1;
  print(`Built ${binary}.`);
  return 0;
}
