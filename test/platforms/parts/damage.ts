// What a program runs on where the package's files are not as they were, or may not be loaded.
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaries, binary, installed, wasmFile } from "../packed.ts";
import { check } from "../report.ts";
import type { Command } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { node, runtimes } from "../tools.ts";

interface Damage {
  readonly name: string;
  /** Does it to the binary. */
  readonly inflict: (file: string) => void;
  /** What the warning must name. */
  readonly cause: RegExp;
}

/** Gives a binary's rules another name for a slot, so that it is one of another version. */
function renameSlot(file: string): void {
  const bytes = readFileSync(file);
  for (let at = bytes.indexOf("squareAvg"); at >= 0; at = bytes.indexOf("squareAvg", at + 1))
    bytes.write("squareSum", at);
  writeFileSync(file, bytes);
}

const damages: readonly Damage[] = [
  { name: "deleted", inflict: (file) => rmSync(file), cause: /there is none|no such file|not found/i },
  { name: "truncated", inflict: (file) => truncateSync(file, 300_000), cause: /truncated/ },
  { name: "empty", inflict: (file) => truncateSync(file, 0), cause: /no binary/ },
  {
    name: "replaced by Windows's",
    inflict: (file) => copyFileSync(binary("win32-x64"), file),
    cause: /win32/,
  },
  {
    name: "replaced by arm64's",
    inflict: (file) => copyFileSync(binary("linux-arm64-glibc"), file),
    cause: /arm64/,
  },
  { name: "of another rule version", inflict: renameSlot, cause: /of another version of this package/ },
];

/** The binary's own name is in its warning, as what to look at. */
const file = binaries["linux-x64-glibc"];

export async function damage(): Promise<void> {
  binary("linux-x64-glibc");
  const wasmWarning = (cause: RegExp) => ({ backend: "wasm", warning: { code: "RMSPROP_WASM", cause } });
  const referenceWarning = (cause: RegExp) => ({ backend: "reference", warning: { code: "RMSPROP_REFERENCE", cause } });
  const steps = async (damaged: Damage, runtime: Command, withoutWasm: boolean) => {
    const folder = await installed("damage");
    damaged.inflict(join(folder, "node_modules/rmsprop", file));
    if (withoutWasm) rmSync(join(folder, "node_modules/rmsprop", wasmFile));
    const expected = withoutWasm ? referenceWarning(damaged.cause) : wasmWarning(damaged.cause);
    return smokeIn(folder, runtime, { program: "steps" }, expected);
  };
  for (const damaged of damages) {
    await check(`binary ${damaged.name}`, () => steps(damaged, node, false));
    await check(`binary ${damaged.name}, wasm gone too`, () => steps(damaged, node, true));
  }
  for (const name of ["Node 26", "Bun", "Deno"] as const) {
    await check(`binary truncated, ${name}`, () => steps(damages[1] as Damage, runtimes[name](), false));
  }
  for (const name of ["Node 22", "Node 24", "Node 26"] as const) {
    await check(`add-ons not permitted, ${name}`, async () => {
      const [command, ...args] = runtimes[name]();
      const folder = await installed("damage");
      const permitted: Command = [command, "--permission", "--allow-fs-read=*", ...args];
      return smokeIn(
        folder,
        permitted,
        { program: "steps" },
        wasmWarning(/--allow-addons|ERR_DLOPEN_DISABLED|add-?ons/i),
      );
    });
  }
}
