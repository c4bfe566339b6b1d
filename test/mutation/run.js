// A mutation score of the rules and the stages: of changes of an operation, a comparison, a limit, a constant or a coefficient
// that are made in C++ and in TypeScript at once, how many are seen by tests that compare with something else than the twin.
//
//   npm run mutation [-- --jobs N] [--only TEXT] [--sample N] [--built] [--resume] [--pack FOLDER] [--keep FILE] [--list]
//
// --only takes the mutants whose names contain a text, --sample so many of them, evenly; --built takes the tree as it was left,
// --resume also what a run of that tree found before it was ended.
// --pack makes a folder that does the same with `node run.js` where there is neither network nor compiler. What was found comes
// to build/mutation/; --keep writes a mutants.json, of here or of elsewhere, into docs/evidence.md.
import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mutantsOf } from "./mutants.js";
import { compileTree, instructionSet, writeTree } from "./tree.js";

const here = dirname(fileURLToPath(import.meta.url));
const isPacked = existsSync(join(here, "tree", "rmsprop.node"));
const root = isPacked ? here : resolve(here, "..", "..");
const folder = isPacked ? here : join(root, "build", "mutation");
const tree = join(folder, "tree");

/** In milliseconds: what a mutant may take, an endless loop among them. */
const longest = 300_000;

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: String(cpus().length) },
    only: { type: "string", default: "" },
    sample: { type: "string" },
    pack: { type: "string" },
    built: { type: "boolean", default: false },
    resume: { type: "boolean", default: false },
    keep: { type: "string" },
    list: { type: "boolean", default: false },
  },
});

/** Rules whose steps show whether a mutant is in both twins. */
const ruleOf = (twin) => (/^rules\//.test(twin) ? twin.slice(6) : /^arithmetic\//.test(twin) ? "all" : "");

/** Runs the tests that judge a mutant, up to the first that fails. */
function judge({ id, twin, judges }) {
  const files = ["test/alike.check.ts", ...judges];
  const report = join(folder, "reports", `${id}.json`);
  rmSync(report, { force: true });
  const args = ["--root", tree, "--bail", "1", "--reporter", "json", "--outputFile", report, ...files];
  const env = {
    ...process.env,
    RMSPROP_MUTANT: String(id),
    RMSPROP_RULE: ruleOf(twin),
    RMSPROP_JUDGES: files.join(" "),
    RMSPROP_NATIVE_PATH: join(tree, "rmsprop.node"),
    RMSPROP_BACKEND: "",
    RMSPROP_NUM_THREADS: "1",
  };
  const start = performance.now();
  return new Promise((done, fail) => {
    const vitest = join(tree, "node_modules", "vitest", "vitest.mjs");
    const child = spawn(process.execPath, [vitest, "run", ...args], {
      cwd: tree,
      env,
      stdio: "ignore",
      detached: true,
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      process.kill(-child.pid, "SIGKILL");
    }, longest);
    child.on("error", fail);
    child.on("close", (status) => {
      clearTimeout(timer);
      const seconds = (performance.now() - start) / 1000;
      const found = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined;
      rmSync(report, { force: true });
      if (late) return done({ outcome: "killed", by: "its time", seconds });
      if (!found) return done({ outcome: "killed", by: `the end of its process (${status})`, seconds });
      if (found.numTotalTests === 0) return fail(new Error("Expected tests to run, but there were none."));
      const failed = found.testResults.find(({ status }) => status === "failed");
      if (!failed) return done({ outcome: status === 0 ? "survived" : "failed without a test", seconds });
      const file = failed.name.slice(failed.name.indexOf("/test/") + 1);
      const test = failed.assertionResults.find(({ status }) => status === "failed")?.fullName ?? "";
      done({ outcome: file === "test/alike.check.ts" ? "one twin alone" : "killed", by: `${file} > ${test}`, seconds });
    });
  });
}

/** A line for each mutant judged so far, for --resume. */
const soFar = join(folder, "judged.jsonl");

function judgedBefore() {
  if (!values.resume || !existsSync(soFar)) return new Map();
  // An ended run may have left half a line.
  const lines = readFileSync(soFar, "utf8").split("\n").slice(0, -1);
  return new Map(lines.map((line) => JSON.parse(line)).map((result) => [result.name, result]));
}

const name = { file: (file) => join(isPacked ? folder : here, file) };

/** Reasons why mutants survive, by their names. */
const reasons = JSON.parse(readFileSync(name.file("survivors.json"), "utf8"));

function report(results, skipped) {
  const counts = (outcome) => results.filter((result) => result.outcome === outcome);
  const survived = counts("survived");
  const counted = results.length - counts("one twin alone").length;
  const killed = counts("killed").length;
  const score = ((100 * killed) / Math.max(counted, 1)).toFixed(1);
  const lines = [
    `# Mutants`,
    "",
    `${killed} of ${counted} mutants in both twins are killed (${score} %), ${survived.length} survive: ${survived.filter(({ name }) => reasons[name]).length} of them with a reason. ${counts("one twin alone").length} are one twin's alone and not counted.${skipped > 0 ? ` ${skipped} others were not run.` : ""}`,
    "",
    "## Survivors",
    "",
    ...survived.map(({ name, line }) => `- \`${name}\` (line ${line}): ${reasons[name] ?? "no reason yet"}`),
    "",
    "## One twin's alone",
    "",
    ...counts("one twin alone").map(({ name, by }) => `- \`${name}\`: ${by}`),
    "",
  ];
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "mutants.json"),
    `${JSON.stringify({ killed, counted, survived: survived.length, results }, null, 1)}\n`,
  );
  writeFileSync(join(folder, "mutants.md"), lines.join("\n"));
  console.log(lines[2]);
  console.log(`${join(folder, "mutants.json")} and mutants.md have each of them.`);
  const unexplained = survived.filter(({ name }) => !reasons[name]);
  for (const { name } of unexplained) console.log(`survived without a reason: ${name}`);
  const odd = counts("failed without a test");
  for (const { name } of odd) console.log(`failed without a test: ${name}`);
  process.exitCode = unexplained.length + odd.length > 0 ? 1 : 0;
}

