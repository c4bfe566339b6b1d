// Programs of the README and docs/ run as they stand there, and links lead to something that is published.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { root } from "./support/compile.ts";
import {
  anchorsOf,
  emptyProject,
  type Fence,
  fencesOf,
  linksOf,
  pages,
  printedBy,
  runIn,
  textOf,
} from "./support/pages.ts";
import { checkBuilt } from "./support/programs.ts";

const python = ["/usr/bin/python3", "python3"].find(
  (command) =>
    spawnSync(command, ["-c", "import importlib.util as i; exit(i.find_spec('torch') is None)"]).status === 0,
);

/** What runs programs of a language; undefined where it is not on this machine. */
const runners: Readonly<Record<string, { readonly command: string | undefined; readonly file: string }>> = {
  js: { command: process.execPath, file: "example.mjs" },
  python: { command: python, file: "example.py" },
};

/** Every fence that is neither run nor printed by one that is, with the reason. */
const notRun: readonly { readonly page: string; readonly language: string; readonly reason: string }[] = [
  { page: "README.md", language: "sh", reason: "the installation, and commands that continuous integration runs" },
  { page: "docs/api.md", language: "ts", reason: "signatures, as the sources have them" },
  { page: "docs/workers.md", language: "http", reason: "headers of a response" },
  { page: "docs/distributed.md", language: "yaml", reason: "a job of Kubernetes, which no test has" },
  { page: "docs/tfjs.md", language: "sh", reason: "the installation" },
  { page: "docs/bits.md", language: "sh", reason: "test/cli/bits.test.ts runs the command" },
  { page: "docs/record.md", language: "sh", reason: "test/cli/report.test.ts runs the command" },
  { page: "docs/platforms.md", language: "sh", reason: "test/cli/doctor.test.ts runs the command" },
  ...["js", "ts", "json", "html"].map((language) => ({
    page: "docs/recipes.md",
    language,
    reason: "npm run test:platforms -- recipes runs them",
  })),
];

const fences = pages.flatMap(fencesOf);
const exemptionOf = (fence: Fence) =>
  notRun.find(({ page, language }) => page === fence.page && language === fence.language);
const isRun = (fence: Fence) => Object.hasOwn(runners, fence.language) && !exemptionOf(fence);

describe.each(pages.filter((page) => fences.some((fence) => fence.page === page && isRun(fence))))("%s", (page) => {
  checkBuilt();
  const { folder, remove } = emptyProject();
  afterAll(remove);
  const programs = fences.filter((fence) => fence.page === page && isRun(fence));

  // One after the other in one folder, so that a program finds the files of those before it.
  for (const fence of programs) {
    const { command, file } = runners[fence.language] as (typeof runners)[string];
    test.skipIf(!command)(`line ${fence.line} prints what the page says`, () => {
      const printed = runIn(folder, fence.text, command, fence.file ?? file);
      const pattern = printedBy(fence, fences)
        .split("…")
        .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
        .join(".*");
      expect(printed).toMatch(new RegExp(`^${pattern}$`));
    });
  }
});

test("every fence is run, printed by one that is, or listed above", () => {
  const outputs = new Set(fences.filter(isRun).map((fence) => printedBy(fence, fences)));
  const unknown = fences.filter(
    (fence) => !isRun(fence) && !exemptionOf(fence) && !(fence.language === "" && outputs.has(fence.text)),
  );
  expect(unknown.map(({ page, line, language }) => `${page}:${line} ${language}`)).toEqual([]);
  const idle = notRun.filter((exemption) => !fences.some((fence) => exemptionOf(fence) === exemption));
  expect(idle, "listed and not there").toEqual([]);
});

