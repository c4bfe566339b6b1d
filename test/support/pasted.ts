// Programs of the documentation, run as pasted in a folder where the package is installed.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./compile.ts";

/** The code blocks of a page in their order; the language is empty for what programs print. */
export function blocksOf(page: string): { language: string; text: string }[] {
  const blocks = readFileSync(join(root, page), "utf8").matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...blocks].map(([, language, text]) => ({ language: language as string, text: text as string }));
}

/** What a program prints. */
export function runPasted(program: string, command = process.execPath, file = "example.mjs"): string {
  const folder = mkdtempSync(join(tmpdir(), "rmsprop-pasted-"));
  try {
    const modules = join(folder, "node_modules");
    mkdirSync(modules);
    symlinkSync(root, join(modules, "rmsprop"), "dir");
    for (const name of readdirSync(join(root, "node_modules"))) {
      if (name.startsWith("@tensorflow")) symlinkSync(join(root, "node_modules", name), join(modules, name), "dir");
    }
    writeFileSync(join(folder, file), program);
    return execFileSync(command, [file], { cwd: folder, encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
