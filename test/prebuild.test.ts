// The findings of prebuild:check about a binary against those of the system's own tools, on the build made on the spot.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { countDivisions, inspect } from "../prebuild/inspect.js";
import { products } from "../prebuild/products.js";
import { unknownOf } from "../prebuild/symbols.js";
import { hostProblem } from "../prebuild/toolchain.js";
import { root } from "./support/compile.ts";
import { objectSets } from "./support/objects.ts";

const binary = join(root, "build", "Release", "rmsprop.node");
const hasTools =
  process.platform === "linux" && ["readelf", "objdump"].every((tool) => spawnSync(tool, ["-v"]).status === 0);
const run = (tool: string, ...args: string[]) =>
  execFileSync(tool, [...args, binary], { encoding: "utf8", maxBuffer: 2 ** 28 });
const unique = (values: readonly string[]) => [...new Set(values)].sort();

/** Divisions of whole vectors, as objdump writes them. AVX-512 has some of AVX2's size too, by an encoding of its own. */
const divisions: Readonly<Record<string, RegExp>> = {
  sse2: /\sdivp[sd]\s/,
  avx2: /:\tc[45] .*\svdivp[sd]\s.*%ymm/,
  avx512: /\svdivp[sd]\s.*%zmm/,
  neon: /\sfdiv\s+v\d+\.(4s|2d)/,
};

describe.skipIf(!hasTools)("a binary is read as the system's tools read it", () => {
  const found = hasTools ? inspect(readFileSync(binary)) : undefined;

  test("its libraries, of which those of C++ are foreign", () => {
    const needed = [...run("readelf", "--dynamic", "--wide").matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
    expect(found?.libraries).toEqual(needed);
    expect(needed.some((name) => name?.startsWith("libstdc++"))).toBe(true);
  });

  test("its exports, imports and versions of symbols", () => {
    const lines = run("readelf", "--dyn-syms", "--wide").split("\n").slice(4);
    const symbols = lines.map((line) => line.trim().split(/\s+/)).filter((fields) => fields.length > 7);
    const named = (undefinedOnes: boolean) =>
      symbols
        .filter((fields) => (fields[6] === "UND") === undefinedOnes)
        .map((fields) => (fields[7] as string).replace(/@.*/, ""));
    expect(found?.exports.sort()).toEqual(named(false).sort());
    expect(found?.imports.sort()).toEqual(named(true).sort());
    const imported = symbols.filter((fields) => fields[6] === "UND");
    const among = (isIt: (fields: readonly string[]) => boolean) =>
      imported.filter(isIt).map(([, , , , , , , name = ""]) => name.replace(/@.*/, ""));
    expect(found?.weak.sort()).toEqual(among((fields) => fields[4] === "WEAK").sort());
    expect(found?.unversioned.sort()).toEqual(among(([, , , , , , , name = ""]) => !name.includes("@")).sort());
    const versions = run("readelf", "--version-info", "--wide").matchAll(/Name: (\S+)\s+Flags/g);
    expect(unique(found?.versions ?? [])).toEqual(unique([...versions].map(([, name]) => name as string)));
  });

  test("its instructions", () => {
    const code = run("objdump", "--disassemble", "--wide").split("\n");
    for (const isa of objectSets.filter((isa) => divisions[isa])) {
      const lines = code.filter((line) => (divisions[isa] as RegExp).test(line));
      expect(lines.length, isa).toBeGreaterThan(100);
      // Seen without knowing where instructions begin, so that an operand may be taken for one, or hide one.
      const count = countDivisions(found?.code ?? Buffer.alloc(0), isa);
      expect(Math.abs(count - lines.length) / lines.length, `${isa}: ${count} of ${lines.length}`).toBeLessThan(0.02);
    }
  });
});

const hasToolchain = existsSync(join(root, "prebuild", "node_modules"));

test.skipIf(!hasToolchain).each([
  { name: "Linux with glibc", platform: "linux", libc: "glibc" },
  { name: "Linux with musl", platform: "linux", libc: "musl" },
  { name: "macOS", platform: "darwin", libc: undefined },
] as const)(
  "MPI's functions are unknown to a binary of $name, which looks for them as it runs",
  ({ platform, libc }) => {
    const own = ["napi_create_array", "malloc", "dlopen"];
    const versioned = libc === "glibc" ? ["malloc", "dlopen"] : [];
    const binary = (...others: string[]) => ({
      ...{ imports: [...own, "optional", ...others], weak: ["optional"] },
      unversioned: [...own, "optional", ...others].filter((name) => !versioned.includes(name)),
    });
    expect(unknownOf({ platform, libc }, binary())).toEqual([]);
    expect(unknownOf({ platform, libc }, binary("MPI_Init", "napi_of_nobody"))).toEqual(["MPI_Init", "napi_of_nobody"]);
  },
);

describe("prebuild:check", () => {
  const check = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "prebuild", "check.js"), ...args], {
      encoding: "utf8",
    });
    return { status, output: stdout + stderr };
  };
  const made = existsSync(join(root, "prebuilds", "SHA256SUMS")) && hasToolchain;
  const names = products.filter(({ file }) => existsSync(join(root, file))).map(({ name }) => name);
  const absent = products.filter(({ name }) => !names.includes(name)).map(({ name }) => name);

  test("refuses a target that there is not", () => {
    expect(check("--read", "linux-x64")).toMatchObject({
      status: 2,
      output: expect.stringMatching(/^Expected targets among linux-x64-glibc, .*, found linux-x64\.\n$/),
    });
  });

  test.skipIf(!made)("--read --partial reads what was made, and makes nothing", () => {
    const { status, output } = check("--read", "--partial");
    expect(status, output).toBe(0);
    expect(output).toContain(`${names.length} of ${products.length} checked, 0 problems`);
    expect(output).not.toContain("again");
  });

  test.skipIf(!made || absent.length === 0)("a binary that is not there is a problem, and none at all too", () => {
    const [name] = absent as [string];
    const whole = check("--read", names[0] as string, name);
    expect(whole.status).toBe(1);
    expect(whole.output).toContain(`problem: ${name}: there is no `);
    const none = check("--read", "--partial", name);
    expect(none.status).toBe(1);
    expect(none.output).toContain("problem: there is no binary to check");
  });
});

describe("prebuild", () => {
  test("says where its toolchain runs", () => {
    expect(hostProblem("linux-x64")).toBeUndefined();
    for (const system of ["darwin-arm64", "win32-x64", "linux-arm64"]) {
      expect(hostProblem(system)).toMatch(new RegExp(`^The toolchain runs on linux-x64: .* This is ${system}, `));
    }
  });
});
