// npm run pack:check [-- --partial]: packs the package as it would be published, and looks at what came out: its files,
// what package managers would run of it, what its readers' tools say, and whether it installs, steps and builds.
// --partial lets binaries be missing; --release lets nothing be missing that only a publication needs.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, posix } from "node:path";
import { hashesFile, largest, listOfHashes, products } from "../prebuild/products.js";
import { repositoryProblem } from "./ready.js";
import { here, installTools } from "./tools.js";

const root = dirname(here);
const partial = process.argv.includes("--partial");
const release = process.argv.includes("--release");
const windows = process.platform === "win32";
const largestTarball = 5_000_000;

const problems = [];
const expect = (condition, problem) => condition || problems.push(problem);

/** Runs a program to its end, with what it printed. */
function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", shell: windows, ...options });
  if (error) throw error;
  return { status, stdout, output: `${stdout}${stderr}` };
}

/** A program of release/package.json. */
function tool(name, program, args) {
  const { status, output } = run(process.execPath, [join(here, "node_modules", name, program), ...args], {
    shell: false,
  });
  console.log(`${name}: ${output.trim()}`);
  return { status, output };
}

/** The files of dist/ that an entry point loads, itself among them. */
function loadedWith(file, loaded = new Set()) {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  for (const [, path] of readFileSync(join(root, file), "utf8").matchAll(/(?:from|import)\s*"(\.[^"]+\.js)"/g)) {
    const next = posix.join(posix.dirname(file), path);
    if (next.startsWith("dist/")) loadedWith(next, loaded);
  }
  return loaded;
}

/** The files that an object of package.json's `exports` names. */
const exported = (of) => (typeof of === "string" ? [of.replace("./", "")] : Object.values(of).flatMap(exported));

installTools();

const work = mkdtempSync(join(tmpdir(), "rmsprop-pack-"));
const packed = run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", work], { cwd: root });
if (packed.status !== 0) throw new Error(packed.output);
const [{ filename, size, unpackedSize, files }] = JSON.parse(packed.stdout);
const tarball = join(work, filename);
const paths = files.map(({ path }) => path);
console.log(`${filename}: ${size} bytes, ${unpackedSize} unpacked, ${files.length} files`);

// What is in it.
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { sources, kernelSource } = createRequire(import.meta.url)("../native/build.json");
const binaries = products.filter(({ file }) => !partial || existsSync(join(root, file)));
const needed = [
  ...[
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "package.json",
    "CMakeLists.txt",
    "native/build.json",
    "native/exports.map",
  ],
  ...["dist/rmsprop.js", "dist/cli/main.js", "dist/cli/report.html", "dist/backends/binaries.cjs", hashesFile],
  ...exported(manifest.exports),
  ...[...sources, kernelSource, ...binaries.map(({ file }) => file)],
];
for (const file of needed) expect(paths.includes(file), `${file} is not in it`);
const allowed =
  /^(LICENSE|(README|CHANGELOG|SECURITY)\.md|package\.json|CMakeLists\.txt|native\/.*|dist\/.*\.(c?js|js\.map|wasm|d\.ts|txt)|dist\/cli\/report\.html|docs\/.*\.(md|svg)|prebuilds\/.*)$/;
for (const file of paths) expect(allowed.test(file), `${file} is in it`);
for (const file of paths.filter((file) => /^dist\/.*\.d\.ts$/.test(file))) {
  const source = file.replace(/^dist/, "lib").replace(/\.d\.ts$/, ".ts");
  expect(existsSync(join(root, source)), `${file} is of no file in lib/; build it again`);
}
// What a program loads to start, and no more, is what makes it start fast.
for (const entry of ["dist/index.js", "dist/browser.js"]) {
  const loaded = [...loadedWith(entry)];
  expect(loaded.length <= 3, `${entry} loads ${loaded.join(", ")}: more than itself, what entries share and schedules`);
}
for (const { path, size: bytes } of files) expect(bytes <= largest, `${path} has ${bytes} bytes`);
expect(size <= largestTarball, `it has ${size} bytes, more than ${largestTarball}`);
const hashes = join(root, hashesFile);
expect(existsSync(hashes) && readFileSync(hashes, "utf8") === listOfHashes(), `${hashesFile} is of other binaries`);

// What package managers would run.
const hooks = ["preinstall", "install", "postinstall"].filter((name) => manifest.scripts[name] !== undefined);
expect(hooks.length === 0, `package managers run its ${hooks.join(", ")}`);
expect(!paths.some((file) => file.endsWith(".gyp")), "package managers build what has a binding.gyp");
expect(manifest.gypfile === false, "gypfile is not false");

// What provenance needs.
const unknown = repositoryProblem(manifest, process.env.GITHUB_ACTIONS ? process.env.GITHUB_REPOSITORY : undefined);
if (unknown && release) problems.push(unknown);
else if (unknown) console.log(`notice: ${unknown}`);

