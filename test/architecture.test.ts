// Who may import whom (CONTRIBUTING.md has the reasons).
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./support/compile.ts";
import { buildList } from "./support/objects.ts";

function filesUnder(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((file) => join(folder, file))
    .filter((file) => ending.test(file));
}

const text = (file: string) => readFileSync(join(root, file), "utf8");

/** The files that a TypeScript file imports at run time, or with `types` all of them, and the packages. */
function importsOf(file: string, types = false): string[] {
  const every = /^(?:import|export)\s+(?:[^;"]*?from\s+)?"([^"]+)"/gms;
  const atRunTime = /^(?:import|export)\s+(?!type\b)[^;]*?from\s+"([^"]+)"/gms;
  const statements = text(file).matchAll(types ? every : atRunTime);
  return [...statements].map(([, target]) => {
    const name = target as string;
    return name.startsWith(".") ? normalize(join(dirname(file), name)) : name;
  });
}

/** The files that a C++ file includes: paths for quoted ones, names for the others. */
function includesOf(file: string): string[] {
  return [...text(file).matchAll(/^\s*#include\s+(?:"([^"]+)"|<([^>]+)>)/gm)].map(([, quoted, angled]) =>
    quoted === undefined ? (angled as string) : normalize(join(dirname(file), quoted)),
  );
}

const lib = filesUnder("lib", /\.ts$/);
const native = filesUnder("native", /\.[ch]pp$/);
const whoImports = (target: string) => lib.filter((file) => importsOf(file).includes(target));
const whoIncludes = (target: string) => native.filter((file) => includesOf(file).includes(target));

/**
 * The rooms of lib/, each above those that it may import, types included. A room is a folder, or files in lib/ itself.
 */
const rooms: readonly (readonly string[])[] = [
  ["tfjs/"],
  ["workers/"],
  ["distributed/"],
  ["index.ts", "browser.ts", "workerd.ts", "api.ts"],
  ["cli/"],
  ["paths/"],
  ["record/"],
  ["checkpoint/"],
  ["optimizers/"],
  ["optimizer.ts"],
  ["step/"],
  ["state/"],
  ["parameters/"],
  ["memory/"],
  ["backends/"],
  ["definition.ts"],
  ["rules/"],
  ["schedules/"],
  ["options/"],
  ["values/"],
  ["numbers/"],
  ["errors.ts", "host.ts", "disposable.ts", "wasm-file.d.ts"],
];

/** The number of a file's room; -1 where it is in none. */
const roomOf = (file: string) =>
  rooms.findIndex((names) =>
    names.some((name) => (name.endsWith("/") ? file.startsWith(`lib/${name}`) : file === `lib/${name}`)),
  );

describe("TypeScript", () => {
  test("every file is in a room, and imports its own room and those below it alone, types included", () => {
    expect(lib.filter((file) => roomOf(file) === -1)).toEqual([]);
    const upwards = lib.flatMap((file) =>
      importsOf(file, true)
        .filter((target) => /^lib\/.*\.ts$/.test(target) && roomOf(target) < roomOf(file))
        .map((target) => `${file} imports ${target}`),
    );
    expect(upwards).toEqual([]);
  });

  test("there is no circle of imports, types included", () => {
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      expect(path, `a circle through ${file}`).not.toContain(file);
      if (done.has(file)) return;
      for (const target of importsOf(file, true)) if (lib.includes(target)) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of lib) visit(file, []);
  });

  test("a file that is longer than 300 lines says why in its first", () => {
    const long = [...lib, ...native].filter((file) => text(file).split("\n").length > 301);
    for (const file of long) expect(text(file).split("\n")[0], file).toMatch(/^\/\/ Long(er)?[ :,]/);
  });

  test("the planner alone writes its plans", () => {
    expect(whoImports("lib/step/coming-step.ts")).toEqual(["lib/step/planner.ts"]);
    const writers = lib.filter((file) => /\bDraft</.test(text(file)));
    expect(writers.sort()).toEqual(["lib/step/coming-step.ts", "lib/step/plan.ts", "lib/step/planner.ts"]);
  });

  test("only select.ts imports the backends, and select-browser.ts those of a browser", () => {
    const everywhere = "lib/backends/select.ts";
    const inBrowsers = "lib/backends/select-browser.ts";
    expect(whoImports("lib/backends/native/native.ts")).toEqual([everywhere]);
    for (const backend of ["wasm", "reference"]) {
      expect(whoImports(`lib/backends/${backend}/${backend}.ts`).sort()).toEqual([inBrowsers, everywhere]);
    }
  });

  test("nothing that a browser imports needs Node", () => {
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file) || !/^lib\/.*ts$/.test(file)) return;
      reached.add(file);
      for (const target of importsOf(file)) visit(target);
    };
    visit("lib/browser.ts");
    visit("lib/workerd.ts");
    visit("lib/workers/browser.ts");
    visit("lib/workers/worker-browser.ts");
    visit("lib/distributed/browser.ts");
    expect(reached).toContain("lib/optimizer.ts");
    visit("lib/checkpoint/browser.ts");
    expect(reached).toContain("lib/checkpoint/read.ts");
    for (const file of reached) {
      expect(
        importsOf(file).filter((target) => !/^(lib|prebuilds|@stdlib|@noble)\//.test(target)),
        file,
      ).toEqual([]);
      const code = text(file).replace(/\/\*.*?\*\/|\/\/.*?$/gms, "");
      expect(code, file).not.toMatch(/(?<!globalThis\.)\bprocess\.|\bBuffer\b|\brequire\(/);
    }
    const loaders = ["lib/backends/native/native.ts", "lib/backends/select.ts", "lib/cli/machine.ts"];
    expect(whoImports("lib/backends/load.ts").sort()).toEqual(loaders);
    expect(whoImports("lib/backends/binaries.cjs")).toEqual(["lib/backends/load.ts"]);
  });

  test("rules import rule.ts and the arithmetic alone, and optimizers no backend", () => {
    const allowed = ["lib/numbers/arithmetic.ts", "lib/rules/rule.ts"];
    for (const file of filesUnder("lib/rules", /(?<!\/(all|rule))\.ts$/)) {
      expect(
        importsOf(file, true).filter((target) => !allowed.includes(target)),
        file,
      ).toEqual([]);
    }
    for (const file of filesUnder("lib/optimizers", /\.ts$/)) {
      expect(importsOf(file, true).filter((target) => target.startsWith("lib/backends"))).toEqual([]);
    }
  });

  test("the reference imports the stages and their order, sources, the arithmetic, rules, arrays and the host's errors alone", () => {
    const parts = [
      "columns.ts",
      "halves.ts",
      "heap.ts",
      "made-source.ts",
      "norms.ts",
      "pipeline.ts",
      "reference/stages.ts",
      "source.ts",
      "stage-memory.ts",
    ].map((file) => `lib/backends/${file}`);
    const core = [
      "lib/backends/limits.ts",
      "lib/numbers/arithmetic.ts",
      "lib/numbers/typed-array.ts",
      "lib/rules/rule.ts",
    ];
    expect(
      importsOf("lib/backends/reference/reference.ts").filter((file) => ![...core, ...parts].includes(file)),
    ).toEqual([]);
    for (const part of parts) {
      expect(
        importsOf(part).filter((target) => ![...core, ...parts, "lib/host.ts"].includes(target)),
        part,
      ).toEqual([]);
    }
  });

  test("only exact-math.ts, and host.ts of checkpoints, import packages that the build bundles", () => {
    const bundled = lib.flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith("@"))
        .map(() => file),
    );
    expect([...new Set(bundled)].sort()).toEqual(["lib/checkpoint/host.ts", "lib/numbers/exact-math.ts"]);
  });

  test("nothing imports an entry point", () => {
    for (const entry of ["lib/index.ts", "lib/browser.ts", "lib/workerd.ts"]) {
      expect(whoImports(entry)).toEqual([]);
      expect(importsOf(entry)).toContain("lib/api.ts");
    }
  });
});

