// The package as it is built, in headless Chromium: the bits of Node's reference, on WebAssembly, in pages and workers.
import { spawnSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, test } from "vitest";
import { chromium, open, type Page } from "./support/chromium.ts";
import { root } from "./support/compile.ts";
import { temporaryFolder } from "./support/folder.ts";
import { checkBuilt } from "./support/programs.ts";
import { wasm } from "./support/wasm.ts";

const missing = chromium === undefined ? "there is no Chromium" : "missing" in wasm ? wasm.missing : undefined;
const folders = { package: root, programs: join(root, "test", "programs") };

interface Found {
  readonly backend: string;
  readonly isa: string;
  readonly fallbackReason?: string;
  readonly digests: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly more?: unknown;
}

/** Steps the smoke test's cases; `more` is code whose value is reported too. */
const smokeScript = (more = "undefined") => `
const warnings = [];
console.warn = (...words) => warnings.push(words.join(" "));
const rmsprop = await import("/package/dist/browser.js");
const { smoke } = await import("/programs/smoke.js");
report({ ...smoke(rmsprop), warnings, more: await (${more}) });
`;

const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

describe.skipIf(missing)(`in Chromium${missing ? `: ${missing}` : ""}`, () => {
  let expected: Found["digests"];

  beforeAll(() => {
    checkBuilt();
    const program = `
      const rmsprop = await import(${JSON.stringify(join(root, "dist", "index.js"))});
      const { smoke } = await import(${JSON.stringify(join(root, "test", "programs", "smoke.js"))});
      console.log(JSON.stringify(smoke(rmsprop)));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
      encoding: "utf8",
      env: { ...process.env, RMSPROP_BACKEND: "reference" },
    });
    const found = JSON.parse(stdout || `{"error": ${JSON.stringify(stderr)}}`);
    expect(found).toMatchObject({ backend: "reference" });
    expected = found.digests;
    expect(Object.keys(expected).length).toBeGreaterThan(40);
  });

  const opened = (page: Page, more: Readonly<Record<string, string>> = {}) =>
    open<Found>(page, { ...folders, ...more });

  test("a page steps on wasm, to the bits of Node's reference", async () => {
    const attempt = `(() => {
      try { rmsprop.allocate({ w: [3] }, { shared: true }); } catch ({ code, message }) { return [code, message]; }
    })()`;
    const found = await opened({ script: smokeScript(attempt) });
    expect(found).toMatchObject({ backend: "wasm", isa: "wasm", digests: expected, warnings: [] });
    expect(found.more).toEqual(["ERR_OPTION", expect.stringContaining("this page is not isolated from others")]);
  });

  test("a page that is isolated from others steps shared memory, also asynchronously", async () => {
    const shared = `(async () => {
      const model = rmsprop.allocate({ w: [3000] }, { shared: true });
      model.grads.w.fill(1);
      const optimizer = new rmsprop.RMSprop(model.parameters, { lr: 0.5, alpha: 0, eps: 0 });
      optimizer.step();
      await optimizer.stepAsync();
      return [model.params.w.buffer.constructor.name, model.params.w.every((value) => value === -1)];
    })()`;
    const found = await opened({ script: smokeScript(shared), headers: isolated });
    expect(found).toMatchObject({ backend: "wasm", digests: expected, more: ["SharedArrayBuffer", true] });
  });

  test("a worker steps on wasm", async () => {
    const code = `${smokeScript().replace("report(", "postMessage(")}`;
    const script = `
const worker = new Worker(URL.createObjectURL(new Blob([${JSON.stringify(code)}.replaceAll('"/', '"' + origin + "/")], { type: "text/javascript" })), { type: "module" });
worker.onmessage = ({ data }) => report(data);
worker.onerror = ({ message }) => report({ error: message });`;
    const found = await opened({ script });
    expect(found).toMatchObject({ backend: "wasm", digests: expected, warnings: [] });
  });

  test("a page that may not compile WebAssembly steps on the reference, with one warning", async () => {
    const headers = { "content-security-policy": "script-src 'self' 'unsafe-inline'" };
    const found = await opened({ script: smokeScript(), headers });
    expect(found).toMatchObject({ backend: "reference", isa: "none", digests: expected });
    expect(found.warnings).toHaveLength(1);
    expect(found.warnings[0]).toMatch(
      /^rmsprop: WebAssembly did not load, so steps run on the TypeScript reference: .*The reason: .*unsafe-eval/,
    );
    expect(found.fallbackReason).toContain("unsafe-eval");
  });

  test("a bundle for browsers has all that it needs", async () => {
    const folder = temporaryFolder();
    const entry = "virtual:entry";
    const bundle = await rolldown({
      input: entry,
      platform: "browser",
      cwd: root,
      plugins: [
        {
          name: "entry",
          resolveId: (id) => (id === entry ? join(root, "entry.js") : undefined),
          load: (id) => (id === join(root, "entry.js") ? 'export * from "rmsprop";' : undefined),
        },
      ],
    });
    const { output } = await bundle.write({ file: join(folder, "bundle.js"), format: "esm" });
    await bundle.close();
    expect(output).toHaveLength(1);
    expect(output[0].imports).toEqual([]);
    const script = smokeScript().replace("/package/dist/browser.js", "/bundle/bundle.js");
    expect(await opened({ script }, { bundle: folder })).toMatchObject({ backend: "wasm", digests: expected });
  });

  test("R6: the page without a bundler of docs/recipes.md steps on wasm", async () => {
    const [, html] = readFileSync(join(root, "docs", "recipes.md"), "utf8").match(/^```html\n(.*?)^```$/ms) ?? [];
    const modules = temporaryFolder();
    symlinkSync(root, join(modules, "rmsprop"));
    const script = "report({ said: document.body.lastChild.textContent });";
    expect(await open({ html: html as string, script }, { node_modules: modules })).toEqual({ said: "wasm 0.5" });
  });
});
