import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { OptimError, show } from "../errors.ts";

/** One call of the file system in both forms, so that what reads and writes is spelled once for both. */
interface Call {
  sync(): unknown;
  async(): Promise<unknown>;
}

/** Work that asks for calls of the file system and gets their results. */
export type Task<T> = Generator<Call, T, unknown>;

function* call<T>(sync: () => T, async: () => Promise<T>): Task<T> {
  return (yield { sync, async }) as T;
}

export function runSync<T>(task: Task<T>): T {
  let next = task.next();
  while (!next.done) {
    let result: unknown;
    try {
      result = next.value.sync();
    } catch (error) {
      next = task.throw(error);
      continue;
    }
    next = task.next(result);
  }
  return next.value;
}

export async function runAsync<T>(task: Task<T>): Promise<T> {
  let next = task.next();
  while (!next.done) {
    let result: unknown;
    try {
      result = await next.value.async();
    } catch (error) {
      next = task.throw(error);
      continue;
    }
    next = task.next(result);
  }
  return next.value;
}

const open = (path: string, flags: string, mode = 0o666) =>
  call(
    () => fs.openSync(path, flags, mode),
    () => promisify(fs.open)(path, flags, mode),
  );
const close = (file: number) =>
  call(
    () => fs.closeSync(file),
    () => promisify(fs.close)(file),
  );
const sync = (file: number) =>
  call(
    () => fs.fsyncSync(file),
    () => promisify(fs.fsync)(file),
  );
const rename = (from: string, to: string) =>
  call(
    () => fs.renameSync(from, to),
    () => promisify(fs.rename)(from, to),
  );
const unlink = (path: string) =>
  call(
    () => fs.unlinkSync(path),
    () => promisify(fs.unlink)(path),
  );
const list = (folder: string) =>
  call(
    () => fs.readdirSync(folder),
    () => promisify(fs.readdir)(folder),
  );
const realPath = (path: string) =>
  call(
    () => fs.realpathSync(path),
    () => promisify(fs.realpath)(path),
  );
const modeOf = (path: string) =>
  call(
    () => fs.statSync(path).mode,
    async () => (await promisify(fs.stat)(path)).mode,
  );

/** The length of a file in bytes. */
export const sizeOfFile = (file: number) =>
  call(
    () => fs.fstatSync(file).size,
    async () => (await promisify(fs.fstat)(file)).size,
  );

/** Fills `bytes` from a place in a file. Returns how many there were. */
export function* readAt(file: number, bytes: Uint8Array, position: number): Task<number> {
  let count = 0;
  while (count < bytes.length) {
    const [offset, length, from] = [count, bytes.length - count, position + count];
    const read = yield* call(
      () => fs.readSync(file, bytes, offset, length, from),
      async () => (await promisify(fs.read)(file, bytes, offset, length, from)).bytesRead,
    );
    if (read === 0) break;
    count += read;
  }
  return count;
}

/** Writes all of `bytes` behind what was written before. */
export function* append(file: number, bytes: Uint8Array): Task<void> {
  let count = 0;
  while (count < bytes.length) {
    const [offset, length] = [count, bytes.length - count];
    count += yield* call(
      () => fs.writeSync(file, bytes, offset, length),
      async () => (await promisify(fs.write)(file, bytes, offset, length)).bytesWritten,
    );
  }
}

/** @throws OptimError ERR_OPTION for what is neither a path nor a file URL. */
export function pathOf(path: unknown): string {
  if (typeof path === "string" && path !== "") return path;
  if (path instanceof URL && path.protocol === "file:") return fileURLToPath(path);
  throw new OptimError("ERR_OPTION", `Expected the path of a file, a string or a file URL, but it is ${show(path)}.`);
}

/** Opens a file to read, and closes it whatever happens. */
export function* withFile<T>(path: string, use: (file: number) => Task<T>): Task<T> {
  const file = yield* open(path, "r");
  try {
    return yield* use(file);
  } finally {
    yield* close(file);
  }
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException | undefined)?.code;

/**
 * Writes a file and puts it in the place of what was there, so that a crash at any moment leaves the old file or the new
 * one, whole: it is written beside it under another name, synced, and renamed, and the folder is synced. What an error
 * leaves of it is removed.
 * @throws What the file system says. After an error of the folder's sync alone the new file is in its place.
 */
export function* replaceFile(path: string, write: (file: number) => Task<void>): Task<void> {
  const { target, mode } = yield* locate(path);
  const folder = dirname(target);
  const prefix = temporaryPrefix(basename(target));
  yield* removeAbandoned(folder, prefix);
  const temporary = join(folder, `${prefix}${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
  const file = yield* open(temporary, "wx", mode);
  try {
    try {
      yield* write(file);
      yield* sync(file);
    } finally {
      yield* close(file);
    }
    yield* rename(temporary, target);
  } catch (error) {
    yield* removeQuietly(temporary);
    throw error;
  }
  yield* syncFolder(folder);
}

/** Where a link points, so that it goes on pointing there, and the rights of the file that is there. */
function* locate(path: string): Task<{ target: string; mode: number }> {
  try {
    const target = yield* realPath(path);
    return { target, mode: (yield* modeOf(target)) & 0o777 };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { target: path, mode: 0o666 };
    throw error;
  }
}

const digest8 = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** How names of temporary files begin: of short length whatever the file's name, and apart for each machine. */
const temporaryPrefix = (name: string) => `.rmsprop-${digest8(name)}-${digest8(hostname())}-`;

/** Removes what processes of this machine that are no more have left of the same file. */
function* removeAbandoned(folder: string, prefix: string): Task<void> {
  let names: string[];
  try {
    names = yield* list(folder);
  } catch {
    return; // a folder may be written to and not be listed
  }
  for (const name of names) {
    const pid = name.startsWith(prefix) && /^(\d+)-[0-9a-f]+\.tmp$/.exec(name.slice(prefix.length))?.[1];
    if (pid && !isAlive(Number(pid))) yield* removeQuietly(join(folder, name));
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

/** Removes a file on the way out of an error, which is the one to be told. */
function* removeQuietly(path: string): Task<void> {
  try {
    yield* unlink(path);
  } catch {}
}

function* syncFolder(folder: string): Task<void> {
  if (process.platform === "win32") return; // folders cannot be opened there; a rename is durable by itself
  yield* withFile(folder, function* (file) {
    try {
      yield* sync(file);
    } catch (error) {
      // Some network file systems have no sync of folders.
      if (!["EINVAL", "ENOTSUP", "ENOSYS"].includes(codeOf(error) ?? "")) throw error;
    }
  });
}