describe("C++", () => {
  const kernels = native.filter((file) => file.startsWith("native/kernels/"));

  test("only binding/ sees Node-API, and nothing outside includes it", () => {
    const binding = native.filter((file) => file.startsWith("native/binding/"));
    const outside = native.filter((file) => !binding.includes(file));
    expect(whoIncludes("native/binding/binding.hpp").sort()).toEqual(
      binding.filter((file) => file.endsWith(".cpp")).sort(),
    );
    for (const file of outside) {
      expect(
        includesOf(file).filter((name) => /napi|node_api|native\/binding\//.test(name)),
        file,
      ).toEqual([]);
    }
    expect(includesOf("native/binding/binding.hpp")).toContain("napi.h");
  });

  test("what steps walk over, and how work is shared out, know neither the steps nor one another", () => {
    expect(includesOf("native/tiles.hpp").filter((name) => name.startsWith("native/"))).toEqual(["native/group.hpp"]);
    expect(includesOf("native/share.hpp").filter((name) => name.startsWith("native/"))).toEqual(["native/pool.hpp"]);
  });

  test("no file is longer than one sitting", () => {
    expect(native.filter((file) => text(file).split("\n").length > 301)).toEqual([]);
  });

  test("only kernels.cpp includes kernels and rules", () => {
    for (const part of ["kernel.hpp", "stages.hpp", "rules/all.hpp"]) {
      expect(whoIncludes(`native/kernels/${part}`)).toEqual(["native/kernels/kernels.cpp"]);
    }
    for (const rule of kernels.filter((file) => /\/rules\/(?!all)/.test(file))) {
      expect(whoIncludes(rule)).toEqual(["native/kernels/rules/all.hpp"]);
      expect(includesOf(rule)).toEqual(["native/kernels/arithmetic.hpp"]);
    }
  });

  test("kernels include nothing of the standard library that has code", () => {
    // math.h is C's, for Microsoft's compiler alone.
    const allowed = ["cstddef", "cstdint", "utility", "math.h"];
    const outside = kernels.flatMap((file) =>
      includesOf(file).filter((name) => !name.startsWith("native/kernels/") && name !== "native/backend.hpp"),
    );
    expect(outside.filter((name) => !allowed.includes(name))).toEqual([]);
    expect(includesOf("native/backend.hpp").sort()).toEqual(["cstddef", "cstdint"]);
  });
});

describe("the two builds", () => {
  test("compile every source there is", () => {
    const sources = native.filter((file) => file.endsWith(".cpp"));
    expect([...buildList.sources, buildList.kernelSource].sort()).toEqual(sources.sort());
    // Objects are named after them, in one folder where binaries are cross-compiled.
    expect(new Set(sources.map((file) => basename(file))).size).toBe(sources.length);
  });

  test("take sources and flags from native/build.json and add no flag of their own", () => {
    const gyp = text("binding.gyp").replace(/"msvs_settings".*|"msvc_flags".*|"cflags(_cc)?!".*/g, "");
    const cmake = text("CMakeLists.txt");
    for (const file of [gyp, cmake])
      expect(file).not.toMatch(/["\s(]-(O|f(?!sanitize|no-sanitize|no-omit)|m|std)[\w=-]+/);
    for (const key of ["flags", "kernelFlags", "defines", "sources", "kernelSource"]) {
      expect(gyp).toContain(`build-list.cjs ${key})`);
      expect(cmake).toMatch(new RegExp(`read_list\\(\\w+ ${key}\\)|GET "\\$\\{build_list\\}" ${key}`));
    }
  });

  test("have an object of their own for each instruction set", () => {
    const gyp = text("binding.gyp");
    const cpu = text("native/cpu.cpp");
    for (const [architecture, sets] of Object.entries(buildList.instructionSets)) {
      const dependencies = Object.keys(sets).map((isa) => `"kernels_${isa}"`);
      expect(gyp).toContain(`["target_arch=='${architecture}'", {"dependencies": [${dependencies.join(", ")}]}]`);
      for (const [isa, flags] of Object.entries(sets)) {
        expect(gyp).toContain(`"defines": ["RMSPROP_ISA=${isa}"]`);
        if (flags.length > 0) expect(gyp).toContain(`build-list.cjs instructionSets ${architecture} ${isa})`);
        expect(cpu).toContain(`namespace ${isa} {`);
      }
    }
  });
});
