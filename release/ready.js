// npm run release:ready: whether a release of this version can go through to its end. The workflow for releases asks before
// it builds anything. package.json's `repository` is the one place that names where the project lives: npm derives the
// page and the address for bugs from it, and provenance needs it.
import { spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** @returns {string | undefined} owner/name of package.json's repository, where it is on GitHub */
function repositoryOf({ repository }) {
  const url = typeof repository === "string" ? repository : repository?.url;
  return /^(?:github:|(?:git\+)?(?:https|ssh):\/\/(?:git@)?github\.com\/)?([\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(
    url ?? "",
  )?.[1];
}

/**
 * @param {object} manifest package.json.
 * @param {string} [running] owner/name of the repository that a workflow runs in.
 * @returns {string | undefined} what is wrong with where the package says it comes from
 */
export function repositoryProblem(manifest, running) {
  const repository = repositoryOf(manifest);
  if (repository === undefined) {
    return 'package.json has no "repository" on GitHub, which provenance needs; expected "repository": { "type": "git", "url": "git+https://github.com/OWNER/NAME.git" }';
  }
  if (running !== undefined && running.toLowerCase() !== repository.toLowerCase()) {
    return `package.json's "repository" is ${repository}, but this runs in ${running}; provenance needs them to be one`;
  }
  return undefined;
}

/**
 * @param {{ manifest: object, changelog: string, pending: readonly string[], kept: readonly string[],
 *   tag?: string | undefined, running?: string | undefined }} facts
 *   `pending`: changesets that are in no version yet; `kept`: versions that a checkpoint is kept of.
 * @returns {string[]} what stands in the way of a release
 */
export function problemsOf({ manifest, changelog, pending, kept, tag, running }) {
  const { version } = manifest;
  const heading = `## ${version}`;
  return [
    tag !== undefined && tag !== `v${version}` && `the tag is ${tag}, but package.json's version is ${version}`,
    repositoryProblem(manifest, running),
    pending.length > 0 &&
      `changesets are in no version yet: ${pending.join(", ")}; npm run release:version makes one of them`,
    !kept.includes(version) &&
      `test/checkpoint/releases/ has no checkpoint of ${version}; npm run release:checkpoint makes it`,
    !changelog.split(/\r?\n/).includes(heading) && `CHANGELOG.md has no heading "${heading}"`,
  ].filter(Boolean);
}

/** Whether npm has the package. Only an answer that it has none counts as such. */
function isPublished(name) {
  const { status, stdout, stderr } = spawnSync("npm", ["view", name, "name", "--json"], {
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status === 0) return true;
  if (/E404/.test(stdout + stderr)) return false;
  throw new Error(`npm view ${name} ended with status ${status}:\n${stderr}`);
}

function main() {
  const read = (file) => readFileSync(join(root, file), "utf8");
  const { GITHUB_ACTIONS, GITHUB_REF_TYPE, GITHUB_REF_NAME, GITHUB_REPOSITORY, GITHUB_OUTPUT } = process.env;
  const manifest = JSON.parse(read("package.json"));
  const problems = problemsOf({
    manifest,
    changelog: read("CHANGELOG.md"),
    pending: readdirSync(join(root, ".changeset")).filter((file) => file.endsWith(".md") && file !== "README.md"),
    kept: readdirSync(join(root, "test/checkpoint/releases")).map((file) => file.replace(/\.json\.gz$/, "")),
    tag: GITHUB_REF_TYPE === "tag" ? GITHUB_REF_NAME : undefined,
    running: GITHUB_ACTIONS ? GITHUB_REPOSITORY : undefined,
  });
  for (const problem of problems) console.error(`problem: ${problem}`);
  if (problems.length === 0) {
    const published = isPublished(manifest.name);
    if (!published) console.log("npm has no such package yet: CONTRIBUTING.md says how a first version is published.");
    if (GITHUB_OUTPUT) appendFileSync(GITHUB_OUTPUT, `published=${published}\n`);
  }
  console.log(`${problems.length} problems`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
