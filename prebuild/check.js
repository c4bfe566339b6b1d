// npm run prebuild:check [-- --read] [-- --partial] [-- TARGET ...]: what the binaries in prebuilds/ are, and whether they
// are as the package promises. Each is made a second time, from another folder with nothing of what was compiled before,
// and must come out the same. --read only reads them; --partial lets binaries be missing.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { countDivisions, inspect } from "./inspect.js";
import { hashesFile, hashOf, largest, listOfHashes, products } from "./products.js";
import { unknownOf } from "./symbols.js";
import { targets } from "./targets.js";
import { root } from "./toolchain.js";

const newestGlibc = "2.28";

const require = createRequire(import.meta.url);
const { instructionSets } = require("../native/build.json");
const exportsMap = readFileSync(join(root, "native", "exports.map"), "utf8");
const exported = exportsMap.slice(0, exportsMap.indexOf("local:")).match(/\w+(?=;)/g);

// The libraries of the systems themselves: none of C++.
const libraries = {
  linux: /^(libc|libm|libdl|libpthread|ld-linux-[\w-]+)\.so(\.\d+)?$/,
  darwin: /^\/usr\/lib\/libSystem\.B\.dylib$/,
  win32: /^(KERNEL32|api-ms-win-crt-[\w-]+)\.dll$/i,
};

/**
 * What zig's linker for macOS lets out besides, because it takes no list: the header's address, and operator new and delete
 * in all their forms, which are weak, so that one of the process's own may take their place, as for any library.
 */
const letOut = /^_(mh_dylib_header|_dso_handle|Zn[aw]m|Zd[al]Pv)/;

/** The same of the sources, in another folder. */
function makeAgain(names) {
  const folder = mkdtempSync(join(tmpdir(), "rmsprop-prebuild-again-"));
  for (const part of ["native", "scripts", "binding.gyp", "package.json"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  cpSync(join(root, "prebuild"), join(folder, "prebuild"), {
    recursive: true,
    filter: (file) => !file.endsWith("node_modules"),
  });
  for (const modules of ["node_modules", "prebuild/node_modules"])
    symlinkSync(join(root, modules), join(folder, modules));
  const { status } = spawnSync(process.execPath, [join(folder, "prebuild", "run.js"), ...names], { stdio: "inherit" });
  if (status !== 0) throw new Error(`Making ${names.join(", ")} a second time ended with status ${status}.`);
  return folder;
}

const newer = (a, b) => a.localeCompare(b, "en", { numeric: true });

/** @returns {string[]} what is wrong with a binary, besides what it prints of it */
function check(target, bytes) {
  const { platform, architecture } = target;
  const binary = inspect(bytes);
  const { libraries: needed, exports: all, versions, system, code } = binary;
  const exports = all.filter((symbol) => platform !== "darwin" || !letOut.test(symbol));
  const glibc = versions
    .filter((name) => name.startsWith("GLIBC_"))
    .map((name) => name.slice("GLIBC_".length))
    .sort(newer)
    .at(-1);
  const isas = Object.keys(instructionSets[architecture]);
  const divisions = isas.map((isa) => countDivisions(code, isa));
  console.log(`  asks for: ${glibc ? `glibc ${glibc}` : (system ?? "musl")}; ${needed.join(", ")}`);
  console.log(`  instruction sets: ${isas.map((isa, i) => `${isa} (${divisions[i]} divisions)`).join(", ")}`);
  const foreign = needed.filter((library) => !libraries[platform].test(library));
  const unknown = unknownOf(target, binary);
  const absent = isas.filter((isa, i) => divisions[i] === 0 || !bytes.includes(`${isa}\0`));
  return [
    glibc && newer(glibc, newestGlibc) > 0 && `it asks for glibc ${glibc}, newer than ${newestGlibc}`,
    foreign.length > 0 && `it needs ${foreign.join(", ")}`,
    unknown.length > 0 && `nothing has what it imports: ${unknown.join(", ")}`,
    exports.sort().join() !== exported.sort().join() && `it exports ${exports.join(", ")}, not ${exported.join(", ")}`,
    absent.length > 0 && `it has no kernels for ${absent.join(", ")}`,
  ].filter(Boolean);
}

const { values, positionals: names } = parseArgs({
  options: { read: { type: "boolean", default: false }, partial: { type: "boolean", default: false } },
  allowPositionals: true,
});
const known = products.map(({ name }) => name);
const strangers = names.filter((name) => !known.includes(name));
if (strangers.length > 0) {
  console.error(`Expected targets among ${known.join(", ")}, found ${strangers.join(", ")}.`);
  process.exit(2);
}
const asked = products.filter(({ name }) => names.length === 0 || names.includes(name));
const missing = asked.filter(({ file }) => !existsSync(join(root, file)));
const made = asked.filter((product) => !missing.includes(product));
const again = values.read || made.length === 0 ? undefined : makeAgain(made.map(({ name }) => name));
const problems = values.partial
  ? []
  : missing.map(({ name, file }) => `${name}: there is no ${file}; npm run prebuild makes it`);
if (made.length === 0) problems.push("there is no binary to check");
for (const product of made) {
  const { name, file } = product;
  const bytes = readFileSync(join(root, file));
  const hash = hashOf(product);
  console.log(`${name}: ${bytes.length} bytes`);
  const target = targets.find((target) => target.name === name);
  const wrong = target ? check(target, bytes) : [];
  console.log(`  sha256 ${hash}`);
  if (again) {
    const second = hashOf(product, again);
    console.log(`   again ${second}`);
    if (hash !== second) wrong.push("made a second time it is another");
  }
  if (bytes.length > largest) wrong.push(`it has more than ${largest} bytes`);
  problems.push(...wrong.map((what) => `${name}: ${what}`));
}
if (again) rmSync(again, { recursive: true });
if (!existsSync(join(root, hashesFile)) || readFileSync(join(root, hashesFile), "utf8") !== listOfHashes()) {
  problems.push(`${hashesFile} does not list these binaries`);
}
for (const problem of problems) console.error(`problem: ${problem}`);
console.log(`${made.length} of ${asked.length} checked, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
