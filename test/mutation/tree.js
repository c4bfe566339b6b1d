// The mutated tree: a copy of lib/, native/ and test/ with every mutant in it, and an add-on compiled of it, whose kernels are
// those of one instruction set. Each run of tests chooses its mutant by RMSPROP_MUTANT.
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { mutantsOf } from "./mutants.js";

/** The instruction sets, best first, and what their names are in a symbol. */
const sets = { avx512: "6avx512", avx2: "4avx2", sse2: "4sse2" };

const chosen = `#include <cstdlib>
#include "mutation.hpp"
namespace rmsprop::mutation {
const int chosen = [] {
  const char* const value = std::getenv("RMSPROP_MUTANT");
  return value ? std::atoi(value) : 0;
}();
}  // namespace rmsprop::mutation
`;

const config = `import { BaseSequencer } from "vitest/node";
const order = (process.env.RMSPROP_JUDGES ?? "").split(" ");
const place = ({ moduleId }) => order.findIndex((file) => moduleId.endsWith(file));
class InOrder extends BaseSequencer {
  async sort(files) {
    return [...files].sort((a, b) => place(a) - place(b));
  }
}
export default {
  test: {
    include: ["test/**/*.{test,check}.ts"],
    pool: "forks",
    maxWorkers: 1,
    isolate: false,
    sequence: { sequencer: InOrder },
    server: { deps: { external: [/\\.cjs$/] } },
    testTimeout: 120_000,
    // Half of what a mutant took was to transform the same files anew.
    experimental: { fsModuleCache: true, fsModuleCachePath: "transformed" },
  },
};
`;

/** Folders of Node's headers: beside the program, where distributions have them, and in a packed folder. */
export function headers(root) {
  const beside = join(dirname(dirname(process.execPath)), "include", "node");
  const found = [beside, "/usr/include/node", join(root, "headers")].find((folder) =>
    existsSync(join(folder, "node_api.h")),
  );
  if (!found)
    throw new Error("Expected Node's headers beside its program or in /usr/include/node, but they are not there.");
  return found;
}

/** This machine's instruction set that the mutated kernels are compiled for. */
export function instructionSet() {
  const flags = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return /\bavx2\b/.test(flags) && /\bfma\b/.test(flags) ? "avx2" : "sse2";
}

function compile(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.env.CXX ?? "c++", args, { stdio: ["ignore", "inherit", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    child.on("error", reject);
    child.on("close", (status) =>
      status === 0 ? resolve() : reject(new Error(`The compiler failed:\n${said.split("\n").slice(0, 40).join("\n")}`)),
    );
  });
}

/** Writes the tree anew. */
export function writeTree(root, tree, mutants = mutantsOf(root)) {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  for (const folder of ["lib", "native", "test"]) {
    cpSync(join(root, folder), join(tree, folder), {
      recursive: true,
      filter: (file) => !/test\/(platforms|mutation|tfjs)(\/|$)/.test(file.slice(root.length + 1)),
    });
  }
  for (const file of ["package.json", "tsconfig.json"]) cpSync(join(root, file), join(tree, file));
  const here = (file) => join(root, "test", "mutation", file);
  const moved = (file, to, from) => {
    const text = from.reduce((all, [before, after]) => all.replaceAll(before, after), readFileSync(here(file), "utf8"));
    writeFileSync(join(tree, to), text);
  };
  moved("mutation.ts", join("lib", "mutation.ts"), [["../../lib/", "./"]]);
  moved("alike.ts", join("test", "alike.check.ts"), [
    ["../../lib/", "../lib/"],
    ["../support/", "./support/"],
  ]);
  cpSync(here("mutation.hpp"), join(tree, "native", "mutation.hpp"));
  writeFileSync(join(tree, "native", "chosen.cpp"), chosen);
  writeFileSync(join(tree, "vitest.config.js"), config);
  for (const [file, text] of mutants.files) {
    const up = "../".repeat(file.split("/").length - 2);
    const included = `#include "${up}mutation.hpp"\n`;
    writeFileSync(join(tree, file), /pp$/.test(file) ? text.replace(/^#include/m, `${included}#include`) : text);
  }
  // A mutant needs no thousand steps to be seen, and this is the slowest judge.
  const slow = join(tree, "test", "tfjs.test.ts");
  const shorter = readFileSync(slow, "utf8")
    .replace("steps = 1000;", "steps = 50;")
    .replace("elements = 10_007;", "elements = 1007;");
  writeFileSync(slow, shorter);
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  return mutants;
}

/** Compiles the tree's add-on. */
export async function compileTree(root, tree, isa = instructionSet(), jobs = cpus().length) {
  const list = JSON.parse(readFileSync(join(tree, "native", "build.json"), "utf8"));
  const objects = join(tree, "objects");
  mkdirSync(objects, { recursive: true });
  const common = [
    ...["-std=c++20", "-O1", "-ffp-contract=off", "-fPIC", "-pthread", "-fvisibility=hidden", "-Wno-psabi"],
    ...list.defines.map((name) => `-D${name}`),
    ...["-DNODE_GYP_MODULE_NAME=rmsprop", "-DBUILDING_NODE_EXTENSION", `-I${headers(root)}`],
    `-I${join(root, "node_modules", "node-addon-api")}`,
  ];
  const object = (source) => join(objects, `${source.replaceAll("/", "_")}.o`);
  const kernels = [...list.kernelFlags, ...list.instructionSets.x64[isa], `-DRMSPROP_ISA=${isa}`];
  const sources = [list.kernelSource, ...list.sources, "native/chosen.cpp"];
  const waiting = [...sources];
  const work = async () => {
    for (let source = waiting.shift(); source; source = waiting.shift()) {
      const own = source === list.kernelSource ? kernels : [];
      await compile([...common, ...own, "-c", join(tree, source), "-o", object(source)]);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  // The other instruction sets' tables are those of this one.
  const others = Object.keys(sets).filter((name) => name !== isa);
  const symbol = (name) => `_ZN7rmsprop${sets[name]}7backendE`;
  const same = others.map((name) => `-Wl,--defsym=${symbol(name)}=${symbol(isa)}`);
  const exported = `-Wl,--version-script=${join(tree, "native", "exports.map")}`;
  await compile(["-shared", "-pthread", ...sources.map(object), ...same, exported, "-o", join(tree, "rmsprop.node")]);
  rmSync(objects, { recursive: true });
}
