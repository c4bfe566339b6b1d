// What checkpoints ask of the file system, each call at once or off the event loop (task.ts).

import fs from "node:fs";
import { promisify } from "node:util";
import { call, type Task } from "./task.ts";

export const open = (path: string, flags: string | number, mode = 0o666) =>
  call(
    () => fs.openSync(path, flags, mode),
    () => promisify(fs.open)(path, flags, mode),
  );

const isInterruption = (error: unknown) => (error as NodeJS.ErrnoException | undefined)?.code === "EINTR";

/** Interruptions of one call, in a row, after which they count as its failure. */
const mostInterruptions = 1000;

/** A call that is made again where a signal interrupted it: Node leaves that to its callers where they read. */
function* again<T>(sync: () => T, async: () => Promise<T>): Task<T> {
  for (let interruptions = 1; ; interruptions++) {
    try {
      return yield* call(sync, async);
    } catch (error) {
      if (!isInterruption(error) || interruptions === mostInterruptions) throw error;
    }
  }
}

/** A close that was interrupted has closed the file, and another might close somebody else's. */
export function* close(file: number): Task<void> {
  try {
    yield* call(
      () => fs.closeSync(file),
      () => promisify(fs.close)(file),
    );
  } catch (error) {
    if (!isInterruption(error)) throw error;
  }
}

export const sync = (file: number) =>
  again(
    () => fs.fsyncSync(file),
    () => promisify(fs.fsync)(file),
  );

export const rename = (from: string, to: string) =>
  call(
    () => fs.renameSync(from, to),
    () => promisify(fs.rename)(from, to),
  );

export const unlink = (path: string) =>
  call(
    () => fs.unlinkSync(path),
    () => promisify(fs.unlink)(path),
  );

export const list = (folder: string) =>
  call(
    () => fs.readdirSync(folder),
    () => promisify(fs.readdir)(folder),
  );

/** As the system finds it: Node's own way takes ".." away before it looks at links, which is right on Windows alone. */
export const realPath = (path: string) =>
  process.platform === "win32"
    ? call(
        () => fs.realpathSync(path),
        () => promisify(fs.realpath)(path),
      )
    : call(
        () => fs.realpathSync.native(path),
        () => promisify(fs.realpath.native)(path),
      );

export const readLink = (path: string) =>
  call(
    () => fs.readlinkSync(path),
    () => promisify(fs.readlink)(path),
  );

export const statOf = (path: string) =>
  call(
    () => fs.statSync(path),
    () => promisify(fs.stat)(path),
  );

export const statOfFile = (file: number) =>
  call(
    () => fs.fstatSync(file),
    () => promisify(fs.fstat)(file),
  );

export const changeMode = (file: number, mode: number) =>
  call(
    () => fs.fchmodSync(file, mode),
    () => promisify(fs.fchmod)(file, mode),
  );

export const changeModeOf = (path: string, mode: number) =>
  call(
    () => fs.chmodSync(path, mode),
    () => promisify(fs.chmod)(path, mode),
  );

export const changeOwner = (file: number, user: number, group: number) =>
  call(
    () => fs.fchownSync(file, user, group),
    () => promisify(fs.fchown)(file, user, group),
  );

export const changeOwnerOf = (path: string, user: number, group: number) =>
  call(
    () => fs.chownSync(path, user, group),
    () => promisify(fs.chown)(path, user, group),
  );

/** Fills `bytes` from a place in a file. Returns the number of bytes that were there. */
export function* readAt(file: number, bytes: Uint8Array, position: number): Task<number> {
  let count = 0;
  while (count < bytes.length) {
    const [offset, length, from] = [count, bytes.length - count, position + count];
    const read = yield* again(
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
    const written = yield* again(
      () => fs.writeSync(file, bytes, offset, length),
      async () => (await promisify(fs.write)(file, bytes, offset, length)).bytesWritten,
    );
    if (written === 0) {
      const error = new Error(`EIO: the file system took none of ${length} bytes, write`);
      throw Object.assign(error, { code: "EIO", syscall: "write" });
    }
    count += written;
  }
}
