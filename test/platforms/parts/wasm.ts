// WebAssembly, the fallback everywhere: bits on each engine, and the whole package in headless Chromium.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkBits } from "../bits.ts";
import { wasmFile } from "../packed.ts";
import { check, NotBuilt } from "../report.ts";
import { root, succeed } from "../shell.ts";
import { debian, runtimes } from "../tools.ts";
import type { Settings } from "./all.ts";

export const wasmPackages = ["chromium"];

export async function wasm({ extent }: Settings): Promise<void> {
  for (const name of ["Node 20", "Node 24", "Bun", "Deno"] as const) {
    await check(`wasm, ${name}: bits (${extent})`, () => {
      if (!existsSync(join(root, wasmFile))) throw new NotBuilt(`${wasmFile} is not built (npm run prebuild -- wasm)`);
      return checkBits(runtimes[name](), extent, { backend: "wasm", isas: ["wasm"] });
    });
  }
  if (extent === "short") return; // `npm test` runs the same in Chromium
  await check("wasm, headless Chromium", () => {
    debian("chromium", "chromium");
    const { stdout } = succeed(["npm"], ["run", "test:browser"], { timeout: 300 });
    return stdout.match(/^\d+ passed, .*$/m)?.[0];
  });
}
