// The toolchain of package.json beside this file, installed when it is first needed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** The repository. */
export const root = dirname(here);

/**
 * Whether the toolchain runs on a machine. zig comes in a package for each kind, and only those in the lock file are installed.
 * @param {string} [system] Platform and processor. Default: this machine's.
 * @returns {string | undefined} why it does not
 */
export function hostProblem(system = `${process.platform}-${process.arch}`) {
  const { packages } = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8"));
  const prefix = "node_modules/@zigc/";
  const hosts = Object.keys(packages)
    .filter((name) => name.startsWith(prefix) && /-/.test(name.slice(prefix.length)))
    .map((name) => name.slice(prefix.length));
  if (hosts.includes(system)) return undefined;
  return `The toolchain runs on ${hosts.join(", ")}: prebuild/package-lock.json has zig for no other. This is ${system}, for which npm run build:native builds.`;
}

/**
 * Installs what package-lock.json names, unless it is there. Not by `npm ci`, which refuses a lock file without the
 * toolchain's packages for other systems, and a registry need not have all of those.
 */
export function install() {
  const { dependencies } = createRequire(import.meta.url)("./package.json");
  const isInstalled = (name) => existsSync(join(here, "node_modules", name, "package.json"));
  if (Object.keys(dependencies).every(isInstalled)) return;
  console.log("Installing the toolchain (395 MB) into prebuild/node_modules.");
  const { status, error } = spawnSync("npm", ["install", "--no-save", "--no-audit", "--no-fund"], {
    cwd: here,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`npm install in ${here} ended with status ${status}.`);
}

/** @returns the path of a package's file, for those of prebuild/package.json and of the repository's. */
export function packageFile(name) {
  return createRequire(import.meta.url).resolve(name);
}

/** The compiler. */
export function zig() {
  const system = `${process.platform}-${process.arch}`;
  const program = process.platform === "win32" ? "zig.exe" : "zig";
  return join(here, "node_modules", "@zigc", system, "bin", program);
}

// No more programs at a time than there are processors.
let free = availableParallelism();
const waiting = [];

async function turn() {
  if (free > 0) free--;
  else await new Promise((resolve) => waiting.push(resolve));
}

function done() {
  const next = waiting.shift();
  if (next) next();
  else free++;
}

/** The lines that say what is wrong, of those where zig's own library has thousands of warnings. */
function errorsIn(output) {
  const lines = output.split("\n").filter((line) => /\berror\b/.test(line));
  return lines.length > 0 ? lines.join("\n") : output;
}

/**
 * Runs a program once it is its turn.
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env What it finds in its environment besides this process's.
 * @param {string} [cwd] Default: the repository.
 * @returns {Promise<string>} what it printed
 */
export async function run(program, args, env, cwd = root) {
  await turn();
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        cwd,
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      child.stdout.on("data", (chunk) => {
        output += chunk;
      });
      child.stderr.on("data", (chunk) => {
        output += chunk;
      });
      child.on("error", reject);
      child.on("close", (status) => {
        if (status === 0) resolve(output);
        else
          reject(new Error(`${basename(program)} ${args.join(" ")} ended with status ${status}:\n${errorsIn(output)}`));
      });
    });
  } finally {
    done();
  }
}

/**
 * Runs zig in the repository.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env What it finds in its environment besides this process's.
 * @returns {Promise<string>} what it printed
 */
export const runZig = (args, env) => run(zig(), args, env);
