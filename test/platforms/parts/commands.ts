// `npx rmsprop bits` and `npx rmsprop bench` as anybody asks for them: in an empty folder, from a registry that has the
// packed package.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { bitsArguments, checkBitsCommand } from "../bits-command.ts";
import { startRegistry } from "../registry.ts";
import { check, expectEqual } from "../report.ts";
import { type Command, succeed } from "../shell.ts";
import { runtimes, tool } from "../tools.ts";
import type { Settings } from "./all.ts";
import { isasHere } from "./linux-x64.ts";

/** In seconds, of `rmsprop bench`, as its help promises. */
const longestBench = 60;

/** What asks for the package's command, and the environment that the manager wants. */
function askingFor(name: keyof typeof runtimes): Command {
  const [program] = runtimes[name]();
  if (name === "Bun") return [program, "x", "--bun", "rmsprop"];
  if (name === "Deno") return [program, "run", "-A", "--min-dep-age=0", "npm:rmsprop"];
  return [program, tool("npm-11", "bin", "npx-cli.js"), "--yes", "rmsprop"];
}

export async function commandsPart({ extent }: Settings): Promise<void> {
  const registry = await startRegistry();
  // Not below this repository, which is a package of the same name.
  const parent = mkdtempSync(join(tmpdir(), "rmsprop-commands-"));
  /** Runs a command in an empty folder, where nothing has been installed or kept before. */
  const ask = (name: keyof typeof runtimes, args: readonly string[]) => {
    const [cwd, home] = ["empty-", "home-"].map((prefix) => mkdtempSync(join(parent, prefix))) as [string, string];
    const path = [dirname(runtimes[name]()[0]), process.env.PATH].join(delimiter);
    const env = {
      ...{ PATH: path, HOME: home, XDG_CACHE_HOME: home, NO_COLOR: "1" },
      ...{ npm_config_registry: registry.url, npm_config_cache: join(home, "npm") },
      ...{
        BUN_CONFIG_REGISTRY: registry.url,
        BUN_INSTALL_CACHE_DIR: join(home, "bun"),
        BUN_TMPDIR: home,
        TMPDIR: home,
      },
      ...{ NPM_CONFIG_REGISTRY: registry.url, DENO_DIR: join(home, "deno"), DENO_NO_UPDATE_CHECK: "1" },
    };
    return succeed(askingFor(name), args, { cwd, env });
  };
  try {
    for (const name of Object.keys(runtimes) as (keyof typeof runtimes)[]) {
      await check(`${name}: npx rmsprop bits (${extent})`, () => {
        const { stdout } = ask(name, bitsArguments(extent));
        return checkBitsCommand(stdout, extent, { runtime: name, isas: [...isasHere(), "wasm"] });
      });
    }
    if (extent === "short") return;
    await check("Node 20: npx rmsprop bench", () => {
      const { stdout } = ask("Node 20", ["bench", "--json"]);
      const { sizes, seconds } = JSON.parse(stdout) as { sizes: readonly unknown[]; seconds: number };
      expectEqual(sizes.length, 4, "the number of sizes");
      if (!(seconds < longestBench)) throw new Error(`Expected under ${longestBench} s, found ${seconds} s.`);
      return `${sizes.length} sizes in ${seconds.toFixed(1)} s`;
    });
  } finally {
    registry.close();
    rmSync(parent, { recursive: true, force: true });
  }
}
