// What the workflows and the gate run. The title of each test begins with the number under which the fault was reported.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { root } from "../support/compile.ts";

interface Step {
  readonly run?: string;
  readonly uses?: string;
}
interface Job {
  readonly "timeout-minutes"?: number;
  readonly "runs-on": string;
  readonly needs?: string | readonly string[];
  readonly container?: { readonly image: string };
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly concurrency?: object;
  readonly permissions?: object;
  readonly jobs: Readonly<Record<string, Job>>;
}

const text = (file: string) => readFileSync(join(root, file), "utf8");
const folder = ".github/workflows";
const files = readdirSync(join(root, folder));
const workflows = files.map((file) => ({ file, workflow: parse(text(join(folder, file))) as Workflow }));
const jobs = workflows.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ file, name, job })),
);
const { scripts } = JSON.parse(text("package.json")) as { scripts: Readonly<Record<string, string>> };

/** The scripts of package.json that a text runs. */
const scriptsIn = (program: string) =>
  [...program.matchAll(/\bnpm (?:run ([\w:-]+)|(test)\b)/g)].map(([, name, test]) => (name ?? test) as string);

/** The jobs of a workflow. */
const jobsOf = (name: string) =>
  (workflows.find(({ file }) => file === name) as (typeof workflows)[number]).workflow.jobs;

/** The names of the jobs that a job waits for, and those that they wait for. */
function before(all: Workflow["jobs"], name: string): string[] {
  const needs = [all[name]?.needs ?? []].flat();
  return [...needs, ...needs.flatMap((each) => before(all, each))];
}

describe("the workflows", () => {
  it("7: there are some, with jobs", () => {
    expect(files.sort()).toEqual(["ci.yml", "release.yml"]);
    expect(jobs.length).toBeGreaterThan(8);
  });

  it.each(workflows)("7: $file has least permissions and says what runs at the same time", ({ workflow }) => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    expect(workflow.concurrency).toHaveProperty("group");
  });

  it.each(jobs)("7: $file's $name has a time limit", ({ job }) => {
    expect(job["timeout-minutes"]).toBeGreaterThan(0);
    expect(job["timeout-minutes"]).toBeLessThanOrEqual(180);
  });

  it.each(workflows)("7: $file pins its actions by hash, with the version beside it", ({ file }) => {
    const uses = text(join(folder, file)).match(/^.*\buses:.*$/gm) ?? [];
    expect(uses.length).toBeGreaterThan(0);
    for (const line of uses) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it("7: an action is pinned to one hash wherever it is used", () => {
    const pins = new Map<string, Set<string>>();
    for (const { uses } of jobs.flatMap(({ job }) => job.steps)) {
      if (uses === undefined) continue;
      const [action, hash] = uses.split("@") as [string, string];
      pins.set(action, (pins.get(action) ?? new Set()).add(hash));
    }
    for (const [action, hashes] of pins) expect(hashes.size, action).toBe(1);
  });

  it.each(jobs)("7: $file's $name runs scripts that there are", ({ job }) => {
    const runs = job.steps.flatMap(({ run }) => run ?? []);
    for (const name of runs.flatMap(scriptsIn)) expect(scripts, name).toHaveProperty([name]);
    for (const file of runs.filter((run) => run.startsWith("."))) expect(existsSync(join(root, file)), file).toBe(true);
  });

  it("7: Windows has an npm whose node-gyp finds Visual Studio", () => {
    const { steps } = jobsOf("ci.yml")["test"] as Job;
    const install = steps.findIndex(({ run }) => /^npm install --global npm@11\./.test(run ?? ""));
    expect(install).toBeGreaterThanOrEqual(0);
    expect(install).toBeLessThan(steps.findIndex(({ run }) => run === "npm ci"));
  });

  it("7: the tests on platforms run as root on Debian, where nothing may be skipped", () => {
    const { container, steps } = jobsOf("release.yml")["platforms"] as Job;
    expect(container?.image).toMatch(/-bookworm$/);
    expect(steps.map(({ run }) => run)).toContain("npm run test:platforms -- --apt --strict");
  });

  it("7: a release asks whether it can go through before it builds anything", () => {
    const all = jobsOf("release.yml");
    expect(all["ready"]?.needs).toBeUndefined();
    for (const name of Object.keys(all).filter((name) => name !== "ready")) {
      expect(before(all, name), name).toContain("ready");
    }
  });
});

describe("the gate", () => {
  const program = text(".ci/run");

  it("7: runs scripts that there are", () => {
    const names = scriptsIn(program);
    for (const name of names) expect(scripts, name).toHaveProperty([name]);
    for (const name of ["check", "demo", "prebuild", "prebuild:check", "pack:check", "test", "test:platforms"]) {
      expect(names).toContain(name);
    }
  });
});
