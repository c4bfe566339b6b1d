// Programs that a bundler made of the package, in a folder of their own: they must run natively.
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { partsOf, programs } from "../../support/unused.ts";
import { binaries, binary, fillBinaries, installed, projectFolder, wasmFile } from "../packed.ts";
import { check, expectEqual } from "../report.ts";
import { run, succeed } from "../shell.ts";
import { checkSmoke, smokeIn } from "../smoke.ts";
import { node, tool } from "../tools.ts";

/** What is used of esbuild and of @vercel/nft. */
interface Esbuild {
  build(options: object): Promise<{ outputFiles: { text: string }[] }>;
}
interface Nft {
  nodeFileTrace(files: readonly string[], options: object): Promise<{ fileList: Set<string> }>;
}

const load = async <T>(...path: readonly string[]): Promise<T> => {
  const module = await import(pathToFileURL(tool(...path)).href);
  return module.default ?? module;
};

/** What esbuild's users put before an ES module that holds CommonJS. */
const banner = {
  js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
};

export async function bundlers(): Promise<void> {
  binary("linux-x64-glibc");
  const folder = await installed("bundlers");
  fillBinaries(folder);
  const esbuild = async (program: string, out: string, options: object) => {
    const { build } = await load<Esbuild>("esbuild", "lib", "main.js");
    const entryPoints = [join(folder, `${program}.mjs`)];
    const common = { bundle: true, platform: "node", absWorkingDir: folder, logLevel: "silent", entryPoints };
    await build({ ...common, outdir: out, ...options });
  };
  await check("esbuild, an ES module, add-on copied", async () => {
    const out = projectFolder("esbuild-copied");
    const options = { format: "esm", outExtension: { ".js": ".mjs" }, loader: { ".node": "copy" }, banner };
    await esbuild("whole", out, options);
    return smokeIn(out, node);
  });
  await check("esbuild, CommonJS, add-on copied", async () => {
    const out = projectFolder("esbuild-commonjs");
    await esbuild("steps", out, { format: "cjs", outExtension: { ".js": ".cjs" }, loader: { ".node": "copy" } });
    return checkSmoke(run(node, [join(out, "steps.cjs")], { cwd: out }));
  });
  await check("esbuild, package external", async () => {
    const out = join(folder, "out");
    await esbuild("whole", out, { format: "esm", outExtension: { ".js": ".mjs" }, external: ["rmsprop"] });
    return smokeIn(out, node);
  });
  for (const platform of ["node", "browser"]) {
    await check(`esbuild drops what a program does not use, platform ${platform}`, async () => {
      const { build } = await load<Esbuild>("esbuild", "lib", "main.js");
      const common = { bundle: true, write: false, format: "esm", logLevel: "silent", external: ["*.node"], platform };
      for (const { code, holds } of programs) {
        const { outputFiles } = await build({ ...common, stdin: { contents: code, resolveDir: folder } });
        expectEqual(partsOf(outputFiles[0]?.text ?? ""), holds, `what the bundle of ${code} holds`);
      }
      return `${programs.length} programs`;
    });
  }
  await check("@vercel/nft finds every binary, and what it finds runs", async () => {
    const { nodeFileTrace } = await load<Nft>("@vercel", "nft", "out", "index.js");
    const { fileList } = await nodeFileTrace([join(folder, "whole.mjs")], { base: folder });
    const missing = [...Object.values(binaries), wasmFile].filter(
      (file) => !fileList.has(`node_modules/rmsprop/${file}`),
    );
    if (missing.length > 0) throw new Error(`Expected every binary to be found, but not ${missing.join(", ")}.`);
    const out = projectFolder("nft");
    for (const file of fileList) {
      mkdirSync(dirname(join(out, file)), { recursive: true });
      copyFileSync(join(folder, file), join(out, file));
    }
    return `${fileList.size} files; ${await smokeIn(out, node)}`;
  });
  for (const program of ["steps", "whole"]) {
    await check(`bun build --compile, ${program}`, async () => {
      const out = projectFolder(`bun-compile-${program}`);
      const bun = tool("@oven", "bun-linux-x64", "bin", "bun");
      const options = ["build", "--compile", join(folder, `${program}.mjs`), "--outfile", join(out, "program")];
      succeed([bun], options, { cwd: out });
      return checkSmoke(run([join(out, "program")], [], { cwd: out }));
    });
  }
}
