// Installed by every package manager from a registry, in an empty folder, with nothing on the path that builds.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addPrograms, dependencies } from "../packed.ts";
import { newerNode, pathWithoutCompiler, startRegistry } from "../registry.ts";
import { check, shorten } from "../report.ts";
import { type Command, type Ending, succeed } from "../shell.ts";
import { smokeIn } from "../smoke.ts";
import { runtimes, tool } from "../tools.ts";

/** Seconds that an installation may take, the time of the manager's own start and writing included. */
const most = 3;
/** A machine at other work may be slow once. */
const tries = 8;

interface Manager {
  /** What installs the package, in the folder. */
  readonly command: () => Command;
  readonly args: readonly string[];
  /** What stands before a package's name. Default: nothing. */
  readonly prefix?: string;
  /** What keeps every script from running. */
  readonly ignoreScripts: readonly string[];
  /** Files that the folder has before, by name. */
  readonly files?: (registry: string, ignoreScripts: boolean) => Readonly<Record<string, string>>;
  readonly env?: (registry: string, folder: string) => Readonly<Record<string, string>>;
  /** What runs a program of the folder. Default: Node. */
  readonly runtime?: () => Command;
}

const npm = (version: string): Manager => ({
  command: () => [newerNode(), tool(version, "bin", "npm-cli.js")],
  args: ["install"],
  ignoreScripts: ["--ignore-scripts"],
  env: (registry, folder) => ({ npm_config_registry: registry, npm_config_cache: join(folder, "cache") }),
});

/** Managers that refuse what was published just now; here it was. */
const noMinimalAge = "0";

const yarn = (): Command => [newerNode(), tool("@yarnpkg", "cli-dist", "bin", "yarn.js")];

const yarnWith = (nodeLinker: string): Manager => ({
  command: yarn,
  args: ["add"],
  ignoreScripts: [],
  files: (registry, ignoreScripts) => ({
    "package.json": "{}",
    "yarn.lock": "",
    ".yarnrc.yml": JSON.stringify({
      nodeLinker,
      npmRegistryServer: registry,
      npmMinimalAgeGate: 0,
      unsafeHttpWhitelist: ["127.0.0.1"],
      enableTelemetry: false,
      enableGlobalCache: false,
      ...(ignoreScripts ? { enableScripts: false } : {}),
    }),
  }),
});

const managers = {
  "npm 11": npm("npm-11"),
  "npm 12": npm("npm-12"),
  "pnpm 12": {
    command: () => [tool("@pnpm", "exe.linux-x64", "pnpm")],
    args: ["add"],
    ignoreScripts: ["--ignore-scripts"],
    env: (registry, folder) => ({
      npm_config_registry: registry,
      pnpm_config_registry: registry,
      pnpm_config_minimum_release_age: noMinimalAge,
      PNPM_HOME: join(folder, "pnpm"),
    }),
  },
  "yarn 4, Plug'n'Play": { ...yarnWith("pnp"), runtime: () => [...yarn(), "node"] },
  "yarn 4, node_modules": yarnWith("node-modules"),
  Bun: {
    command: () => [tool("@oven", "bun-linux-x64", "bin", "bun")],
    args: ["add"],
    ignoreScripts: ["--ignore-scripts"],
    env: (registry, folder) => ({ BUN_CONFIG_REGISTRY: registry, BUN_INSTALL_CACHE_DIR: join(folder, "cache") }),
    runtime: runtimes.Bun,
  },
  Deno: {
    command: () => [tool("@deno", "linux-x64-glibc", "deno")],
    args: ["add", `--minimum-dependency-age=${noMinimalAge}`],
    prefix: "npm:",
    // Deno runs none unless `--allow-scripts` names a package.
    ignoreScripts: [],
    env: (registry, folder) => ({ NPM_CONFIG_REGISTRY: registry, DENO_DIR: join(folder, "deno") }),
    runtime: runtimes.Deno,
  },
} satisfies Readonly<Record<string, Manager>>;

export type ManagerName = keyof typeof managers;

/** Words of a manager that runs scripts, would like to, or builds. */
const unwanted = /script|warn|gyp|build|compil|deprecat|err/i;
/** What they say of other things: names of packages, and of every project with ES modules that yarn has at its first. */
const unrelated = new RegExp(`${dependencies().join("|")}|.*YN0092.*|Done with warnings`, "g");

interface Installation {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** What runs a program of the folder. */
  readonly runtime: Command;
  readonly ending: Ending;
}

/** Installs packages in an empty folder below another. */
export function install(
  name: ManagerName,
  registry: string,
  ignoreScripts: boolean,
  parent: string,
  packages: readonly string[] = ["rmsprop"],
): Installation {
  const manager: Manager = managers[name];
  const folder = mkdtempSync(join(parent, "project-"));
  const home = mkdtempSync(join(parent, "home-"));
  const env = {
    ...manager.env?.(registry, home),
    PATH: pathWithoutCompiler(home),
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_CACHE_HOME: home,
    NO_COLOR: "1",
    CI: "",
  };
  for (const [name, text] of Object.entries(manager.files?.(registry, ignoreScripts) ?? {})) {
    writeFileSync(join(folder, name), text);
  }
  const { args: first, prefix = "" } = manager;
  const args = [
    ...first,
    ...packages.map((each) => `${prefix}${each}`),
    ...(ignoreScripts ? manager.ignoreScripts : []),
  ];
  const ending = succeed(manager.command(), args, { cwd: folder, env, timeout: 60 });
  return { folder, env, runtime: manager.runtime?.() ?? runtimes["Node 22"](), ending };
}

export async function managersPart(): Promise<void> {
  const registry = await startRegistry();
  // Not below this repository: package managers look for a project in the folders above.
  const parent = mkdtempSync(join(tmpdir(), "rmsprop-install-"));
  try {
    for (const name of Object.keys(managers) as ManagerName[]) {
      for (const ignoreScripts of [false, true]) {
        await check(`${name}${ignoreScripts ? ", scripts ignored" : ""}: installs and steps`, async () => {
          let installation = install(name, registry.url, ignoreScripts, parent);
          const seconds = [installation.ending.seconds];
          while (Math.min(...seconds) > most && seconds.length < tries) {
            installation = install(name, registry.url, ignoreScripts, parent);
            seconds.push(installation.ending.seconds);
          }
          const { folder, env, runtime, ending } = installation;
          const said = `${ending.stdout}\n${ending.stderr}`;
          const took = seconds.map((time) => time.toFixed(2)).join(", ");
          if (Math.min(...seconds) > most) throw new Error(`Expected under ${most} s, found ${took} s.`);
          if (unwanted.test(said.replace(unrelated, "")))
            throw new Error(`Expected no word of scripts, builds or warnings: ${shorten(said)}`);
          await addPrograms(folder);
          const result = await smokeIn(folder, runtime, { env });
          return `${took} s; ${result}`;
        });
      }
    }
  } finally {
    registry.close();
    rmSync(parent, { recursive: true, force: true });
  }
}
