import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { targetOf } from "../backends/load.ts";

const packageFile = new URL("../../package.json", import.meta.url);

/** Where something was found. */
export interface Machine {
  /** The package's. */
  readonly version: string;
  readonly runtime: string;
  /** The system as the package names its binaries. */
  readonly platform: string;
  readonly processor: string;
}

export const versionOfPackage = (): string => JSON.parse(readFileSync(packageFile, "utf8")).version;

function runtimeName(): string {
  const { bun, deno, electron, node } = process.versions as Record<string, string | undefined>;
  if (bun) return `Bun ${bun}`;
  if (deno) return `Deno ${deno}`;
  return electron ? `Electron ${electron} (Node ${node})` : `Node ${node}`;
}

export const machine = (): Machine => ({
  version: versionOfPackage(),
  runtime: runtimeName(),
  platform: targetOf(process),
  processor: `${cpus()[0]?.model.trim() || "unknown"}, ${cpus().length} logical`,
});
