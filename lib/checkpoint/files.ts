import { randomBytes } from "node:crypto";
import fs, { type Stats } from "node:fs";
import { basename, dirname, isAbsolute, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { OptimError } from "../errors.ts";
import { show } from "../values/show.ts";
import type { Sink, Source } from "./bytes.ts";
import { closing, codeOf, telling } from "./file-errors.ts";
import {
  append,
  changeMode,
  changeModeOf,
  changeOwner,
  changeOwnerOf,
  open,
  readAt,
  readLink,
  realPath,
  rename,
  statOf,
  statOfFile,
  sync,
} from "./system-calls.ts";
import { call, type Task } from "./task.ts";
import { removeAbandoned, removeQuietly, temporaryPrefix } from "./temporary-files.ts";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_SYNC = 0, O_NONBLOCK = 0 } = fs.constants;

/** @throws OptimError ERR_OPTION for what is neither a path nor a file URL. */
export function pathOf(given: unknown): string {
  const path = given instanceof URL ? pathOfURL(given) : given;
  if (typeof path === "string" && path !== "" && !path.includes("\0")) return path;
  const found = given instanceof URL ? given.href : given;
  throw new OptimError("ERR_OPTION", `Expected the path of a file, a string or a file URL, but it is ${show(found)}.`);
}

function pathOfURL(url: URL): string | undefined {
  try {
    return fileURLToPath(url);
  } catch {
    return undefined; // of another protocol, or with a host or a slash that no path has
  }
}

/** The file's name in a sentence. */
export const named = (kind: string, path: string) => `The ${kind} ${JSON.stringify(path)}`;

/**
 * Refuses all but files with bytes of their own: opening a FIFO waits for its writer, and a file in the place of a
 * device takes it away from everybody.
 * @throws OptimError ERR_OPTION.
 */
function checkRegular(path: string, stats: Stats): void {
  if (stats.isFile()) return;
  const kinds: Readonly<Record<string, boolean>> = {
    "a folder": stats.isDirectory(),
    "a FIFO": stats.isFIFO(),
    "a socket": stats.isSocket(),
    "a character device": stats.isCharacterDevice(),
    "a block device": stats.isBlockDevice(),
  };
  const kind = Object.keys(kinds).find((name) => kinds[name]) ?? "something else";
  throw new OptimError("ERR_OPTION", `Expected ${JSON.stringify(path)} to be an ordinary file, but it is ${kind}.`);
}

/**
 * Opens a file to read, and closes it whatever happens.
 * @throws OptimError ERR_OPTION where there is something other than a file; the file system's errors, told.
 */
export function withSource<T>(path: string, use: (source: Source) => Task<T>): Task<T> {
  return telling(`${named("file", path)} could not be read.`, reading(path, use));
}

function* reading<T>(path: string, use: (source: Source) => Task<T>): Task<T> {
  checkRegular(path, yield* statOf(path));
  // Something else may be there by now; without O_NONBLOCK a FIFO would wait.
  const file = yield* open(path, O_RDONLY | O_NONBLOCK);
  function* work(): Task<T> {
    const stats = yield* statOfFile(file);
    checkRegular(path, stats);
    return yield* use({
      size: () => call(() => stats.size),
      readAt: (bytes, position) => readAt(file, bytes, position),
    });
  }
  return yield* closing(file, work());
}

/** The error of Node's permission model for calls on open files, which it has no rules for. */
const isForbidden = (error: unknown) => codeOf(error) === "ERR_ACCESS_DENIED";

/** Whether Node's permission model is on, which forbids to sync a file. */
const hasPermissionModel = () => (process as { permission?: unknown }).permission !== undefined;

/**
 * Writes a file and puts it in the place of what was there, so that a crash at any moment leaves the old file or the
 * new one, whole: it is written beside it under another name, synced, and renamed, and the folder is synced. After an
 * error its remains are removed. The new file has the mode of the old one, and its owner and group where that is
 * permitted.
 * @throws OptimError ERR_OPTION where there is something other than a file; the file system's errors, told. After an
 * error of the folder's sync alone the new file is in its place.
 */
export function* replaceFile(path: string, write: (sink: Sink) => Task<void>): Task<void> {
  const file = named("file", path);
  const what = `${file} could not be saved, and what was there is as it was.`;
  const folder = yield* telling(what, replacing(path, write));
  const lost = `${file} is saved, but its folder could not be synced, so that a failure of the system may undo that.`;
  yield* telling(lost, syncFolder(folder));
}

