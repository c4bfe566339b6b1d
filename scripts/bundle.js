// Makes what is published of lib/: one file for each entry point, what they share in files between them, each with its source
// map, and what the browser's entry point needs in one file that asks for no other. Declarations are tsc's. A program starts
// twice as fast with these few files as with the forty of lib/.
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve as resolvePath } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const kernels = join(root, "prebuilds", "wasm", "kernels.js");

const schedules = "lib/schedules/index.ts";

/**
 * Entry points by their files in dist/, in the order in which a program may need them. Those of Node and those of browsers
 * share nothing: no program has both.
 */
const entries = {
  node: {
    index: "lib/index.ts",
    "schedules/index": schedules,
    "checkpoint/index": "lib/checkpoint/index.ts",
    "tfjs/index": "lib/tfjs/index.ts",
    "workers/index": "lib/workers/index.ts",
    "distributed/index": "lib/distributed/index.ts",
    "record/index": "lib/record/index.ts",
    "cli/main": "lib/cli/main.ts",
  },
  browser: {
    browser: "lib/browser.ts",
    workerd: "lib/workerd.ts",
    "schedules/browser": schedules,
    "checkpoint/browser": "lib/checkpoint/browser.ts",
    "tfjs/browser": "lib/tfjs/browser.ts",
    "workers/browser": "lib/workers/browser.ts",
    "distributed/browser": "lib/distributed/browser.ts",
  },
};

/**
 * Keeps `export * as schedules` a namespace of a file: of an object that holds them all, no bundler drops the schedules that a
 * program does not use.
 */
const schedulesApart = (platform) => ({
  name: "schedules",
  resolveId(id, importer) {
    if (importer === undefined || resolvePath(dirname(importer), id) !== join(root, schedules)) return undefined;
    // A file of dist/ lies as deep as its source in lib/.
    const up = dirname(importer) === join(root, "lib") ? "." : "..";
    return { id: `${up}/schedules/${platform === "browser" ? "browser" : "index"}.js`, external: true };
  },
});

/** Keeps the package's own entry point, which `rmsprop/tfjs` stands on, a file of its own. */
const entryApart = {
  name: "entry",
  resolveId(id, importer) {
    const isEntry = importer !== undefined && /^\.\.\/(index|browser)\.ts$/.test(id);
    return isEntry ? { id: id.replace(/\.ts$/, ".js"), external: true } : undefined;
  },
};

/**
 * Files of the package that stay files of their own: the paths of the binaries, which bundlers and tracers of files follow, and
 * the kernels. Each lies as far from dist/ as from lib/.
 */
const separate = [/\/binaries\.cjs$/, /\/prebuilds\/wasm\/kernels\.js$/, /\/kernels\.wasm$/];

/** What the library imports at run time. Other packages become part of its files. */
const external = [...separate, /^node:/];

/** Comments stand in lib/, which source maps hold, and in the declarations; those for bundlers stay. */
const comments = { annotation: true, jsdoc: false, legal: false };

/** Escapes what is not ASCII. A runtime then keeps a file in one byte a character, and reads it in half the time. */
const ascii = {
  name: "ascii",
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      if (file.type !== "chunk") continue;
      const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
      file.code = file.code.replace(/[^\0-\x7f]/g, escaped);
    }
  },
};

const ofCheckpoints = /\/lib\/checkpoint\/|\/@noble\//;
const ofCommands = /\/lib\/cli\//;

async function bundle(input, external, plugins, output) {
  // Nothing of Node's or a browser's is put into the files.
  const resolve = { mainFields: ["main"] };
  const build = await rolldown({ cwd: root, input, external, plugins, platform: "neutral", resolve });
  const { output: files } = await build.write({
    format: "esm",
    sourcemap: true,
    comments,
    plugins: [ascii],
    ...output,
  });
  await build.close();
  return files;
}

