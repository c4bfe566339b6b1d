// The projects of docs/recipes.md (recipes/), each made and run with the tool that it is for.
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { binary, dependencies, fillBinaries, packed, projectFolder } from "../packed.ts";
import { answers, freePort } from "../registry.ts";
import { check, expectEqual, expectMatch } from "../report.ts";
import { type Command, root, start, succeed } from "../shell.ts";
import { node, tool, toolOf } from "../tools.ts";

/** What every program of the page prints, or answers. */
const expected = "native 0.5";

/** A folder with a recipe's files, the program that the page begins with, and the package. */
function project(name: string): string {
  const folder = projectFolder(`recipe-${name}`);
  fill(folder, name);
  return folder;
}

/** The same with the tools beside the package, as where they are installed: some tools follow no link out of a project. */
function projectWithTools(name: string): string {
  const folder = projectFolder(`recipe-${name}`);
  // Hard links, which take no space.
  succeed(["cp"], ["-al", toolOf("recipes"), join(folder, "node_modules")]);
  fill(folder, name);
  return folder;
}

function fill(folder: string, name: string): void {
  const recipes = join(root, "test", "platforms", "recipes");
  if (existsSync(join(recipes, name))) cpSync(join(recipes, name), folder, { recursive: true });
  cpSync(join(recipes, "program.mjs"), join(folder, "program.mjs"));
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "rmsprop"), { recursive: true });
  succeed(["tar"], ["-xzf", packed(), "-C", join(modules, "rmsprop"), "--strip-components=1"]);
  for (const dependency of dependencies()) {
    // A tool may depend on it too; a copy over that would write into the tools.
    rmSync(join(modules, dependency), { recursive: true, force: true });
    cpSync(join(root, "node_modules", dependency), join(modules, dependency), { recursive: true });
  }
}

function expectProgram(folder: string, command: Command, args: readonly string[]): undefined {
  expectEqual(succeed(command, args, { cwd: folder }).stdout.trim(), expected, "what it printed");
}

type Compile = (config: object, done: (error: Error | null, stats?: CompileStats) => void) => void;
interface CompileStats {
  hasErrors(): boolean;
  toString(options: object): string;
}

/** Compiles with webpack, or with rspack, which has its interface. */
async function compile(compiler: Compile, folder: string, file: string): Promise<void> {
  const { default: config } = await import(pathToFileURL(join(folder, file)).href);
  const output = { ...config.output, path: join(folder, "dist") };
  await new Promise<void>((resolve, reject) => {
    compiler({ ...config, context: folder, output }, (error, stats) => {
      if (error || stats?.hasErrors()) reject(error ?? new Error(stats?.toString({ all: false, errors: true })));
      else resolve();
    });
  });
}

const load = async (...path: readonly string[]) => import(pathToFileURL(toolOf("recipes", ...path)).href);

/** Asks a server for a page until it answers, and ends it. */
async function answerOf(command: Command, args: readonly string[], folder: string, url: string): Promise<string> {
  const server = start(command, args, folder);
  try {
    await answers(url);
    return await (await fetch(url)).text();
  } finally {
    server.kill();
  }
}