/** Does all but sync the folder, which it returns. */
function* replacing(path: string, write: (sink: Sink) => Task<void>): Task<string> {
  const { target, old } = yield* locate(path);
  // The real folder: in a path that is put together anew, ".." would go up from a link.
  const folder = yield* realPath(dirname(target));
  const prefix = temporaryPrefix(basename(target));
  yield* removeAbandoned(folder, prefix);
  const temporary = join(folder, `${prefix}${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
  const flags = hasPermissionModel() ? O_WRONLY | O_CREAT | O_EXCL | O_SYNC : "wx";
  const file = yield* open(temporary, flags, old ? 0o600 : 0o666);
  function* fill(): Task<void> {
    yield* write({ append: (bytes) => append(file, bytes) });
    // After the bytes: a write takes setuid and setgid away.
    if (old) yield* takeRights(file, temporary, old);
    yield* syncWherePermitted(file);
  }
  try {
    yield* closing(file, fill());
    yield* rename(temporary, target);
  } catch (error) {
    yield* removeQuietly(temporary);
    throw error;
  }
  return folder;
}

/** The target of links, so that they go on leading there, and the stats of the file there. */
function* locate(path: string): Task<{ target: string; old: Stats | undefined }> {
  let old: Stats;
  try {
    old = yield* statOf(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return { target: yield* endOfLinks(path), old: undefined };
  }
  checkRegular(path, old);
  try {
    return { target: yield* realPath(path), old };
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    // Links of /proc lead to open files, whose names may be gone.
    throw new OptimError(
      "ERR_OPTION",
      `Expected ${JSON.stringify(path)} to lead to a file that has a name, but it has none.`,
    );
  }
}

/** Linux's limit; longer chains and loops are the file system's to refuse. */
const maxLinks = 40;

/** The path that a chain of links leads to whose end is not there. */
function* endOfLinks(path: string): Task<string> {
  let target = path;
  for (let links = 0; links < maxLinks; links++) {
    let link: string;
    try {
      link = yield* readLink(target);
    } catch (error) {
      // No link, which Windows has a code of its own for, or nothing there.
      if (["EINVAL", "ENOENT", "UNKNOWN"].includes(codeOf(error) ?? "")) return target;
      throw error;
    }
    // From where the link really lies: ".." in it goes up from there.
    target = isAbsolute(link) ? link : `${yield* realPath(dirname(target))}${sep}${link}`;
  }
  yield* statOf(path); // ELOOP
  return target;
}

/** The errors of file systems without owners, modes or syncs of folders, and those of users who may not change them. */
const isUnsupported = (error: unknown) =>
  ["EPERM", "EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error) ?? "");

/** Gives a new file the owner, the group and the mode of the old one, as far as that is permitted. */
function* takeRights(file: number, path: string, old: Stats): Task<void> {
  const own = yield* statOfFile(file);
  let isOwner = own.uid === old.uid;
  let isGroup = own.gid === old.gid;
  if (!isOwner || !isGroup) {
    if (yield* give(file, path, old.uid, old.gid)) isOwner = isGroup = true;
    else if (!isOwner && !isGroup) isGroup = yield* give(file, path, own.uid, old.gid);
  }
  let mode = old.mode & 0o7777;
  // A file that is not theirs must not run as them, and another group has only the rights of everybody.
  if (!isOwner) mode &= 0o1777;
  if (!isGroup) mode = (mode & 0o5707) | ((mode & 0o7) << 3);
  try {
    yield* changeMode(file, mode);
  } catch (error) {
    if (isForbidden(error)) yield* changeModeOf(path, mode);
    else if (!isUnsupported(error)) throw error;
  }
}

/** Whether a file could be given to a user and a group. */
function* give(file: number, path: string, user: number, group: number): Task<boolean> {
  try {
    try {
      yield* changeOwner(file, user, group);
    } catch (error) {
      if (!isForbidden(error)) throw error;
      yield* changeOwnerOf(path, user, group);
    }
    return true;
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
}

function* syncFolder(folder: string): Task<void> {
  if (process.platform === "win32") return; // folders cannot be opened there; a rename is durable by itself
  let file: number;
  try {
    file = yield* open(folder, "r");
  } catch (error) {
    if (codeOf(error) !== "EACCES") throw error;
    return; // a folder may be writable but not readable
  }
  function* work(): Task<void> {
    try {
      yield* syncWherePermitted(file);
    } catch (error) {
      // Some network file systems have no sync of folders.
      if (!isUnsupported(error)) throw error;
    }
  }
  yield* closing(file, work());
}

function* syncWherePermitted(file: number): Task<void> {
  try {
    yield* sync(file);
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
}
