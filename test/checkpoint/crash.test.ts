// A crash while saving, and file systems that fail: the old file or the new one is there, whole.
import { spawn } from "node:child_process";
import fs, { readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { readSafetensors, writeSafetensors, writeSafetensorsAsync } from "../../lib/checkpoint/index.ts";
import { full, uniformFrom } from "../support/cases.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";

/** The full run kills more often. */
const kills = full ? 200 : 40;
const length = 200_000;

/** Saves one file after another over the same path, each filled with its number, and tells of each that is done. */
const saver = `
  import { writeSync } from "node:fs";
  import { readSafetensors, writeSafetensors } from ${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/index.js")).href)};
  const path = process.argv[1];
  const data = new Float32Array(${length});
  for (let i = Number(readSafetensors(path).metadata.count) + 1; ; i++) {
    data.fill(i);
    writeSafetensors(path, [["data", { data }]], { count: String(i) });
    writeSync(1, i + "\\n");
  }`;

/** Runs the saver until some time after its first save, kills it, and returns the last save that it told of. */
function saveAndKill(path: string, milliseconds: number): Promise<number> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", saver, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  return new Promise((resolve, reject) => {
    child.stdout.on("data", (text: Buffer) => {
      if (told === "") setTimeout(() => child.kill("SIGKILL"), milliseconds);
      told += text.toString();
    });
    child.on("error", reject);
    child.on("close", (_, signal) => {
      const last = told.split("\n").at(-2);
      if (signal === "SIGKILL" && last) resolve(Number(last));
      else reject(new Error(`Expected the saver to be killed, but it ended otherwise, after ${JSON.stringify(told)}.`));
    });
  });
}

test(`${kills} kills at random moments while saving leave a whole file each`, { timeout: 600_000 }, async () => {
  const folder = temporaryFolder();
  const path = join(folder, "file");
  writeSafetensors(path, [["data", { data: new Float32Array(length) }]], { count: "0" });
  const uniform = uniformFrom(99);
  let inTheMiddle = 0;
  for (let kill = 0; kill < kills; kill++) {
    const told = await saveAndKill(path, uniform() * 15);
    const { metadata, tensors } = readSafetensors(path);
    const count = Number(metadata.count);
    // The last one told of, or the one after it, killed between its rename and the telling.
    expect([told, told + 1]).toContain(count);
    const data = tensors.get("data")?.data as Float32Array;
    expect(data.every((value) => value === count)).toBe(true);
    const left = readdirSync(folder).filter((name) => name !== "file");
    if (left.length > 0) inTheMiddle++;
    // A save removes what killed ones before it left.
    expect(left.length).toBeLessThanOrEqual(1);
  }
  console.log(`${inTheMiddle} of ${kills} kills fell into the middle of a save.`);
  expect(inTheMiddle).toBeGreaterThan(kills / 10);
  writeSafetensors(path, [], { count: "0" });
  expect(readdirSync(folder)).toEqual(["file"]);
});

const failure = (code: string) => Object.assign(new Error(`${code}: made by the test`), { code });

type Call = "fsync" | "rename" | "write" | "open";

/** Both forms of saving, and how to make a call of the file system fail in them. */
const forms = {
  sync: {
    save: async (path: string, value: number) => writeSafetensors(path, [["a", { data: Float32Array.of(value) }]]),
    fail(call: Call, code: string, at = 1) {
      const name = `${call}Sync` as const;
      const original = fs[name] as (...args: unknown[]) => unknown;
      let count = 0;
      return vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
        if (++count === at) throw failure(code);
        return original(...args);
      }) as never);
    },
  },
  async: {
    save: (path: string, value: number) => writeSafetensorsAsync(path, [["a", { data: Float32Array.of(value) }]]),
    fail(call: Call, code: string, at = 1) {
      const original = fs[call] as (...args: unknown[]) => unknown;
      let count = 0;
      return vi.spyOn(fs, call).mockImplementation(((...args: unknown[]) => {
        if (++count !== at) return original(...args);
        return (args.at(-1) as (error: Error) => void)(failure(code));
      }) as never);
    },
  },
};

