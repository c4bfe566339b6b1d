import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package, above both lib/cli and dist/cli. */
const root = fileURLToPath(new URL("../../", import.meta.url));

/** cmake-js's version, for whoever has none. */
const cmakeJs = "cmake-js@^8.0.0";

const help = `usage: rmsprop build

Compiles the native backend of the sources in this package into ${join(root, "build", "Release")}, where it is found before
the binaries that the package came with. It needs CMake and a compiler of C++20, and cmake-js: the one installed in this
project if there is one, else npm fetches ${cmakeJs}.`;

/** The program of cmake-js, where this project or the package has it. */
function installedCMakeJs(): string | undefined {
  for (const folder of [process.cwd(), root]) {
    try {
      const require = createRequire(join(folder, "package.json"));
      return join(dirname(require.resolve("cmake-js/package.json")), "bin", "cmake-js");
    } catch {
      // It is not there.
    }
  }
  return undefined;
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
    console[args[0] === "--help" ? "log" : "error"](help);
    return args[0] === "--help" ? 0 : 2;
  }
  const options = ["build", "--out", join(root, "build"), "--directory", root];
  const installed = installedCMakeJs();
  if (!installed) console.log(`This project has no cmake-js, so npm fetches ${cmakeJs}.`);
  const built = installed
    ? run(process.execPath, [installed, ...options])
    : run("npm", ["exec", "--yes", `--package=${cmakeJs}`, "--", "cmake-js", ...options], process.platform === "win32");
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
  console.log(`Built ${binary}.`);
  return 0;
}
