// Programs whose copy of the package has a damaged, missing or other binary, each in a process of its own.
import { execFile } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import shipped from "../lib/backends/binaries.cjs";
import { damageOf, targetOf } from "../lib/backends/load.ts";
import type { NativeBinding } from "../lib/backends/native/binding.ts";
import { checkBinding } from "../lib/backends/native/native.ts";
import type { StaleError } from "../lib/backends/signatures.ts";
import { rules } from "../lib/rules/all.ts";
import { type AnyRule, signatureOf } from "../lib/rules/rule.ts";
import { targets } from "../prebuild/targets.js";
import { binding } from "./support/backends.ts";
import { root } from "./support/compile.ts";
import { temporaryFolder } from "./support/folder.ts";
import { nativeBinary as built, checkBuilt } from "./support/programs.ts";

const { binaries } = shipped;
const here = targetOf(process);
const file = binaries[here]?.file ?? "";

const program = `
  const warnings = [];
  process.on("warning", ({ code, message }) => warnings.push({ code, message }));
  const { RMSprop, backend } = await import("rmsprop");
  const data = Float32Array.of(1, 2, 3);
  new RMSprop([{ name: "x", data, grad: Float32Array.of(0.1, -0.2, 0.3) }], { lr: 0.1 }).step();
  setImmediate(() => {
    console.log(JSON.stringify({ name: backend.name, reason: backend.fallbackReason, warnings, data: [...data] }));
  });
`;

interface Outcome {
  name: string;
  reason?: string;
  warnings: { code?: string; message: string }[];
  data: number[];
}

/** A program's folder with the package installed, as its tarball has it, with the binary of this system. */
function install(): { app: string; folder: string; binary: string } {
  checkBuilt();
  const app = temporaryFolder();
  const folder = join(app, "node_modules", "rmsprop");
  const binary = join(folder, file);
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  copyFileSync(join(root, "package.json"), join(folder, "package.json"));
  cpSync(join(root, "node_modules", "node-gyp-build"), join(app, "node_modules", "node-gyp-build"), {
    recursive: true,
  });
  mkdirSync(dirname(binary), { recursive: true });
  copyFileSync(built, binary);
  writeFileSync(join(app, "program.mjs"), program);
  return { app, folder, binary };
}

async function run(app: string, env: NodeJS.ProcessEnv = {}, nodeArgs: readonly string[] = []): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeArgs, join(app, "program.mjs")], {
    env: { ...process.env, NODE_OPTIONS: "", RMSPROP_BACKEND: "", RMSPROP_NATIVE_PATH: "", ...env },
  });
  return JSON.parse(stdout) as Outcome;
}

/** Replaces a text in a file by another of the same length, wherever it is: a sanitizer's binary has it in several places. */
function overwrite(path: string, from: string, to: string): void {
  const bytes = readFileSync(path);
  expect(bytes.includes(from), `${from} in ${path}`).toBe(true);
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at);
  writeFileSync(path, bytes);
}

const size = readFileSync(built).length;
const head = (bytes: readonly number[]) => Buffer.concat([Buffer.from(bytes), Buffer.alloc(4096)]);

/** The things that can have happened to the binary, and the program's warning of each. */
const damages: readonly [string, (binary: string) => void, RegExp][] = [
  ["deleted", (binary) => rmSync(binary), /at .*rmsprop.*\.node, but there is none/],
  ["empty", (binary) => truncateSync(binary, 0), /it is no binary of any system \(0 bytes\)/],
  [
    "truncated",
    (binary) => truncateSync(binary, size - 1000),
    process.platform === "linux" ? RegExp(`it is truncated: ${size - 1000} of ${size} bytes`) : /./,
  ],
  ["a text", (binary) => writeFileSync(binary, "version https://git-lfs.github.com/spec/v1\n"), /it is no binary/],
  [
    "one for another system",
    (binary) => writeFileSync(binary, head(process.platform === "win32" ? [0x7f, 0x45, 0x4c, 0x46] : [0x4d, 0x5a])),
    /it is a binary for (win32|linux)/,
  ],
  [
    "one with a rule of another version",
    (binary) => overwrite(binary, "squareAvg", "squareSum"),
    /^the binary is of another version of this package, whose rules differ: build it anew \(npx rmsprop build;.*npm run build:native\)/,
  ],
  [
    "one whose staged steps are told other things",
    (binary) => overwrite(binary, "skipNonFinite clipGlobalNorm", "clipGlobalNorm skipNonFinite"),
    /^the binary is of another version of this package, whose stages differ: build it anew/,
  ],
  [
    "one whose functions take other arguments",
    (binary) => overwrite(binary, "bind isa groups", "bind groups isa"),
    /^the binary is of another version of this package, whose calls differ: build it anew/,
  ],
];

