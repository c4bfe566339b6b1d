import { type ParseArgsConfig, parseArgs } from "node:util";
import { print } from "./output.ts";

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/**
 * Reads a file that a command was given.
 * @throws An error that names the file, where the system's own does not.
 */
export function reading<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new Error(`Expected to read the file ${file}, but: ${messageOf(error)}.`);
  }
}

type Options = NonNullable<ParseArgsConfig["options"]>;

type Values<O extends Options> = {
  readonly [Name in keyof O]?: O[Name]["multiple"] extends true
    ? (O[Name]["type"] extends "boolean" ? boolean : string)[]
    : O[Name]["type"] extends "boolean"
      ? boolean
      : string;
};

/** What a command was given. */
export interface Given<O extends Options> {
  readonly values: Values<O>;
  readonly positionals: readonly string[];
}

/**
 * Reads a command's arguments. `--help` prints `help`; what is no argument of the command is said, with `help`.
 * @param positionals The fewest and the most of the arguments that are no options.
 * @returns The exit code where there is nothing left to do.
 */
export function readArguments<const O extends Options>(
  args: readonly string[],
  help: string,
  options: O,
  positionals: readonly [number, number] = [0, 0],
): Given<O> | number {
  const [least, most] = positionals;
  try {
    const given = parseArgs({
      args: [...args],
      options: { ...options, help: { type: "boolean" } },
      allowPositionals: most > 0,
    });
    if ((given.values as { help?: boolean }).help) {
      print(help);
      return 0;
    }
    const count = given.positionals.length;
    if (count < least)
      throw new Error(`Expected ${least === 1 ? "a file" : `${least} files`}, found ${count || "none"}.`);
    if (count > most) throw new Error(`Expected ${most === 1 ? "one file" : `${most} files at most`}, found ${count}.`);
    return given as unknown as Given<O>;
  } catch (error) {
    console.error(`${messageOf(error)}\n${help}`);
    return 2;
  }
}