describe.each(["sync", "async"] as const)("where the file system fails, %s", (form) => {
  const { save, fail } = forms[form];
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const before: [string, Call, string, number][] = [
    ["the temporary file does not open", "open", "EACCES", 1],
    ["a write fails", "write", "ENOSPC", 1],
    ["a later write fails", "write", "EIO", 2],
    ["the sync of the file fails", "fsync", "EIO", 1],
    ["the rename fails", "rename", "EXDEV", 1],
  ];
  test.each(before)(
    "%s: the error comes through, the old file stays, and nothing is left of the new one",
    async (_, call, code, at) => {
      const folder = temporaryFolder();
      const path = join(folder, "file");
      await save(path, 1);
      const old = readFileSync(path);
      const failing = fail(call, code, at);
      await expect(save(path, 2)).rejects.toMatchObject({ code });
      expect(failing).toHaveBeenCalled();
      vi.restoreAllMocks();
      expect(readFileSync(path)).toEqual(old);
      expect(readdirSync(folder)).toEqual(["file"]);
      await save(path, 3);
      expect(readSafetensors(path).tensors.get("a")?.data[0]).toBe(3);
    },
  );

  test("the sync of the folder fails: the error comes through, and the new file is there", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "file");
    await save(path, 1);
    fail("fsync", "EIO", 2);
    await expect(save(path, 2)).rejects.toMatchObject({ code: "EIO" });
    vi.restoreAllMocks();
    expect(readSafetensors(path).tensors.get("a")?.data[0]).toBe(2);
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  test("a file system without a sync of folders will do", async () => {
    const path = join(temporaryFolder(), "file");
    fail("fsync", "EINVAL", 2);
    await save(path, 2);
    expect(readSafetensors(path).tensors.get("a")?.data[0]).toBe(2);
  });
});

test("the calls come in their order: written, synced, closed, renamed, the folder synced", () => {
  const folder = temporaryFolder();
  const path = join(folder, "file");
  const calls: string[] = [];
  const files = new Map<number, string>();
  const spy = <T extends "openSync" | "writeSync" | "fsyncSync" | "closeSync" | "renameSync">(
    name: T,
    say: (args: unknown[], result: unknown) => string,
  ) => {
    const original = fs[name] as (...args: unknown[]) => unknown;
    vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
      const result = original(...args);
      calls.push(say(args, result));
      return result;
    }) as never);
  };
  const kind = (name: unknown) =>
    name === folder ? "folder" : basename(String(name)) === "file" ? "file" : "temporary";
  spy("openSync", ([name, flags], file) => {
    files.set(file as number, kind(name));
    return `open ${kind(name)} ${flags}`;
  });
  spy("writeSync", ([file]) => `write ${files.get(file as number)}`);
  spy("fsyncSync", ([file]) => `sync ${files.get(file as number)}`);
  spy("closeSync", ([file]) => `close ${files.get(file as number)}`);
  spy("renameSync", ([from, to]) => `rename ${kind(from)} ${kind(to)}`);
  try {
    writeSafetensors(path, [["a", { data: Float32Array.of(1) }]]);
  } finally {
    vi.restoreAllMocks();
  }
  expect(calls.filter((call, i) => call !== calls[i - 1])).toEqual([
    "open temporary wx",
    "write temporary",
    "sync temporary",
    "close temporary",
    "rename temporary file",
    "open folder r",
    "sync folder",
    "close folder",
  ]);
});

test("a link goes on pointing where it did, and a file keeps its rights", () => {
  const folder = temporaryFolder();
  const path = join(folder, "file");
  writeFileSync(path, "old", { mode: 0o600 });
  symlinkSync(path, join(folder, "link"));
  writeSafetensors(join(folder, "link"), [["a", { data: Float32Array.of(1) }]]);
  expect(readdirSync(folder).sort()).toEqual(["file", "link"]);
  expect(readSafetensors(path).tensors.size).toBe(1);
  if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("what is left of processes that are no more, or of days ago, goes; files of those that live, and of other names, stay", () => {
  const folder = temporaryFolder();
  const path = join(folder, "file");
  let temporary = "";
  const rename = vi.spyOn(fs, "renameSync").mockImplementation((from) => {
    temporary = basename(String(from));
    throw failure("EIO");
  });
  expect(() => writeSafetensors(path, [])).toThrow("EIO");
  rename.mockRestore();
  expect(temporary).toContain(`-${process.pid}-`);
  const dead = temporary.replace(`-${process.pid}-`, "-4194305-"); // above Linux's largest
  const others = [temporary, dead.replace("rmsprop", "rmspropx"), `${dead}.bak`, "other.tmp"];
  const old = temporary.replace(/[0-9a-f]+\.tmp$/, "0.tmp"); // of a process that lives, a worker's or a container's before
  for (const name of [dead, old, ...others]) writeFileSync(join(folder, name), "");
  const twoDaysAgo = Date.now() / 1000 - 172_800;
  utimesSync(join(folder, old), twoDaysAgo, twoDaysAgo);
  writeSafetensors(path, []);
  expect(readdirSync(folder).sort()).toEqual(["file", ...others].sort());
});
