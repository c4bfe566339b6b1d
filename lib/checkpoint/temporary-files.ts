// Files that are written beside the one that they are to replace: their names, and those that were left behind.
import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { codeOf } from "./file-errors.ts";
import { list, statOf, unlink } from "./system-calls.ts";
import type { Task } from "./task.ts";

const digest8 = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 8);

/**
 * The beginning of temporary files' names: short whatever the file's name, and different for each machine. Where Deno
 * does not permit to ask for the machine's name, each file has a beginning of its own, and none is taken for one that
 * was left behind.
 */
export function temporaryPrefix(name: string): string {
  let machine: string;
  try {
    machine = digest8(hostname());
  } catch {
    machine = randomBytes(4).toString("hex");
  }
  return `.rmsprop-${digest8(name)}-${machine}-`;
}

/** The age from which on a temporary file counts as left behind, in milliseconds: a day without new bytes. */
const longestPause = 86_400_000;

/**
 * Removes temporary files of the same file that ended processes of this machine have left behind. A container's process
 * often has the number of the one before it, and an ended worker leaves its file in a process that lives: hence the
 * age.
 */
export function* removeAbandoned(folder: string, prefix: string): Task<void> {
  let names: string[];
  try {
    names = yield* list(folder);
  } catch {
    return; // a folder may be writable but not readable
  }
  for (const name of names) {
    const pid = name.startsWith(prefix) && /^(\d+)-[0-9a-f]+\.tmp$/.exec(name.slice(prefix.length))?.[1];
    if (!pid) continue;
    const file = join(folder, name);
    if (!isAlive(Number(pid)) || (yield* isOld(file))) yield* removeQuietly(file);
  }
}

function* isOld(path: string): Task<boolean> {
  try {
    const { mtimeMs } = yield* statOf(path);
    return Date.now() - mtimeMs > longestPause;
  } catch {
    return false; // it is gone, or must not be looked at
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

/** Removes a file after an error. That error is thrown, not one of the removal. */
export function* removeQuietly(path: string): Task<void> {
  try {
    yield* unlink(path);
  } catch {}
}