describe("the package's binary", () => {
  test("is loaded where nothing is wrong with it, without a warning", async () => {
    expect(await run(install().app)).toMatchObject({ name: "native", warnings: [] });
  });

  test.each(damages)("%s: the next backend takes over with one warning that says why", async (_, damage, reason) => {
    const { app, binary } = install();
    const { data } = await run(app);
    damage(binary);
    const found = await run(app);
    expect(found.name).not.toBe("native");
    expect(found.reason).toMatch(reason);
    expect(found.warnings.map(({ code }) => code)).toEqual([`RMSPROP_${found.name.toUpperCase()}`]);
    expect(found.warnings[0]?.message).toContain(found.reason);
    expect(found.data).toEqual(data);
  });

  test.runIf(process.platform === "linux")("one for another processor is told before the system tries it", () => {
    const copy = join(temporaryFolder(), "x.node");
    copyFileSync(built, copy);
    const other = process.arch === "x64" ? "arm64" : "x64";
    expect(damageOf(copy, { platform: "linux", arch: other })).toBe(`it is a binary for ${process.arch}`);
    expect(damageOf(copy, process)).toBeUndefined();
  });

  test("where add-ons are forbidden, the next backend takes over", async () => {
    const { app } = install();
    const [major = 0] = process.versions.node.split(".").map(Number);
    const flag = major < 23 ? "--experimental-permission" : "--permission";
    const { name, reason, warnings } = await run(app, {}, [
      "--no-warnings=ExperimentalWarning",
      flag,
      "--allow-fs-read=*",
    ]);
    // Node 20 forbids add-ons to no program.
    if (name === "native") expect(major).toBeLessThan(22);
    else expect(warnings.filter(({ message }) => message.includes(reason as string))).toHaveLength(1);
  });
});

describe("another binary", () => {
  test("is the one that RMSPROP_NATIVE_PATH names, if there is one", async () => {
    const { app, binary } = install();
    const moved = join(app, "moved.node");
    copyFileSync(binary, moved);
    rmSync(binary);
    expect(await run(app, { RMSPROP_NATIVE_PATH: moved })).toMatchObject({ name: "native", warnings: [] });
    rmSync(moved);
    const { name, reason } = await run(app, { RMSPROP_NATIVE_PATH: moved });
    expect([name === "native", reason]).toEqual([false, expect.stringContaining(`at ${moved}, but there is none`)]);
  });

  test("is the one built on the spot, and it is not passed over if it does not fit", async () => {
    const { app, folder, binary } = install();
    const local = join(folder, "build", "Release", "rmsprop.node");
    mkdirSync(dirname(local), { recursive: true });
    copyFileSync(binary, local);
    rmSync(binary);
    expect(await run(app)).toMatchObject({ name: "native", warnings: [] });
    overwrite(local, "squareAvg", "squareSum");
    copyFileSync(built, binary);
    expect((await run(app)).reason).toMatch(/another version/);
  });
});

describe.skipIf(!binding)("what differs between the binary and this version", () => {
  type Described = ReturnType<NativeBinding["describe"]>;
  const described = binding?.describe() as Described;
  const differenceOf = (changed: Partial<Described>, expected: readonly AnyRule[] = rules) => {
    try {
      checkBinding({ describe: () => ({ ...described, ...changed }) } as NativeBinding, expected);
    } catch (error) {
      return (error as StaleError).difference;
    }
    return undefined;
  };
  const [first] = rules.map(signatureOf);

  test("is nothing", () => {
    expect(differenceOf({})).toBeUndefined();
  });

  test.each([
    ["fewer", rules.slice(0, -1), { expected: null, found: described?.signatures.at(-1) }],
    [
      "more",
      [...rules, { ...(rules[0] as AnyRule), name: "another" }],
      { expected: expect.stringMatching(/^another;/), found: null },
    ],
    ["of another order", rules.toReversed(), { expected: signatureOf(rules.at(-1) as AnyRule), found: first }],
  ])("is the rules where they are %s, not what is compared after them", (_, expected, difference) => {
    expect(differenceOf({ stages: "", calls: "" }, expected)).toEqual({ part: "rules", ...difference });
  });

  test("is a limit of the kernels, by its name", () => {
    for (const [name, limit] of Object.entries(described.limits)) {
      const limits = { ...described.limits, [name]: limit + 1 };
      const difference = { part: "limits", expected: `${name} ${limit}`, found: `${name} ${limit + 1}` };
      expect(differenceOf({ limits })).toEqual(difference);
    }
    expect(Object.keys(described.limits)).toEqual(["tileSize", "maxSlots", "maxCoefficients", "maxParts"]);
  });

  test("is told of a binary that says nothing of a part", () => {
    for (const [part, name] of [
      ["stages", "stages"],
      ["calls", "calls"],
      ["limits", "limits"],
      ["rules", "signatures"],
    ] as const) {
      expect(differenceOf({ [name]: undefined })).toMatchObject({ part, expected: expect.any(String), found: null });
    }
  });
});

describe("the system's name", () => {
  test.each([
    ["darwin", "arm64", "darwin-arm64"],
    ["win32", "x64", "win32-x64"],
    ["linux", "x64", "linux-x64-musl"],
    ["freebsd", "x64", "freebsd-x64"],
  ])("on %s %s is %s", (platform, arch, target) => {
    expect(targetOf({ platform, arch }, () => true)).toBe(target);
  });

  test("has a binary for each target that is made, by its literal path", () => {
    expect(Object.entries(binaries).map(([name, { file }]) => [name, file])).toEqual(
      targets.map(({ name, file }) => [name, file]),
    );
    const source = readFileSync(join(root, "lib/backends/binaries.cjs"), "utf8");
    for (const { file } of Object.values(binaries)) expect(source).toContain(`require("../../${file}")`);
  });
});
