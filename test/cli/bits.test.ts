// rmsprop bits: its cases, and its table, which the package's own command compares with what this machine leaves.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backends/backend.ts";
import { createReference } from "../../lib/backends/reference/reference.ts";
import { type Bits, bitsOf } from "../../lib/cli/bits.ts";
import { bitsCases, variations } from "../../lib/cli/bits-cases.ts";
import table from "../../lib/cli/bits-table.json" with { type: "json" };
import { definitions } from "../../lib/optimizers/all.ts";
import * as schedules from "../../lib/schedules/index.ts";
import { pageOfBits } from "../../scripts/bits-page.js";
import { root } from "../support/compile.ts";
import { objectSets } from "../support/objects.ts";
import { checkBuilt } from "../support/programs.ts";
import { wasm } from "../support/wasm.ts";

const bits = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, "dist", "cli", "main.js"), "bits", ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", RMSPROP_NATIVE_PATH: "", RMSPROP_ISA: "" },
    maxBuffer: 2 ** 26,
  });

describe("the cases", () => {
  const names = bitsCases().map(({ name }) => name);

  test("are those of the table, each once", () => {
    expect(Object.keys(table)).toEqual(names);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(definitions)("$name has variations, and every preset is among them", ({ name, presets }) => {
    expect(Object.keys(variations), `lib/cli/bits-cases.ts lacks variations of ${name}`).toContain(name);
    for (const preset of Object.keys(presets)) expect(names).toContain(`${name} "${preset}", float32`);
  });

  test("every schedule without state is among them", () => {
    const functions = Object.keys(schedules).filter((name) => name !== "reduceOnPlateau");
    for (const name of functions) expect(names).toContain(`schedule: ${name}, float64`);
  });

  test("the page of docs/ has the table", () => {
    expect(readFileSync(join(root, "docs", "bits.md"), "utf8")).toBe(pageOfBits(table));
  });
});

test("the reference leaves the table's bits, and a backend that is off by one bit is told", () => {
  const cases = bitsCases().filter(({ name }) => /^(RMSprop "torch"|Adam|stage: clipGlobalNorm), float32/.test(name));
  expect(cases).toHaveLength(3);
  const reference = createReference();
  expect(bitsOf(reference, cases, table).different).toEqual([]);
  let steps = 0;
  const wrong: Backend = {
    ...reference,
    bind(groups, threads, staged) {
      const bound = reference.bind(groups, threads, staged);
      return (
        bound && {
          ...bound,
          step(...args) {
            bound.step(...args);
            // One bit of one element, at the last step of the first case.
            if (++steps === 300) {
              const { data } = groups[0]?.parameters[1] ?? {};
              const words = new Uint32Array(data?.buffer as ArrayBuffer);
              words[3] = (words[3] as number) ^ 1;
            }
          },
        }
      );
    },
  };
  expect(bitsOf(wrong, cases, table).different).toEqual([cases[0]?.name]);
});

describe("rmsprop bits", () => {
  beforeAll(checkBuilt);

  test("finds the table's bits on every backend and instruction set here", { timeout: 300_000 }, () => {
    const { status, stdout, stderr } = bits("--json");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const found: Bits = JSON.parse(stdout);
    for (const { digests, different } of found.backends) {
      expect(different).toEqual([]);
      expect(digests).toEqual(table);
    }
    const isas = found.backends.map(({ isa }) => isa);
    expect(isas.length).toBeGreaterThan(0);
    expect(isas.every((isa) => objectSets.includes(isa) || isa === "wasm")).toBe(true);
    expect(isas.includes("wasm")).toBe(!("missing" in wasm));
  });

  test("takes the cases alone that --only names, and refuses a text that names none", () => {
    const { status, stdout } = bits("--json", "--only", "schedule: cosine");
    expect(status).toBe(0);
    const expected = Object.entries(table).filter(([name]) => name.startsWith("schedule: cosine"));
    expect(expected).toHaveLength(2);
    for (const { digests } of (JSON.parse(stdout) as Bits).backends) expect(Object.entries(digests)).toEqual(expected);
    expect(JSON.parse(bits("--json", "--only", "SCHEDULE: Cosine").stdout).backends).toHaveLength(
      JSON.parse(stdout).backends.length,
    );
    const none = bits("--only", "cosinus");
    expect([none.status, none.stdout]).toEqual([2, ""]);
    expect(none.stderr).toMatch(/^Expected the name of a case to contain "cosinus", but none does\.\n/);
  });

  test("knows no other argument", () => {
    const { status, stderr } = bits("--fast");
    expect(status).toBe(2);
    expect(stderr).toContain("usage: rmsprop bits [--json] [--reference] [--only TEXT]");
  });
});
