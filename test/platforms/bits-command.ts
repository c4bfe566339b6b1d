// The package's own `rmsprop bits` on other platforms, against the table that is published.
import table from "../../lib/cli/bits-table.json" with { type: "json" };
import type { Extent } from "./bits.ts";
import { expectEqual } from "./report.ts";

/** What the short run takes: every stage, in both number types. */
const short = "stage: every stage";

/** What the command prints with --json, as far as it matters here. */
interface Bits {
  readonly runtime: string;
  readonly backends: readonly { readonly isa: string; readonly digests: Readonly<Record<string, string>> }[];
  /** Why a backend is not among them. */
  readonly missing: Readonly<Record<string, string>>;
}

/** The command's arguments. */
export const bitsArguments = (extent: Extent) => ["bits", "--json", ...(extent === "short" ? ["--only", short] : [])];

export interface Expected {
  /** How the runtime's name begins. */
  readonly runtime: string;
  /** Those that must be there, best first. */
  readonly isas: readonly string[];
}

/** Checks what the command printed. Returns what is worth printing. */
export function checkBitsCommand(stdout: string, extent: Extent, { runtime, isas }: Expected): string {
  const found: Bits = JSON.parse(stdout);
  if (!found.runtime.startsWith(runtime)) throw new Error(`Expected to run on ${runtime}, found ${found.runtime}.`);
  expectEqual(found.missing, {}, "backends that do not load");
  expectEqual(found.backends.map(({ isa }) => isa).join(), isas.join(), "the instruction sets");
  const published = Object.entries(table).filter(([name]) => extent === "whole" || name.includes(short));
  if (published.length < 2) throw new Error(`Expected the table to have cases, found ${published.length}.`);
  for (const { isa, digests } of found.backends) expectEqual(Object.entries(digests), published, `${isa}: the digests`);
  return `${found.runtime}: ${published.length} published digests on each of ${isas.join(", ")}`;
}