describe("links", () => {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  const packed = new Set((JSON.parse(stdout)[0] as { files: { path: string }[] }).files.map(({ path }) => path));

  test.each(pages)("%s is published, and links to what is too", (page) => {
    expect(packed).toContain(page);
    for (const link of linksOf(page)) {
      if (/^https:\/\/\S+$/.test(link)) continue;
      const [path, anchor] = link.split("#") as [string, string?];
      const target = path === "" ? page : normalize(join(dirname(page), path)).replaceAll("\\", "/");
      expect(packed, `${page} links to ${link}`).toContain(target);
      if (anchor !== undefined) expect(anchorsOf(target), `${page} links to ${link}`).toContain(anchor);
    }
  });

  test("charts on the pages are those of the run that is kept", () => {
    const charts = pages.flatMap((page) => linksOf(page).filter((link) => link.endsWith(".svg")));
    expect(charts.length).toBeGreaterThan(0);
    for (const chart of charts) {
      const kept = join(root, "bench", "results", chart.split("/").at(-1) as string);
      if (existsSync(kept)) expect(readFileSync(join(root, chart), "utf8")).toBe(readFileSync(kept, "utf8"));
    }
  });
});

test.skipIf(!existsSync(join(root, "dist", "rmsprop.js")))(
  "docs/platforms.md says how large the browser's file is",
  () => {
    const [, file, sent, kernels] =
      /under (\d+) kB, and under (\d+) kB .*gzip.*? under (\d+) kB/.exec(textOf("docs/platforms.md")) ?? [];
    const bundle = readFileSync(join(root, "dist", "rmsprop.js"));
    const module = readFileSync(join(root, "dist", "kernels.wasm"));
    const sizes = [bundle.length, gzipSync(bundle).length, gzipSync(module).length].map((bytes) => bytes / 1000);
    const said = [file, sent, kernels].map(Number);
    for (const [i, size] of sizes.entries()) {
      expect(size).toBeLessThan(said[i] as number);
      expect(size).toBeGreaterThan((said[i] as number) * 0.8);
    }
  },
);

describe("the README", () => {
  const lines = textOf("README.md").split("\n");

  test("is 150 lines or fewer", () => {
    expect(lines.length).toBeLessThanOrEqual(151); // the last line ends, too
  });

  test("has in its first 40 lines what to bring, and a program whose loss falls", () => {
    const head = lines.slice(0, 40).join("\n");
    for (const word of ["backward pass", "npm install rmsprop", "gradient", "zeroGrad()", "zeros", "row"]) {
      expect(head).toContain(word);
    }
    const [program] = fencesOf("README.md").filter(isRun);
    expect((program as Fence).line + (program as Fence).text.split("\n").length).toBeLessThanOrEqual(41);
    const { folder, remove } = emptyProject();
    try {
      const losses = [...runIn(folder, (program as Fence).text).matchAll(/loss (\S+)/g)].map(([, loss]) =>
        Number(loss),
      );
      expect(losses.length).toBeGreaterThanOrEqual(2);
      expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 10);
    } finally {
      remove();
    }
  });

  test("has its first program, whole, in the lines that the site's first page takes", () => {
    const [, from, to] = /@include: \.\.\/\.\.\/README\.md\{(\d+),(\d+)\}/.exec(textOf("site/pages/index.md")) ?? [];
    const taken = `${lines.slice(Number(from) - 1, Number(to)).join("\n")}\n`;
    const [whole] =
      /^```sh\nnpm install rmsprop\n```\n.*?^```js\n.*?^```\n.*?^```\n.*?^```\n/ms.exec(lines.join("\n")) ?? [];
    expect(taken).toBe(whole);
  });

  test("has the two commands of a checkout", () => {
    const text = textOf("README.md");
    for (const command of ["npm ci && npm run demo", "npm ci && npm test"]) expect(text).toContain(`\n${command}\n`);
  });
});

test("require gives what import gives", () => {
  const { folder, remove } = emptyProject();
  const program = `
    const required = require("rmsprop");
    import("rmsprop").then((imported) => {
      console.log(required.RMSprop === imported.RMSprop, required.backend === imported.backend, Object.keys(required).length);
    });`;
  try {
    expect(runIn(folder, program, process.execPath, "example.cjs")).toMatch(/^true true \d+\n$/);
  } finally {
    remove();
  }
});
