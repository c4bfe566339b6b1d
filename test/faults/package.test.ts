// What was wrong with the package as others install, bundle and run it. Each test has the number under which the fault was
// reported.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { selectBackend } from "../../lib/backends/select-browser.ts";
import { rules } from "../../lib/rules/all.ts";
import { root } from "../support/compile.ts";
import { checkBuilt } from "../support/programs.ts";
import { wasm } from "../support/wasm.ts";

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const missing = "missing" in wasm ? wasm.missing : undefined;

/** Whether `^20.19.0 || >=22.12.0` and the like let a version in. */
function lets(range: string, version: readonly [number, number, number]): boolean {
  return range.split("||").some((part) => {
    const [, caret, ...numbers] = part.trim().match(/^(\^|>=)(\d+)\.(\d+)\.(\d+)$/) ?? [];
    const least = numbers.map(Number);
    if (least.length !== 3) throw new Error(`Expected a range of ^ or >=, found ${part}.`);
    const at = [0, 1, 2].find((i) => version[i] !== least[i]);
    const reached = at === undefined || (version[at] as number) > (least[at] as number);
    return reached && (caret === ">=" || version[0] === least[0]);
  });
}

describe("package.json", () => {
  test("R3: engines lets in only what can require an ES module", () => {
    const range: string = manifest.engines.node;
    const able: [number, number, number][] = [
      [20, 19, 0],
      [20, 20, 2],
      [22, 12, 0],
      [23, 0, 0],
      [24, 0, 0],
      [26, 10, 0],
    ];
    const unable: [number, number, number][] = [
      [18, 20, 0],
      [20, 18, 3],
      [21, 7, 3],
      [22, 11, 0],
    ];
    for (const version of able) expect(lets(range, version), `${version}`).toBe(true);
    for (const version of unable) expect(lets(range, version), `${version}`).toBe(false);
  });

  test("R6: what knows no exports finds files too: main, module, browser, unpkg, jsdelivr", () => {
    checkBuilt();
    for (const field of ["main", "module", "browser", "unpkg", "jsdelivr", "types"]) {
      expect(manifest[field], field).toMatch(/^\.\/dist\//);
      if (/rmsprop\.js$/.test(manifest[field]) && missing) continue; // made of the kernels
      expect(existsSync(join(root, manifest[field])), manifest[field]).toBe(true);
    }
  });

  test.skipIf(missing)("R6: the browser's entry point is there in one file that asks for no other, whole", async () => {
    checkBuilt();
    const file = join(root, manifest.unpkg);
    expect(readFileSync(file, "utf8")).not.toMatch(/\bimport\s*["'{(]|\bfrom\s*["']/);
    const whole = await import(file);
    const names = Object.keys(await import(join(root, manifest.main)));
    expect(Object.keys(whole).sort()).toEqual(names.sort());
    expect(whole.backend).toMatchObject({ name: "wasm", fallbackReason: undefined });
  });

  test("R9: a resolver that knows no exports finds the declarations of each entry point", () => {
    for (const entry of Object.keys(manifest.exports).filter((name) => /^\.\/[\w-]+$/.test(name))) {
      const [declarations] = manifest.typesVersions["*"][entry.slice(2)] ?? [];
      expect(declarations, entry).toBe(manifest.exports[entry].types);
    }
  });
});

describe.skipIf(missing)("a compiled module", () => {
  test("R8: runs where nothing may be compiled", () => {
    const { Module } = WebAssembly;
    const module = new Module("bytes" in wasm ? wasm.bytes : new Uint8Array());
    WebAssembly.Module = class {
      constructor() {
        throw new Error("Wasm code generation disallowed by embedder");
      }
    } as unknown as typeof Module;
    try {
      expect(selectBackend(rules, module)).toMatchObject({ name: "wasm", fallbackReason: undefined });
    } finally {
      WebAssembly.Module = Module;
    }
  });

  test("R8: has a file in the package, and an entry point that imports it", () => {
    checkBuilt();
    expect(manifest.exports["."].workerd).toBe("./dist/workerd.js");
    expect(readFileSync(join(root, "dist/workerd.js"), "utf8")).toContain('from "./kernels.wasm"');
    expect([...readFileSync(join(root, manifest.exports["./kernels.wasm"])).subarray(0, 4)]).toEqual([
      0, 0x61, 0x73, 0x6d,
    ]);
  });
});

describe.skipIf(process.platform !== "linux")("rmsprop COMMAND", () => {
  const run = (script: string) =>
    spawnSync("sh", ["-c", script, process.execPath, join(root, "dist", "cli", "main.js")], {
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "" },
    });
  const cli = (command: string) => run(`"$0" "$1" ${command}`);

  test.each([["--version"], ["--help"], ["build --help"], ["doctor --help"], ["doctor --json"]])(
    "R11: %s ends with 1 and a sentence where its output cannot be written",
    { timeout: 300_000 },
    (command) => {
      checkBuilt();
      const { status, stderr } = cli(`${command} > /dev/full`);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: expect.stringMatching(/^Expected standard output to take what rmsprop prints, but it does not: ENOSPC/),
      });
    },
  );

  test.each([
    ["--help", "true", 0],
    ["doctor", "head -1", 0],
    ["report --help", "true", 0],
    ["nothing", "true", 2],
  ])("R11: %s | %s ends quietly, with the command's own exit code", { timeout: 300_000 }, (command, reader, code) => {
    checkBuilt();
    const { stderr } = run(`{ "$0" "$1" ${command}; echo "ended with $?" >&2; } | ${reader}`);
    expect(stderr).not.toMatch(/EPIPE|standard output/);
    expect(stderr).toMatch(code === 0 ? /^ended with 0\n$/ : /^Expected a command, .*\nended with 2\n$/s);
  });

  test("R11: bench stops where its reader has gone, before it has measured every size", { timeout: 300_000 }, () => {
    checkBuilt();
    // Each size takes as long: milliseconds until all of them end, and until one without a reader does.
    const timed = (script: string) => {
      const start = performance.now();
      const { stderr } = run(script);
      return { stderr, took: performance.now() - start };
    };
    const whole = timed('"$0" "$1" bench');
    const cut = timed('{ "$0" "$1" bench; echo "ended with $?" >&2; } | true');
    expect([whole.stderr, cut.stderr]).toEqual(["", "ended with 0\n"]);
    expect(cut.took).toBeLessThan(0.75 * whole.took);
  });

  test("R11: --version prints the version alone", () => {
    for (const flag of ["--version", "-v"])
      expect(cli(flag)).toMatchObject({ status: 0, stderr: "", stdout: `${manifest.version}\n` });
  });
});
