#!/usr/bin/env node
// npx rmsprop COMMAND

interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** @returns its `run`, which takes the arguments after the command's name and gives the exit code. */
  load(): Promise<(args: readonly string[]) => number | Promise<number>>;
}

/** Each in a file of its own, loaded when it is asked for. */
const commands: Readonly<Record<string, Command>> = {
  build: {
    summary: "compile the native backend of the sources in this package",
    load: async () => (await import("./build.ts")).build,
  },
  doctor: {
    summary: "say what the library runs on here and why, and test its bits",
    load: async () => (await import("./doctor.ts")).doctor,
  },
};

function usage(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: rmsprop COMMAND\n\n${lines.join("\n")}`;
}

const [name, ...args] = process.argv.slice(2);
if (name === undefined || name === "--help" || name === "help") {
  console.log(usage());
  process.exitCode = name === undefined ? 2 : 0;
} else if (Object.hasOwn(commands, name)) {
  const run = await (commands[name] as Command).load();
  process.exitCode = await run(args);
} else {
  console.error(`Expected a command, found ${name}.\n${usage()}`);
  process.exitCode = 2;
}