// What tools for readers of packages say.
const lint = tool("publint", "src/cli.js", ["run", tarball, "--strict"]);
// Parcel 2 reads the field "browser" and no exports, so what publint advises against it is not for this package.
const advice = lint.output.match(/^\d+\. (?!pkg\.browser with a string value ).*/gm) ?? [];
expect(lint.status === 0 && advice.length === 0, `publint finds something: ${advice.join(" ")}`);
// ES modules only, which Node 20.19 and later can require. WebAssembly has no declarations: the runtimes and bundlers that give
// something for an import of it say what, for "*.wasm".
const types = tool("@arethetypeswrong/cli", "dist/index.js", [
  tarball,
  "--profile",
  "esm-only",
  "--exclude-entrypoints",
  "kernels.wasm",
  "--format",
  "ascii",
  "--no-emoji",
]);
expect(types.status === 0, "arethetypeswrong finds something");

// npm warns of `prepare`, which it runs of no package from a registry, where it is given the tarball itself.
// Installed with nothing but Node on the path, it steps natively.
const app = join(work, "app");
mkdirSync(app);
writeFileSync(join(app, "package.json"), '{ "private": true }');
const start = performance.now();
const install = run("npm", ["install", tarball, "--foreground-scripts", "--no-audit", "--no-fund"], { cwd: app });
console.log(`npm install: ${((performance.now() - start) / 1000).toFixed(1)} s, ${install.output.trim()}`);
expect(install.status === 0 && !/gyp|(pre|post)?install: /.test(install.output), "npm install says something of it");
const step = `
  const { backend, RMSprop } = MODULE;
  const x = { name: "x", data: Float32Array.of(1), grad: Float32Array.of(1) };
  new RMSprop([x], { lr: 0.5, alpha: 0 }).step();
  console.log(backend.name, backend.isa, x.data[0]);
`;
for (const [file, module] of [
  ["step.mjs", 'await import("rmsprop")'],
  ["step.cjs", 'require("rmsprop")'],
]) {
  writeFileSync(join(app, file), step.replace("MODULE", module));
  const { output } = run(process.execPath, [file], {
    cwd: app,
    shell: false,
    env: { ...process.env, RMSPROP_BACKEND: "" },
  });
  console.log(`${file}: ${output.trim()}`);
  expect(/^native \w+ 0\.5\n$/.test(output), `${file} printed ${output}`);
}

// Its commands, as npx runs them in a folder with nothing else.
writeFileSync(
  join(app, "record.mjs"),
  `import { SGD } from "rmsprop";
import { record } from "rmsprop/record";
const w = { name: "w", data: Float32Array.of(4), grad: Float32Array.of(1) };
const optimizer = new SGD([w], { lr: 0.5 });
const recorder = record(optimizer, "run.jsonl");
for (let step = 0; step < 5; step++) { optimizer.step(); recorder.step({ loss: w.data[0] }); }
recorder.close();
`,
);
writeFileSync(
  join(app, "settings.json"),
  JSON.stringify({ version: 1, surface: "valley", start: [-1, 1], steps: 50, runs: [{ optimizer: "Adam" }] }),
);
const inApp = { cwd: app, shell: false };
const cli = join(app, "node_modules", "rmsprop", "dist", "cli", "main.js");
expect(run(process.execPath, ["record.mjs"], inApp).status === 0, "a training cannot be recorded");
for (const [args, says] of [
  [["report", "run.jsonl"], /run\.html\s*$/],
  [["replay", "settings.json"], /: the same bits\s*$/],
  [["bits"], /are the published bits\s*$/],
]) {
  const { status, output } = run(process.execPath, [cli, ...args], inApp);
  console.log(`rmsprop ${args.join(" ")}: ${output.trim().split("\n").at(-1)}`);
  expect(status === 0 && says.test(output), `rmsprop ${args.join(" ")}: ${output}`);
}

// It builds from its own sources, with the cmake-js of this repository.
const withTools = {
  ...process.env,
  NODE_PATH: "",
  PATH: [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter),
};
const build = run(process.execPath, [cli, "build"], { cwd: root, shell: false, env: withTools });
console.log(`rmsprop build: ${build.output.trim().split("\n").slice(-2).join(" ")}`);
expect(build.status === 0 && /It works, with \w+\./.test(build.output), `rmsprop build: ${build.output}`);
const built = join(app, "node_modules", "rmsprop", "build", "Release");
expect(
  existsSync(built) && readdirSync(built).includes("rmsprop.node") && statSync(built),
  "rmsprop build left no binary",
);

rmSync(work, { recursive: true, force: true });
for (const problem of problems) console.error(`problem: ${problem}`);
console.log(`${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
