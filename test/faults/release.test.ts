// What stands in the way of a release. The title of each test begins with the number under which the fault was reported.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { problemsOf, repositoryProblem } from "../../release/ready.js";
import { root } from "../support/compile.ts";

const url = "git+https://github.com/someone/rmsprop.git";
const ready = {
  manifest: { version: "1.2.3", repository: { type: "git", url } },
  changelog: "# Changelog\n\n## 1.2.3\n\n### Minor Changes\n",
  pending: [],
  kept: ["1.2.2", "1.2.3"],
  tag: "v1.2.3",
  running: "someone/rmsprop",
};

describe("a release", () => {
  it("7: goes through where nothing is missing", () => {
    expect(problemsOf(ready)).toEqual([]);
    expect(problemsOf({ ...ready, tag: undefined, running: undefined })).toEqual([]);
  });

  it.each([
    ["no repository", { manifest: { version: "1.2.3" } }, /^package.json has no "repository" on GitHub/],
    ["an empty one", { manifest: { version: "1.2.3", repository: "" } }, /has no "repository" on GitHub/],
    ["another's repository", { running: "other/rmsprop" }, /"repository" is someone\/rmsprop, but this runs in other/],
    ["another tag", { tag: "v1.2.4" }, /^the tag is v1.2.4, but package.json's version is 1.2.3$/],
    ["changes in no version", { pending: ["a.md"] }, /^changesets are in no version yet: a.md;/],
    ["no checkpoint of the version", { kept: ["1.2.2"] }, /^test\/checkpoint\/releases\/ has no checkpoint of 1.2.3;/],
    ["a changelog of other versions", { changelog: "# Changelog\n\n## 1.2.30\n" }, /^CHANGELOG.md has no heading/],
  ])("7: is stopped by %s", (_, facts, problem) => {
    const problems = problemsOf({ ...ready, ...facts });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it.each([
    url,
    "https://github.com/someone/rmsprop",
    "git+ssh://git@github.com/someone/rmsprop.git",
    "github:someone/rmsprop",
    "someone/rmsprop",
  ])("7: knows the repository %s", (repository) => {
    expect(repositoryProblem({ repository }, "Someone/rmsprop")).toBeUndefined();
    expect(repositoryProblem({ repository: { url: repository } }, "someone/other")).toMatch(/someone\/rmsprop/);
  });

  it("7: has one format of the changelog, which is that of changesets", () => {
    const headings = readFileSync(join(root, "CHANGELOG.md"), "utf8").match(/^#+ .*$/gm) ?? [];
    expect(headings[0]).toBe("# Changelog");
    for (const heading of headings.slice(1)) {
      expect(heading).toMatch(/^(## \d+\.\d+\.\d+|### (Major|Minor|Patch) Changes)$/);
    }
  });
});