function progressBar(total) {
  const { Presets, SingleBar } = createRequire(join(tree, "package.json"))("cli-progress");
  const format = "{bar} {value} of {total} | {killed} killed, {survived} survived, {alone} one twin's | {left}";
  const bar = new SingleBar({ format, noTTYOutput: true, notTTYSchedule: 30_000 }, Presets.shades_classic);
  bar.start(total, 0, { killed: 0, survived: 0, alone: 0, left: "" });
  return bar;
}

/** Judges mutants, several at a time. */
async function judgeAll(chosen, jobs) {
  const bar = progressBar(chosen.length);
  const before = judgedBefore();
  const results = chosen.flatMap(({ name }) => before.get(name) ?? []);
  const waiting = chosen.filter(({ name }) => !before.has(name));
  const already = results.length;
  if (!values.resume) writeFileSync(soFar, "");
  const start = performance.now();
  const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
  const work = async () => {
    for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
      const { judges, ...rest } = mutant;
      const result = { ...rest, ...(await judge(mutant)) };
      results.push(result);
      appendFileSync(soFar, `${JSON.stringify(result)}\n`);
      const each = (performance.now() - start) / (results.length - already);
      const left = each * (chosen.length - results.length);
      const shown = { killed: count("killed"), survived: count("survived"), alone: count("one twin alone") };
      bar.update(results.length, { ...shown, left: `${Math.ceil(left / 60_000)} min left` });
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  bar.stop();
  return results.sort((a, b) => a.id - b.id);
}

/** Packages that judging needs, and all that they need. */
const needed = [
  ...["vitest", "cli-progress", "@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu", "node-gyp-build"],
  ...["@stdlib/math-base-special-kernel-cos", "@stdlib/math-base-special-kernel-sin"],
];

function pack(target, mutants) {
  mkdirSync(target, { recursive: true });
  rmSync(join(target, "tree"), { recursive: true, force: true });
  cpSync(tree, join(target, "tree"), {
    recursive: true,
    filter: (file) =>
      !/\/tree\/(node_modules|native|transformed)(\/|$)/.test(file) && !lstatSync(file).isSymbolicLink(),
  });
  for (const file of ["run.js", "mutants.js", "parse.js", "twins.js", "tree.js", "survivors.json"]) {
    cpSync(join(here, file), join(target, file));
  }
  writeFileSync(join(target, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(target, "all.json"), JSON.stringify(mutants));
  const done = new Set();
  const copy = (packageName, from) => {
    let at = from;
    while (!existsSync(join(at, "node_modules", packageName, "package.json"))) {
      if (at === dirname(at)) return; // optional, of another platform
      at = dirname(at);
    }
    const source = realpathSync(join(at, "node_modules", packageName));
    if (done.has(source)) return;
    done.add(source);
    const to = join(target, "tree", source.slice(root.length + 1));
    cpSync(source, to, {
      recursive: true,
      filter: (file) =>
        !/\.map$|\.d\.[cm]?ts$|\/(tf-\w+\.(min\.)?js|[\w-]*(fesm|es2017|miniprogram)[\w.-]*)$|\.md$|tensorflow\/.*\/src\/|-musl/.test(
          file.slice(root.length),
        ) && !/\/node_modules$/.test(file.slice(source.length)),
    });
    const {
      dependencies = {},
      optionalDependencies = {},
      peerDependencies = {},
    } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
    const others = packageName.startsWith("@tensorflow") ? {} : peerDependencies;
    const optional = Object.keys({ ...optionalDependencies }).filter((each) => !/musl/.test(each));
    for (const each of [...Object.keys(dependencies), ...optional]) copy(each, source);
    if (packageName === "vitest" && others.vite) copy("vite", source);
  };
  for (const each of needed) copy(each, root);
  console.log(`${target} is packed: node run.js --jobs N`);
}

/** Writes what a run found, its mutants.json, into the page of evidence. */
function keep(file) {
  const { killed, counted, survived, results } = JSON.parse(readFileSync(file, "utf8"));
  const alone = results.filter(({ outcome }) => outcome === "one twin alone").length;
  const score = ((100 * killed) / counted).toFixed(1);
  const survivors = results.filter(({ outcome }) => outcome === "survived");
  const lines = [
    `Of ${counted.toLocaleString("en")} mutants in both twins ${killed.toLocaleString("en")} are killed (${score} %) and ${survived} survive; ${alone} more are one twin's alone.`,
    ...(survivors.length > 0 ? [""] : []),
    ...survivors.map(({ name }) => `- \`${name}\`: ${reasons[name] ?? "no reason yet"}`),
  ];
  const page = join(root, "docs", "evidence.md");
  const text = readFileSync(page, "utf8");
  const block = /(<!-- mutation -->\n).*?(<!-- \/mutation -->)/s;
  writeFileSync(
    page,
    text.replace(block, (_, start, end) => `${start}${lines.join("\n")}\n${end}`),
  );
}

if (values.keep !== undefined) {
  keep(resolve(values.keep));
} else if (values.list) {
  for (const { name } of mutantsOf(root).mutants) console.log(name);
} else {
  let mutants;
  if (isPacked) {
    mutants = JSON.parse(readFileSync(join(here, "all.json"), "utf8"));
  } else {
    const list = join(folder, "all.json");
    if (values.built || values.resume) mutants = JSON.parse(readFileSync(list, "utf8"));
    else {
      ({ mutants } = writeTree(root, tree));
      writeFileSync(list, JSON.stringify(mutants));
      console.log(`Compiling ${mutants.length} mutants for ${instructionSet()} …`);
      await compileTree(root, tree);
    }
  }
  if (values.pack !== undefined) {
    pack(resolve(values.pack), mutants);
  } else {
    mkdirSync(join(folder, "reports"), { recursive: true });
    const asked = mutants.filter(({ name }) => name.includes(values.only));
    const size = Math.min(Number(values.sample ?? asked.length), asked.length);
    const chosen = Array.from({ length: size }, (_, i) => asked[Math.floor((i * asked.length) / size)]);
    // Without a mutant every judge passes.
    const judges = [...new Set(chosen.flatMap((each) => each.judges))];
    for (const twin of ["arithmetic/", "stages/"]) {
      const { outcome, by } = await judge({ id: 0, twin, judges: twin === "stages/" ? judges : [] });
      if (outcome !== "survived")
        throw new Error(`Expected ${judges} to pass without a mutant, but: ${outcome}, ${by}.`);
    }
    report(await judgeAll(chosen, Number(values.jobs)), mutants.length - chosen.length);
  }
}