/** By name, in the order of the page. */
const recipes: Readonly<Record<string, () => Promise<string | undefined> | string | undefined>> = {
  async webpack() {
    const folder = project("webpack");
    await compile((await load("webpack", "lib", "index.js")).default, folder, "webpack.config.mjs");
    return expectProgram(folder, node, ["dist/program.cjs"]);
  },
  async "node-loader"() {
    const folder = projectWithTools("webpack");
    fillBinaries(folder);
    await compile((await load("webpack", "lib", "index.js")).default, folder, "node-loader.config.mjs");
    // The binary lies beside the bundle.
    rmSync(join(folder, "node_modules"), { recursive: true });
    return expectProgram(folder, node, ["dist/program.cjs"]);
  },
  async rspack() {
    const folder = project("rspack");
    await compile((await load("@rspack/core", "dist", "index.js")).rspack, folder, "rspack.config.mjs");
    return expectProgram(folder, node, ["dist/program.cjs"]);
  },
  rollup() {
    const folder = project("rollup");
    succeed(node, [toolOf("recipes", "rollup", "dist", "bin", "rollup"), "--config"], { cwd: folder });
    return expectProgram(folder, node, ["dist/program.mjs"]);
  },
  vite() {
    const folder = projectWithTools("vite");
    succeed(node, ["node_modules/vite/bin/vite.js", "build"], { cwd: folder });
    return expectProgram(folder, node, ["dist/program.mjs"]);
  },
  esbuild() {
    const folder = project("esbuild");
    symlinkSync(tool("esbuild"), join(folder, "node_modules", "esbuild"));
    succeed(node, ["build.mjs"], { cwd: folder });
    return expectProgram(folder, node, ["dist/program.cjs"]);
  },
  parcel() {
    const folder = projectWithTools("parcel");
    // By default its cache lies beside .git, which is this checkout's.
    const options = ["build", "--no-cache", "--cache-dir", "cache"];
    succeed(node, ["node_modules/parcel/lib/bin.js", ...options], { cwd: folder });
    return expectProgram(folder, node, ["dist/program.js"]);
  },
  jest() {
    const folder = projectWithTools("jest");
    const { stderr } = succeed([...node, "--experimental-vm-modules"], ["node_modules/jest/bin/jest.js", "--ci"], {
      cwd: folder,
    });
    expectMatch(stderr, /2 passed/, "what Jest said");
    return undefined;
  },
  vitest() {
    const folder = projectWithTools("vitest");
    const { stdout } = succeed(node, ["node_modules/vitest/vitest.mjs", "run", "--root", "."], { cwd: folder });
    expectMatch(stdout, /1 passed/, "what Vitest said");
    return undefined;
  },
  sea() {
    const folder = project("sea");
    const newer = tool("node-22", "bin", "node");
    const bundle = ["main.cjs", "--bundle", "--platform=node", "--external:*.node", "--outfile=dist/main.cjs"];
    succeed([tool("esbuild", "bin", "esbuild")], bundle, { cwd: folder });
    succeed([newer, "--experimental-sea-config", "sea-config.json"], [], { cwd: folder });
    cpSync(newer, join(folder, "dist", "program"));
    const fuse = ["--sentinel-fuse", "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"];
    const postject = [
      toolOf("recipes", "postject", "dist", "cli.js"),
      "dist/program",
      "NODE_SEA_BLOB",
      "dist/program.blob",
    ];
    succeed(node, [...postject, ...fuse], { cwd: folder });
    return expectProgram(folder, [join(folder, "dist", "program")], []);
  },
  async workerd() {
    const folder = project("workerd");
    const { default: esbuild } = await import(pathToFileURL(tool("esbuild", "lib", "main.js")).href);
    // What wrangler does with an import of WebAssembly.
    const asModule = {
      name: "wasm",
      setup(build: { onResolve(options: object, resolve: () => object): void }) {
        build.onResolve({ filter: /\.wasm$/ }, () => ({ path: "./kernels.wasm", external: true }));
      },
    };
    await esbuild.build({
      ...{ entryPoints: [join(folder, "worker.mjs")], bundle: true, format: "esm", outdir: join(folder, "dist") },
      ...{ conditions: ["workerd", "worker", "browser"], plugins: [asModule], logLevel: "silent" },
    });
    cpSync(join(folder, "node_modules/rmsprop/dist/kernels.wasm"), join(folder, "dist/kernels.wasm"));
    const port = await freePort();
    const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "kernels.wasm", wasm = embed "kernels.wasm"),
  ],
  compatibilityDate = "2026-01-01",
);`;
    writeFileSync(join(folder, "dist", "config.capnp"), config);
    const workerd: Command = [toolOf("recipes", "@cloudflare", "workerd-linux-64", "bin", "workerd")];
    const url = `http://127.0.0.1:${port}/`;
    expectEqual(await answerOf(workerd, ["serve", "dist/config.capnp"], folder, url), "wasm 0.5", "the answer");
    return undefined;
  },
};

/** TypeScript by version, with what a project of the page asks of it. */
const compilers = { "5.0": ["typescript-5.0", "lib", "tsc.js"], "5.9": ["typescript-5.9", "lib", "tsc.js"] } as const;
const resolutions = {
  node10: { module: "es2022", moduleResolution: "node10", file: "program.ts" },
  bundler: { module: "es2022", moduleResolution: "bundler", file: "program.ts" },
  node16: { module: "node16", moduleResolution: "node16", file: "program.ts", type: "module" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext", file: "program.cts" },
} as const;

/** Checks a program's types, the package's declarations among them, whose paths are of @types/node's URL. */
function checkTypes(version: keyof typeof compilers, resolution: keyof typeof resolutions): undefined {
  const folder = project("typescript");
  const { file, module, moduleResolution, ...more } = resolutions[resolution];
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, ...more }));
  const lib = ["es2022", "dom"];
  const compilerOptions = { noEmit: true, strict: true, skipLibCheck: false, target: "es2022", lib, types: [] };
  const config = { compilerOptions: { ...compilerOptions, module, moduleResolution }, files: [file] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  succeed(node, [toolOf("recipes", ...compilers[version])], { cwd: folder });
}

export async function recipesPart({ long }: { readonly long: boolean }): Promise<void> {
  binary("linux-x64-glibc");
  for (const [name, body] of Object.entries(recipes)) await check(`recipe: ${name}`, body);
  for (const version of Object.keys(compilers) as (keyof typeof compilers)[]) {
    for (const resolution of Object.keys(resolutions) as (keyof typeof resolutions)[]) {
      // TypeScript 5.0 takes an import of an ES module by require() for an error.
      if (version === "5.0" && resolution === "nodenext") continue;
      await check(`recipe: typescript ${version}, ${resolution}`, () => checkTypes(version, resolution));
    }
  }
  if (!long) return;
  for (const bundler of ["--turbopack", "--webpack"]) {
    await check(`recipe: next ${bundler}`, async () => {
      const folder = projectWithTools("next");
      const next: Command = [...node, "node_modules/next/dist/bin/next"];
      succeed(next, ["build", bundler], { cwd: folder, env: { NEXT_TELEMETRY_DISABLED: "1" }, timeout: 600 });
      const port = await freePort();
      const url = `http://127.0.0.1:${port}/api/step`;
      const serve = ["start", "--port", String(port), "--hostname", "127.0.0.1"];
      expectEqual(await answerOf(next, serve, folder, url), '["native",0.5]', "the answer");
      return undefined;
    });
  }
}
