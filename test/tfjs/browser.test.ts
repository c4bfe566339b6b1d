// TensorFlow.js and ours in one bundle, in headless Chromium: the bits of its own optimizer on its cpu and wasm backends.
import { join } from "node:path";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";
import { chromium, open } from "../support/chromium.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";
import { checkBuilt } from "../support/programs.ts";
import { wasm } from "../support/wasm.ts";
import { wasmFolder } from "./support/tensorflow.ts";

const missing = chromium === undefined ? "there is no Chromium" : "missing" in wasm ? wasm.missing : undefined;

/** The page's program and all that it imports in one file for browsers. */
async function bundled(folder: string): Promise<void> {
  const bundle = await rolldown({
    input: join(root, "test/programs/tfjs-page.js"),
    platform: "browser",
    cwd: root,
    logLevel: "silent",
  });
  const { output } = await bundle.write({ file: join(folder, "bundle.js"), format: "esm" });
  await bundle.close();
  expect(output).toHaveLength(1);
  expect(output[0].imports).toEqual([]);
}

describe.skipIf(missing)(`in Chromium${missing ? `: ${missing}` : ""}`, () => {
  beforeAll(checkBuilt);

  const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
  it.each([
    ["a page", {}, "ArrayBuffer"],
    ["a page that is isolated from others, where TensorFlow.js has threads", isolated, "SharedArrayBuffer"],
  ])("%s: after 300 steps no bit differs", { timeout: 240_000 }, async (_, headers, heap) => {
    const folder = temporaryFolder();
    await bundled(folder);
    const script = `
const { compareAll } = await import("/bundle/bundle.js");
report(await compareAll("/tfjs/", 300));`;
    const found = await open({ script, headers }, { bundle: folder, tfjs: wasmFolder }, 200_000);
    const weights = 8 * 64 + 64 + 64 * 64 + 64 + 64 * 3 + 3;
    const same = { weights, differing: 0, finite: weights, isSameLoss: true };
    expect(found).toEqual({
      ...{ "cpu, replace": same, "cpu, inPlace": same, "wasm, replace": same, "wasm, inPlace": same },
      heap,
    });
  });
});
