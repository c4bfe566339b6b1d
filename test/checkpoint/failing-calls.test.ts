// Each call of the file system of a save and of a load fails, one after the other, or that one and all after it: what is
// saved stays whole, what is loaded is not half, and the error is a sentence.
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import {
  encodeCheckpoint,
  loadCheckpoint,
  loadCheckpointAsync,
  saveCheckpoint,
  saveCheckpointAsync,
} from "../../lib/checkpoint/index.ts";
import { OptimError, RMSprop } from "../../lib/index.ts";
import { drawGradient, parameter, plain } from "../support/arrays.ts";
import { root } from "../support/compile.ts";
import { type Failure, openFiles, type Watched, watchCalls } from "../support/failing-files.ts";
import { temporaryFolder } from "../support/folder.ts";

/** Parameters and an optimizer that has taken some steps. */
function make(seed: number, steps: number) {
  const parameters = [parameter("w", 5, "float32", seed), parameter("b", 3, "float64", seed + 1)];
  const optimizer = new RMSprop(parameters, { lr: 0.01 / seed, momentum: 0.9, centered: true, ema: { decay: 0.9 } });
  for (let step = 0; step < steps; step++) {
    for (const { grad } of parameters) drawGradient(grad as Float32Array, step);
    optimizer.step();
  }
  return { parameters, optimizer };
}

const saved = { old: make(1, 2), new: make(2, 3) };
const bytesOf = { old: Buffer.from(encodeCheckpoint(saved.old)), new: Buffer.from(encodeCheckpoint(saved.new)) };

const forms = {
  sync: {
    save: async (path: string) => saveCheckpoint(path, saved.new),
    load: async (path: string, into: ReturnType<typeof make>) => loadCheckpoint(path, into),
  },
  async: {
    save: (path: string) => saveCheckpointAsync(path, saved.new),
    load: (path: string, into: ReturnType<typeof make>) => loadCheckpointAsync(path, into),
  },
};

/** Does work and catches what it throws. */
async function errorOf(work: () => Promise<unknown>): Promise<NodeJS.ErrnoException | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

interface Place {
  readonly path: string;
  /** Where the file is, if it is not where the path says. */
  readonly file: string;
  readonly had: Buffer | undefined;
}

const file = (folder: string) => join(folder, "model.safetensors");

/** What there is before a save, made in an empty folder. */
const places: Readonly<Record<string, (folder: string) => Place>> = {
  "no file": (folder) => ({ path: file(folder), file: file(folder), had: undefined }),
  "a file of another's, read-only": (folder) => {
    writeFileSync(file(folder), bytesOf.old);
    chmodSync(file(folder), 0o440);
    // Only root can give files away: for others it is a file of their own.
    if (process.getuid?.() === 0) chownSync(file(folder), 1234, 1234);
    return { path: file(folder), file: file(folder), had: bytesOf.old };
  },
  "a link to a file": (folder) => {
    const target = join(folder, "of-the-link");
    writeFileSync(target, bytesOf.old);
    symlinkSync("of-the-link", file(folder));
    return { path: file(folder), file: target, had: bytesOf.old };
  },
  "a link to nothing": (folder) => {
    symlinkSync("of-the-link", file(folder));
    return { path: file(folder), file: join(folder, "of-the-link"), had: undefined };
  },
};

const isTemporary = (name: string) => name.startsWith(".rmsprop-");

const failures: readonly Failure[] = ["EIO", "ENOSPC", "EINTR", "half", "nothing"];

/** What comes of work where call `n` fails, or all from `n` on. */
async function failing(
  form: "sync" | "async",
  n: number,
  every: boolean,
  failure: Failure,
  work: () => Promise<unknown>,
): Promise<{ error: NodeJS.ErrnoException | undefined; made: readonly string[]; left: number }> {
  const before = openFiles();
  const watched: Watched = watchCalls(form, (count) => (every ? count >= n : count === n), failure);
  try {
    const error = await errorOf(work);
    return { error, made: watched.made, left: (openFiles() ?? 0) - (before ?? 0) };
  } finally {
    watched.restore();
  }
}

/** How many calls work makes that succeeds. */
async function countCalls(form: "sync" | "async", work: () => Promise<unknown>): Promise<string[]> {
  const watched = watchCalls(form);
  try {
    await work();
  } finally {
    watched.restore();
  }
  return watched.calls;
}

