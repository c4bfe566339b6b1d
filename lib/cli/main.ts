#!/usr/bin/env node
// npx rmsprop COMMAND
import { versionOfPackage } from "./machine.ts";
import { print, unwritten } from "./output.ts";

interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** @returns its `run`, which takes the arguments after the command's name and gives the exit code. */
  load(): Promise<(args: readonly string[]) => number | Promise<number>>;
}

/** Each in a file of its own, loaded when it is asked for. */
const commands: Readonly<Record<string, Command>> = {
  bench: {
    summary: "measure a step here beside its limit and a plain loop",
    load: async () => (await import("./bench.ts")).bench,
  },
  bits: {
    summary: "compare what every preset and stage leaves here with the published SHA-256",
    load: async () => (await import("./bits.ts")).bits,
  },
  build: {
    summary: "compile the native backend of the sources in this package",
    load: async () => (await import("./build.ts")).build,
  },
  doctor: {
    summary: "say what the library runs on here and why, and test its bits",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  report: {
    summary: "write a page with plots of records that rmsprop/record made",
    load: async () => (await import("./report.ts")).report,
  },
  ranks: {
    summary: "say what a step on many machines takes, by a model",
    load: async () => (await import("./ranks.ts")).ranks,
  },
  replay: {
    summary: "compute the paths of the site's figure from its settings, to the same bits",
    load: async () => (await import("./replay.ts")).replay,
  },
};

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: rmsprop COMMAND, or rmsprop --version (-v)\n\n${lines.join("\n")}`;
}

/** Runs the command that the arguments name. Returns the exit code. */
async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === "--version" || name === "-v") {
    print(versionOfPackage());
    return 0;
  }
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    print(usage());
    return name === undefined ? 2 : 0;
  }
  if (Object.hasOwn(commands, name)) {
    const run = await (commands[name] as Command).load();
    return run(args);
  }
  console.error(`Expected a command, found ${name}.\n${usage()}`);
  return 2;
}

process.exitCode = await main(process.argv.slice(2));
const failure = await unwritten();
if (failure !== undefined) {
  console.error(failure);
  process.exitCode = 1;
}
