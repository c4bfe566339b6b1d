// rmsprop doctor: what it finds, and its exit codes.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backends/backend.ts";
import { createReference } from "../../lib/backends/reference/reference.ts";
import type { Findings } from "../../lib/cli/doctor.ts";
import { listed, selfTest } from "../../lib/cli/self-test.ts";
import { rules } from "../../lib/rules/all.ts";
import { variantsOf } from "../../lib/rules/rule.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { objectSets } from "../support/objects.ts";
import { checkBuilt } from "../support/programs.ts";
import { wasm } from "../support/wasm.ts";

const none = join(root, "there-is-none.node");

function doctor(args: readonly string[], env: Record<string, string> = {}) {
  const unset = { RMSPROP_BACKEND: "", RMSPROP_NATIVE_PATH: "", RMSPROP_ISA: "" };
  return spawnSync(process.execPath, [join(root, "dist", "cli", "main.js"), "doctor", ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", ...unset, ...env },
  });
}

const findings = (...given: Parameters<typeof doctor>): Findings => JSON.parse(doctor(...given).stdout);

/** Each variant in two number types, and every stage of each rule in both. */
const kernels = 2 * rules.reduce((sum, rule) => sum + variantsOf(rule).length + 1, 0);

describe("rmsprop doctor", () => {
  beforeAll(checkBuilt);

  test.skipIf(process.env.RMSPROP_BACKEND)("finds the native backend and tests every set", () => {
    const { status, stderr, stdout } = doctor(["--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const found: Findings = JSON.parse(stdout);
    expect(found).toMatchObject({ exitCode: 0, runtime: `Node ${process.versions.node}` });
    expect(found.platform).toContain(`${process.platform}-${process.arch}`);
    const { isas, file } = found.native as { isas: string[]; file: string };
    expect(file).toMatch(/rmsprop.*\.node$/);
    expect(isas.length).toBeGreaterThan(0);
    for (const isa of isas) expect(objectSets).toContain(isa);
    expect(found.backend).toMatchObject({ name: "native", isa: isas[0] });
    const all = "missing" in wasm ? isas : [...isas, "wasm"];
    expect(found.selfTest.map(({ isa }) => isa)).toEqual(all);
    for (const tested of found.selfTest) expect(tested).toMatchObject({ kernels, different: [] });
    const { step, copy } = found.memory as { step: { threads: number; gigabytesPerSecond: number }[]; copy: number };
    for (const rate of [copy, ...step.map(({ gigabytesPerSecond }) => gigabytesPerSecond)]) {
      expect(rate).toBeGreaterThan(0.1);
      expect(rate).toBeLessThan(10_000);
    }
  });

  test("says why the native backend did not load, for people too, with exit code 3", () => {
    const { status, stdout, stderr } = doctor([], { RMSPROP_NATIVE_PATH: none });
    expect({ status, stderr }).toEqual({ status: 3, stderr: "" });
    expect(stdout).toMatch(/^native {6}not there: .*there-is-none\.node/m);
    expect(stdout).toMatch(/^because {5}.*there-is-none\.node/m);
    expect(stdout).toMatch("missing" in wasm ? /^in use {6}reference/m : /^in use {6}wasm, wasm, 1 thread/m);
    expect(stdout).toMatch(/^memory .* GB\/s in steps on 1 thread; .* GB\/s in copies$/m);
  });

  test.skipIf(process.env.RMSPROP_BACKEND)(
    "5: a binary of another version is told in a sentence, and how it differs in JSON alone",
    () => {
      const { file } = findings(["--json"]).native as { file: string };
      const stale = join(temporaryFolder(), "stale.node");
      const bytes = readFileSync(file);
      for (let at = bytes.indexOf("squareAvg"); at >= 0; at = bytes.indexOf("squareAvg", at + 1))
        bytes.write("squareSum", at);
      writeFileSync(stale, bytes);
      const { status, stdout } = doctor([], { RMSPROP_NATIVE_PATH: stale });
      const { native } = findings(["--json"], { RMSPROP_NATIVE_PATH: stale });
      expect(status).toBe(3);
      expect(stdout).toMatch(
        /^native {6}not there: the binary is of another version of this package, whose rules differ: build it anew \(.*\)$/m,
      );
      expect(stdout).not.toContain("squareSum");
      expect(native).toMatchObject({
        missing: expect.stringContaining("build it anew"),
        part: "rules",
        expected: expect.stringContaining("squareAvg"),
        found: expect.stringContaining("squareSum"),
      });
    },
  );

  test("says that the backend that was asked for cannot run, with exit code 1", () => {
    const env = { RMSPROP_NATIVE_PATH: none, RMSPROP_BACKEND: "native" };
    const found = findings(["--json"], env);
    expect(found.exitCode).toBe(1);
    expect(found.backend).toEqual({ error: expect.stringContaining("there-is-none.node") });
    expect(found.environment).toMatchObject(env);
    expect(found.memory).toHaveProperty("error");
  });

  test("refuses what it does not know, with exit code 2, and explains itself", () => {
    const { status, stderr } = doctor(["--quietly"]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/--quietly.*Exit codes: 0 all is well/s);
    expect(doctor(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("usage: rmsprop doctor") });
  });
});

describe("the self-test", () => {
  test("names exactly the kernels that leave other bits", () => {
    const reference = createReference();
    const [rule] = rules;
    const wrong = variantsOf(rule as (typeof rules)[0]).slice(3, 5);
    const broken: Backend = {
      ...reference,
      bind(groups, runCapacity, staged) {
        const bound = reference.bind(groups, runCapacity, staged);
        return (
          bound && {
            ...bound,
            step(runs, stages) {
              bound.step(runs, stages);
              const [group] = groups;
              const [run] = runs;
              if (group?.rule !== rule || group?.type !== "float64" || !wrong.includes(run?.variant as number)) return;
              const out = group?.parameters[1]?.out as Float64Array;
              const last = new Uint32Array(out.buffer).subarray(-2, -1);
              last[0] = (last[0] as number) ^ 1; // the last bit of the last element
            },
          }
        );
      },
    };
    const tests = selfTest(rules, { reference, others: [reference, broken], missing: {}, stale: {} });
    expect(tests.map(({ different }) => different.length)).toEqual([0, wrong.length]);
    for (const name of tests[1]?.different ?? []) expect(name).toMatch(/^rmsprop float64 weightDecay=/);
  });

  test("a long list is cut", () => {
    expect(listed(["a"])).toEqual(["a"]);
    const names = Array.from({ length: 25 }, (_, i) => `${i}`);
    expect(listed(names)).toEqual([...names.slice(0, 20), "and 5 more"]);
  });
});