/** The page of `rmsprop report` without its data: script, style and uPlot in one file. */
async function makeReport() {
  const build = await rolldown({ cwd: root, input: "report/page.ts", platform: "browser" });
  const { output } = await build.generate({ format: "iife", minify: true, plugins: [ascii] });
  await build.close();
  const text = (...file) => readFileSync(join(root, ...file), "utf8");
  const uplot = join("node_modules", "uplot");
  const licence = text(uplot, "LICENSE").trim();
  const parts = {
    "/*style*/": `${text(uplot, "dist", "uPlot.min.css")}\n${text("report", "page.css")}`,
    // Each page holds uPlot, and so its licence.
    "/*script*/": `/*! This page holds uPlot.\n\n${licence} */\n${output[0].code.replaceAll("</script", "<\\/script")}`,
  };
  const page = Object.entries(parts).reduce(
    (html, [mark, part]) => html.replace(mark, () => part),
    text("report", "page.html"),
  );
  writeFileSync(join(dist, "cli", "report.html"), page);
  writeFileSync(
    join(dist, "cli", "report.LICENSE.txt"),
    `The page of reports holds code of the package uPlot.\n\n${licence}\n`,
  );
}

const files = [];
for (const [platform, input] of Object.entries(entries)) {
  const made = await bundle(input, external, [schedulesApart(platform), entryApart], {
    dir: dist,
    // What several entry points need is one file, and others what they need of checkpoints and commands, which few programs do.
    codeSplitting: {
      groups: [
        {
          name: `shared/${platform}`,
          test: (id) => !ofCheckpoints.test(id) && !ofCommands.test(id),
          minShareCount: 2,
          priority: 2,
        },
        { name: `shared/checkpoint-${platform}`, test: ofCheckpoints, minShareCount: 2, priority: 1 },
        { name: `shared/commands-${platform}`, minShareCount: 2 },
      ],
    },
    chunkFileNames: ({ facadeModuleId }) => (facadeModuleId?.includes("/lib/cli/") ? "cli/[name].js" : "[name].js"),
  });
  files.push(...made);
}
// A worker loads one small file, and nothing of what its team's thread has.
for (const name of ["workers/worker", "workers/worker-browser"]) {
  files.push(...(await bundle({ [name]: `lib/${name}.ts` }, external, [], { dir: dist })));
}
if (existsSync(kernels)) {
  const output = { file: join(dist, "rmsprop.js"), minify: true, sourcemap: false };
  files.push(...(await bundle("lib/browser.ts", [], [], output)));
  const { default: base64 } = await import(pathToFileURL(kernels).href);
  writeFileSync(join(dist, "kernels.wasm"), Buffer.from(base64, "base64"));
}

for (const { fileName, imports = [] } of files) {
  const foreign = imports.filter((name) => !/^node:|^\.|\.(c?js|wasm)$/.test(name));
  if (foreign.length > 0) throw new Error(`Expected dist/${fileName} to import no package, but it imports ${foreign}.`);
}

await makeReport();

const { resolve } = createRequire(import.meta.url);
const source = resolve("@stdlib/math-base-special-kernel-cos");
const licence = (file) => readFileSync(join(dirname(source), "..", file), "utf8");
writeFileSync(
  join(dist, "exact-math.LICENSE.txt"),
  `The files of dist/ hold code of the packages @stdlib/math-base-special-kernel-cos and -sin.\n\n` +
    `${licence("NOTICE")}\n${licence("LICENSE")}`,
);
writeFileSync(
  join(dist, "checkpoint", "sha256.LICENSE.txt"),
  "The files of dist/ hold code of the package @noble/hashes.\n\n" +
    readFileSync(join(dirname(resolve("@noble/hashes/sha2.js")), "LICENSE"), "utf8"),
);

copyFileSync(join(root, "lib", "backends", "binaries.cjs"), join(dist, "backends", "binaries.cjs"));

// What an earlier build left is no longer of anything.
const written = new Set(files.map(({ fileName }) => join(dist, fileName)));
const isStale = (file) =>
  file.endsWith(".d.ts")
    ? !existsSync(join(root, "lib", file.replace(/\.d\.ts$/, ".ts")))
    : /\.js(\.map)?$/.test(file) && !written.has(join(dist, file));
for (const file of readdirSync(dist, { recursive: true })) if (isStale(file)) rmSync(join(dist, file));
