// Which backend runs: the one that is asked for, or the best that loads, with one warning that names the cause.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { loadKernels } from "../lib/backends/wasm/kernels.ts";
import { rules } from "../lib/rules/all.ts";
import { root } from "./support/compile.ts";
import { temporaryFolder } from "./support/folder.ts";
import { type Ending, runProgram } from "./support/programs.ts";
import { wasm } from "./support/wasm.ts";

interface Found {
  name: string;
  isa: string;
  threads: number;
  fallbackReason?: string;
  digest: string;
}

/** What a copy of the package runs on. */
async function found(entry: string, env: Record<string, string>): Promise<Ending & { found: Found }> {
  const unset = { RMSPROP_BACKEND: undefined, RMSPROP_NATIVE_PATH: undefined, RMSPROP_ISA: undefined };
  const ending = await runProgram("backend", { args: [pathToFileURL(entry).href], env: { ...unset, ...env } });
  return { ...ending, found: ending.code === 0 ? JSON.parse(ending.stdout) : undefined };
}

const entry = join(root, "dist", "index.js");
const file = join("prebuilds", "wasm", "kernels.js");

/** The package without its binaries. */
function bareCopy(): string {
  const folder = temporaryFolder();
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  return folder;
}

const none = join(root, "there-is-none.node");
const warnings = (stderr: string) => stderr.match(/Warning: .*/g) ?? [];

describe("which backend runs", () => {
  let reference: Found;
  beforeAll(async () => {
    reference = (await found(entry, { RMSPROP_BACKEND: "reference" })).found;
    expect(reference).toMatchObject({ name: "reference", isa: "none", threads: 1 });
  });

  test("wasm by name, to the same bits", async (context) => {
    if ("missing" in wasm) context.skip(wasm.missing);
    const { stderr, found: one } = await found(entry, { RMSPROP_BACKEND: "wasm" });
    expect(stderr).toBe("");
    expect(one).toEqual({ ...reference, name: "wasm", isa: "wasm" });
  });

  test("a name that is none is refused, with those there are", async () => {
    const { code, stderr } = await found(entry, { RMSPROP_BACKEND: "gpu" });
    expect(code).toBe(1);
    expect(stderr).toContain("Expected RMSPROP_BACKEND to be native, wasm or reference, but it is 'gpu'.");
  });

  test("wasm where no binary loads, with one warning", async (context) => {
    if ("missing" in wasm) context.skip(wasm.missing);
    const { stderr, found: one } = await found(entry, { RMSPROP_NATIVE_PATH: none });
    expect(one).toMatchObject({ name: "wasm", isa: "wasm", threads: 1, digest: reference.digest });
    expect(one.fallbackReason).toContain("there-is-none.node");
    expect(warnings(stderr)).toHaveLength(1);
    expect(stderr).toMatch(
      /\[RMSPROP_WASM\] Warning: the native backend did not load, so steps run on WebAssembly: the same bits, more slowly\. The reason: .*there-is-none\.node/,
    );
  });

  const broken: Readonly<Record<string, { write?: string; reason: RegExp }>> = {
    "is gone": { reason: /there is no prebuilds\/wasm\/kernels\.js/ },
    "is cut short": { write: `export default "AGFzbQEAAAAB";`, reason: /WebAssembly|section|byte/i },
    "is another module": { write: `export default "AGFzbQEAAAA=";`, reason: /the WebAssembly module is another/ },
  };
  for (const [what, { write, reason }] of Object.entries(broken)) {
    test(`the reference where the wasm ${what} too, with one warning`, async () => {
      const folder = bareCopy();
      if (write) {
        mkdirSync(join(folder, "prebuilds", "wasm"), { recursive: true });
        writeFileSync(join(folder, file), write);
      }
      const { stderr, found: one } = await found(join(folder, "dist", "index.js"), { RMSPROP_NATIVE_PATH: none });
      expect(one).toMatchObject({ name: "reference", digest: reference.digest });
      expect(one.fallbackReason).toMatch(reason);
      expect(one.fallbackReason).toContain("there-is-none.node");
      expect(warnings(stderr)).toHaveLength(1);
      expect(stderr).toMatch(
        /\[RMSPROP_REFERENCE\] Warning: the native backend and WebAssembly did not load, so steps run on the TypeScript reference/,
      );
      rmSync(folder, { recursive: true });
    });
  }

  test("wasm that is asked for and is not there is an error", async () => {
    const { code, stderr } = await found(join(bareCopy(), "dist", "index.js"), { RMSPROP_BACKEND: "wasm" });
    expect(code).toBe(1);
    expect(stderr).toContain("there is no prebuilds/wasm/kernels.js");
  });
});

describe("kernels in WebAssembly", () => {
  const bytes = "bytes" in wasm ? wasm.bytes : new Uint8Array();

  test("are refused where they were compiled of other rules", (context) => {
    if ("missing" in wasm) context.skip(wasm.missing);
    expect(() => loadKernels(bytes, rules.slice(1))).toThrow(
      /the WebAssembly module is of another version of this package, whose rules differ: build it anew/,
    );
    expect(() => loadKernels(bytes, [...rules, ...rules.slice(0, 1)])).toThrow(/of another version/);
    const changed = { ...(rules[0] as (typeof rules)[0]), uses: () => true };
    expect(() => loadKernels(bytes, [changed, ...rules.slice(1)] as never)).toThrow(
      /lays out the table of the rule rmsprop in another way/,
    );
  });

  test("import nothing, and export their memory, table and backend alone", (context) => {
    if ("missing" in wasm) context.skip(wasm.missing);
    const module = new WebAssembly.Module(bytes);
    expect(WebAssembly.Module.imports(module)).toEqual([]);
    expect(WebAssembly.Module.exports(module).map(({ kind }) => kind)).toEqual(["memory", "global", "table"]);
  });
});