/** The error of a call: a sentence that names the file, and has the system's code. */
function expectSentence(error: NodeJS.ErrnoException, path: string, failure: Failure): void {
  const code = failure === "nothing" ? "EIO" : failure;
  expect(error).toMatchObject({ code, syscall: expect.any(String), cause: expect.any(Error) });
  expect(error.message).toMatch(/^The file ".*" (could not be (saved|read)|is saved, but)[^"]*\. E[A-Z]+: .*, \w+$/);
  expect(error.message).toContain(JSON.stringify(path));
}

describe.each(["sync", "async"] as const)("each call of the file system fails, %s", (form) => {
  describe.each(Object.keys(places))("a save over %s", (name) => {
    const make = places[name] as (folder: string) => Place;

    test.each(failures)("%s: the old file or the new one is there, whole, and no other", async (failure) => {
      const first = make(temporaryFolder());
      const all = await countCalls(form, () => forms[form].save(first.path));
      expect(readFileSync(first.file)).toEqual(bytesOf.new);
      expect(all.filter((call) => call === "rename")).toHaveLength(1);
      for (const every of [false, true]) {
        for (let n = 1; n <= all.length; n++) {
          const what = `call ${n}, ${all[n - 1]}${every ? ", and all after it" : ""}`;
          const folder = temporaryFolder();
          const { path, file, had } = make(folder);
          const names = readdirSync(folder);
          const { error, made, left } = await failing(form, n, every, failure, () => forms[form].save(path));
          expect(left, what).toBe(0);
          const there = existsSync(file) ? readFileSync(file) : undefined;
          const isNew = there?.equals(bytesOf.new) ?? false;
          if (error) expectSentence(error, path, failure);
          else expect(isNew, what).toBe(true);
          // After the rename alone an error leaves the new file.
          expect(isNew, what).toBe(made.includes("rename"));
          if (!isNew) expect(there, what).toEqual(had);
          if (error) expect(error.message, what).toContain(isNew ? "is saved, but" : "what was there is as it was");
          const others = readdirSync(folder).filter((one) => !names.includes(one) && join(folder, one) !== file);
          // What cannot be removed stays.
          const stuck = error && !made.includes("unlink");
          expect(
            others.filter((one) => !(stuck && isTemporary(one))),
            what,
          ).toEqual([]);
          await forms[form].save(path);
          expect(readFileSync(file), what).toEqual(bytesOf.new);
        }
      }
    });
  });

  test.each(failures)("a load, %s: all of it or nothing", async (failure) => {
    const path = file(temporaryFolder());
    writeFileSync(path, bytesOf.new);
    const state = ({ parameters, optimizer }: ReturnType<typeof make>) =>
      plain([...parameters.map(({ data }) => data), optimizer.stateDict()]);
    const loaded = state(saved.new);
    const all = await countCalls(form, () => forms[form].load(path, make(3, 1)));
    expect(all.filter((call) => call === "read").length).toBeGreaterThan(3);
    for (const every of [false, true]) {
      for (let n = 1; n <= all.length; n++) {
        const what = `call ${n}, ${all[n - 1]}${every ? ", and all after it" : ""}`;
        const into = make(3, 1);
        const before = state(into);
        const { error, left } = await failing(form, n, every, failure, () => forms[form].load(path, into));
        expect(left, what).toBe(0);
        expect(state(into), what).toEqual(error ? before : loaded);
        if (error instanceof OptimError) {
          // A file that ends early is a damaged one.
          expect([failure, error.code], what).toEqual(["nothing", "ERR_CHECKPOINT"]);
        } else if (error) expectSentence(error, path, failure);
        if (failure === "half") expect(error, what).toBeUndefined();
        await forms[form].load(path, into);
        expect(state(into), what).toEqual(loaded);
      }
    }
  });

  test("one interruption by a signal stops neither a read nor a write nor a sync nor a close", async () => {
    const path = file(temporaryFolder());
    for (const work of [() => forms[form].save(path), () => forms[form].load(path, make(3, 1))]) {
      await work(); // after which there is a file
      const all = await countCalls(form, work);
      for (const [i, call] of all.entries()) {
        if (!["read", "write", "fsync", "close"].includes(call)) continue;
        const { error } = await failing(form, i + 1, false, "EINTR", work);
        expect(error, `call ${i + 1}, ${call}`).toBeUndefined();
      }
    }
  });
});

/** Saves until the file system is full, and prints what it is told; `folder` is a file system of its own. */
const filler = (folder: string) => `
  import { readdirSync, readFileSync, writeFileSync } from "node:fs";
  import { allocate, RMSprop } from ${JSON.stringify(pathToFileURL(join(root, "dist/index.js")).href)};
  import { loadCheckpoint, saveCheckpoint, saveCheckpointAsync } from ${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/index.js")).href)};
  const make = (length) => {
    const model = allocate({ w: [length] });
    return { parameters: model.parameters, optimizer: new RMSprop(model.parameters, {}) };
  };
  const path = ${JSON.stringify(join(folder, "model.safetensors"))};
  const small = make(1000);
  saveCheckpoint(path, small);
  const old = readFileSync(path);
  const told = [];
  for (const save of [saveCheckpoint, saveCheckpointAsync]) {
    for (const length of [200_000, 20_000]) {
      try {
        await save(path, make(length));
        told.push("saved");
      } catch ({ code, syscall, message }) {
        told.push({ code, syscall, message });
      }
    }
  }
  loadCheckpoint(path, small);
  console.log(JSON.stringify({ told, files: readdirSync(${JSON.stringify(folder)}), same: readFileSync(path).equals(old) }));`;

const canMount = () => {
  if (process.platform !== "linux") return false;
  const folder = temporaryFolder();
  return spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "-o", "size=64k", "none", folder]).status === 0;
};

test("a file system that is really full: the old file stays, and nothing is left of the new one", (context) => {
  if (!canMount()) context.skip("Mounting a tmpfs in a namespace of its own (unshare -m) is not permitted here.");
  const folder = join(temporaryFolder(), "full");
  mkdirSync(folder);
  const program = join(folder, "..", "filler.mjs");
  writeFileSync(program, filler(folder));
  const mounted = 'mount -t tmpfs -o size=64k none "$1" && shift && exec "$@"';
  const printed = execFileSync("unshare", ["-m", "sh", "-c", mounted, "sh", folder, process.execPath, program], {
    encoding: "utf8",
  });
  const { told, files, same } = JSON.parse(printed);
  expect(told).toHaveLength(4);
  for (const error of told) {
    expect(error).toMatchObject({ code: "ENOSPC", syscall: "write" });
    expect(error.message).toBe(
      `The file ${JSON.stringify(join(folder, "model.safetensors"))} could not be saved, and what was there is as it was. ENOSPC: no space left on device, write`,
    );
  }
  expect({ files, same }).toEqual({ files: ["model.safetensors"], same: true });
});
