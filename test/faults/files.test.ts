// Files: what is written over, read from and left behind. The number in a title is that under which the fault was reported.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import {
  loadCheckpoint,
  loadCheckpointAsync,
  readSafetensors,
  readSafetensorsAsync,
  saveCheckpoint,
  saveCheckpointAsync,
  writeSafetensors,
  writeSafetensorsAsync,
} from "../../lib/checkpoint/index.ts";
import { allocate, OptimError } from "../../lib/index.ts";
import { detach, growable, parameter, resizable, thrownBy } from "../support/arrays.ts";
import { root } from "../support/compile.ts";
import { temporaryFolder } from "../support/folder.ts";

const isLinux = process.platform === "linux";
const isRoot = process.getuid?.() === 0;

/** A file by the format's description. */
function fileOf(header: string): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  return Buffer.concat([length, Buffer.from(header)]);
}

describe("F1: an asynchronous write whose array loses its memory rejects, and the old file stays", () => {
  const length = 1_000_000; // more than is converted at a time
  const wasm = new WebAssembly.Memory({ initial: 64, maximum: 80 });
  const cases: Readonly<Record<string, () => { data: Float32Array; take: () => void }>> = {
    "memory of allocate() that is disposed": () => {
      const model = allocate({ w: [length] });
      return { data: model.params.w, take: () => model.dispose() };
    },
    "shared memory of allocate() that is disposed": () => {
      const model = allocate({ w: [length] }, { shared: true });
      return { data: model.params.w, take: () => model.dispose() };
    },
    "an array that is transferred": () => {
      const data = new Float32Array(length);
      return { data, take: () => detach(data.buffer) };
    },
    "WebAssembly's memory that grows": () => ({
      data: new Float32Array(wasm.buffer, 0, length),
      take: () => void wasm.grow(1),
    }),
    "a resizable buffer that shrinks": () => {
      const buffer = resizable(4 * length, 4 * length);
      return { data: new Float32Array(buffer, 0, length), take: () => buffer.resize(8) };
    },
    "a view that follows a buffer which shrinks": () => {
      const buffer = resizable(4 * length, 4 * length);
      return { data: new Float32Array(buffer), take: () => buffer.resize(2 * length) };
    },
    "a view that follows a shared buffer which grows": () => {
      const buffer = growable(4 * length, 8 * length);
      return { data: new Float32Array(buffer), take: () => buffer.grow(8 * length) };
    },
  };
  it.each(Object.entries(cases))("F1: %s", async (_, make) => {
    const folder = temporaryFolder();
    const path = join(folder, "file");
    writeSafetensors(path, [["w", { data: Float32Array.of(1, 2, 3) }]]);
    const old = readFileSync(path);
    const { data, take } = make();
    const writing = writeSafetensorsAsync(path, [["w", { data }]]);
    take();
    await expect(writing).rejects.toMatchObject({ name: "OptimError", code: "ERR_DETACHED" });
    expect(readFileSync(path)).toEqual(old);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe.skipIf(!isLinux)("F2, F5: what is no ordinary file is refused, to save and to load", () => {
  const kinds: Readonly<Record<string, (path: string) => string | Promise<string>>> = {
    "a FIFO": (path) => {
      execFileSync("mkfifo", [path]);
      return path;
    },
    "a character device": (path) => {
      // A link to it: a test that fails must not replace the machine's own.
      symlinkSync("/dev/null", path);
      return path;
    },
    "a socket": async (path) => {
      await new Promise<void>((resolve) => createServer().listen(path, resolve).unref());
      return path;
    },
    "a folder": (path) => {
      mkdirSync(path);
      return path;
    },
  };
  it.each(Object.entries(kinds))("F2: %s", async (kind, make) => {
    if (kind === "a character device" && isRoot && !isOurs) return; // the code before would replace the machine's
    const folder = temporaryFolder();
    const path = await make(join(folder, "node"));
    const before = statSync(path);
    const model = { parameters: [parameter("w")] };
    const calls: readonly (() => unknown)[] = [
      () => saveCheckpoint(path, model),
      () => saveCheckpointAsync(path, model),
      () => writeSafetensors(path, []),
      () => writeSafetensorsAsync(path, []),
      () => loadCheckpoint(path, model),
      () => loadCheckpointAsync(path, model),
      () => readSafetensors(path),
      () => readSafetensorsAsync(path),
    ];
    for (const call of calls) {
      const error = await (async () => call())().then(
        () => "nothing",
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(OptimError);
      expect(error).toMatchObject({ code: "ERR_OPTION", message: expect.stringContaining(`, but it is ${kind}.`) });
    }
    expect(statSync(path).ino).toBe(before.ino);
    expect(statSync(path).mode).toBe(before.mode);
    expect(readdirSync(folder)).toEqual(["node"]);
  });

  it("F5: four loads of FIFOs leave the file work of the process free", async () => {
    const folder = temporaryFolder();
    const paths = ["a", "b", "c", "d"].map((name) => join(folder, name));
    for (const path of paths) execFileSync("mkfifo", [path]);
    const loads = Promise.allSettled(paths.map((path) => readSafetensorsAsync(path)));
    writeSafetensors(join(folder, "file"), []);
    await readSafetensorsAsync(join(folder, "file"));
    expect((await loads).map(({ status }) => status)).toEqual(Array(4).fill("rejected"));
  });
});

it.skipIf(!isLinux)("F5: a FIFO that comes to be there between two looks is refused and not waited for", () => {
  const folder = temporaryFolder();
  const [fifo, file] = [join(folder, "fifo"), join(folder, "file")];
  execFileSync("mkfifo", [fifo]);
  writeFileSync(file, "");
  const script = `
    import fs from "node:fs";
    import { readSafetensors } from ${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/index.js")).href)};
    const { statSync } = fs;
    fs.statSync = (path) => statSync(path === ${JSON.stringify(fifo)} ? ${JSON.stringify(file)} : path);
    try { readSafetensors(${JSON.stringify(fifo)}); } catch (error) { console.log(error.code, error.message); }`;
  const told = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(told).toMatch(/^ERR_OPTION .* but it is a FIFO\.$/m);
});

/** Whether what is tested refuses devices; the code before replaced them. */
const isOurs = (() => {
  const folder = mkdtempSync("/tmp/rmsprop-test-");
  try {
    execFileSync("mkfifo", [join(folder, "fifo")]);
    writeSafetensors(join(folder, "fifo"), []);
    return false;
  } catch {
    return true;
  } finally {
    rmSync(folder, { recursive: true });
  }
})();

describe.each(["sync", "async"] as const)("links, %s", (form) => {
  const write = async (path: string, value: number) => {
    const tensors = [["w", { data: Float32Array.of(value) }]] as const;
    if (form === "sync") writeSafetensors(path, tensors);
    else await writeSafetensorsAsync(path, tensors);
  };
  const valueIn = (path: string) => readSafetensors(path).tensors.get("w")?.data[0];

  it("F3: a dangling link's target is made, through links of links, up from where each lies", async () => {
    const folder = temporaryFolder();
    for (const name of ["a", "a/b", "deep", "deep/real"]) mkdirSync(join(folder, name));
    symlinkSync("deep/real", join(folder, "folder"));
    symlinkSync("../../a/second", join(folder, "deep", "real", "first"));
    symlinkSync(join(folder, "a", "b", "third"), join(folder, "a", "second"));
    symlinkSync("../../target", join(folder, "a", "b", "third"));
    await write(join(folder, "folder", "first"), 1);
    expect(valueIn(join(folder, "target"))).toBe(1);
    expect(readlinkSync(join(folder, "deep", "real", "first"))).toBe("../../a/second");
    await write(join(folder, "folder", "first"), 2);
    expect(valueIn(join(folder, "target"))).toBe(2);
    expect(readdirSync(folder).sort()).toEqual(["a", "deep", "folder", "target"]);
    expect([readdirSync(join(folder, "folder")), readdirSync(join(folder, "a", "b"))]).toEqual([["first"], ["third"]]);
  });

  it.skipIf(!isLinux)("F3: a file is written where the system finds it, where '..' goes up from a link", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "deep", "real"), { recursive: true });
    symlinkSync("deep/real", join(folder, "link"));
    symlinkSync("link/../target", join(folder, "file"));
    await write(`${folder}/link/../plain`, 1);
    await write(join(folder, "file"), 2);
    expect(readdirSync(join(folder, "deep")).sort()).toEqual(["plain", "real", "target"]);
    expect(valueIn(join(folder, "file"))).toBe(2);
    writeFileSync(join(folder, "plain"), "another");
    await write(`${folder}/link/../plain`, 3);
    expect(readFileSync(join(folder, "plain"), "utf8")).toBe("another");
    expect(valueIn(`${folder}/link/../plain`)).toBe(3);
  });

  it.skipIf(!isLinux)("F3: a link of /proc leads to an open file, whose name may be gone, or to a pipe", async () => {
    const folder = temporaryFolder();
    const file = openSync(join(folder, "file"), "w");
    try {
      await write(`/proc/self/fd/${file}`, 1);
      expect(valueIn(join(folder, "file"))).toBe(1); // it is another file now than the open one
      const gone = { code: "ERR_OPTION", message: expect.stringContaining("a file that has a name") };
      await expect(write(`/proc/self/fd/${file}`, 2)).rejects.toMatchObject(gone);
      execFileSync("mkfifo", [join(folder, "fifo")]);
      const pipe = openSync(join(folder, "fifo"), constants.O_RDWR);
      try {
        rmSync(join(folder, "fifo"));
        const refused = { code: "ERR_OPTION", message: expect.stringContaining("it is a FIFO") };
        await expect(write(`/proc/self/fd/${pipe}`, 3)).rejects.toMatchObject(refused);
      } finally {
        closeSync(pipe);
      }
    } finally {
      closeSync(file);
    }
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("F3: a link into a folder that is not there, and a loop, are the file system's error, and stay", async () => {
    const folder = temporaryFolder();
    symlinkSync("nowhere/file", join(folder, "link"));
    symlinkSync("loop", join(folder, "loop"));
    await expect(write(join(folder, "link"), 1)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(write(join(folder, "loop"), 1)).rejects.toMatchObject({ code: "ELOOP" });
    expect(readdirSync(folder).sort()).toEqual(["link", "loop"]);
    expect(lstatSync(join(folder, "link")).isSymbolicLink()).toBe(true);
  });
});

describe.skipIf(!isLinux)("F4: a file keeps its rights", () => {
  it("F4: its mode, whatever the umask; a new one has that of the umask", () => {
    const folder = temporaryFolder();
    const before = process.umask(0o022);
    try {
      for (const mode of [0o664, 0o600, 0o640, 0o444, 0o755, 0o2664, 0o1666]) {
        const path = join(folder, mode.toString(8));
        writeFileSync(path, "old");
        chmodSync(path, mode);
        writeSafetensors(path, []);
        expect((statSync(path).mode & 0o7777).toString(8)).toBe(mode.toString(8));
      }
      writeSafetensors(join(folder, "new"), []);
      expect(statSync(join(folder, "new")).mode & 0o7777).toBe(0o644);
    } finally {
      process.umask(before);
    }
  });

  it("F4: setuid and setgid too, where the user is not root, from whom a write takes them away", () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o777);
    const modes = [0o4755, 0o2775, 0o6777, 0o400];
    const script = `
      import { chmodSync, statSync, writeFileSync } from "node:fs";
      import { writeSafetensors } from ${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/index.js")).href)};
      if (process.getuid() === 0) {
        process.setgroups([]); process.setgid(4444); process.setuid(4444);
      }
      const found = [];
      for (const mode of ${JSON.stringify(modes)}) {
        const path = ${JSON.stringify(`${folder}/`)} + mode;
        writeFileSync(path, "old");
        chmodSync(path, mode);
        writeSafetensors(path, [["w", { data: new Float32Array(3) }]]);
        found.push(statSync(path).mode & 0o7777);
      }
      console.log(JSON.stringify(found));`;
    const found = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(JSON.parse(found)).toEqual(modes);
  });

  it.skipIf(!isRoot)("F4: its owner and its group, in a setgid folder too, where the user may give files away", () => {
    const folder = temporaryFolder();
    chownSync(folder, 0, 4321);
    chmodSync(folder, 0o2775);
    const path = join(folder, "file");
    writeFileSync(path, "old");
    chownSync(path, 1234, 5678);
    chmodSync(path, 0o4640);
    writeSafetensors(path, []);
    expect(statSync(path)).toMatchObject({ uid: 1234, gid: 5678 });
    expect((statSync(path).mode & 0o7777).toString(8)).toBe("4640");
    writeSafetensors(join(folder, "new"), []);
    expect(statSync(join(folder, "new")).gid).toBe(4321);
  });

  it.skipIf(!isRoot)("F4: who may not give files away has one of their own, which gives others no more rights", () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o777);
    const path = join(folder, "file");
    writeFileSync(path, "old");
    chownSync(path, 1234, 5678);
    chmodSync(path, 0o4664);
    const script = `
      import { writeSafetensors } from ${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/index.js")).href)};
      process.setgroups([]); process.setgid(4444); process.setuid(4444);
      writeSafetensors(${JSON.stringify(path)}, []);`;
    execFileSync(process.execPath, ["--input-type=module", "-e", script]);
    expect(statSync(path)).toMatchObject({ uid: 4444, gid: 4444 });
    expect((statSync(path).mode & 0o7777).toString(8)).toBe("644");
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe("F6: a load compares names, types and shapes before it reads data", () => {
  const sparse = (header: object, bytes: number) => {
    const path = join(temporaryFolder(), "sparse");
    const file = fileOf(JSON.stringify(header));
    writeFileSync(path, file);
    truncateSync(path, file.length + bytes);
    return path;
  };
  const many = 3 * 2 ** 28;
  const entry = { dtype: "F32", shape: [many], data_offsets: [0, 4 * many] };
  const given = () => ({ parameters: [parameter("w", 3)] });
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ["a shape", { w: entry }, /"w" to have the shape \[3\], but it has \[805306368\]/],
    ["a name", { other: entry }, /"w", but there is none/],
    ["a number type", { w: { ...entry, dtype: "I32" } }, /"w".*I32/],
    ["a type without arrays", { w: { ...entry, shape: [4 * many], dtype: "F8_E5M2" } }, /"w".*F8_E5M2/],
  ];
  it.each(cases)("F6: %s that does not fit", async (_, header, message) => {
    const path = sparse(header, 4 * many);
    const before = process.memoryUsage.rss();
    const begin = performance.now();
    expect(thrownBy(() => loadCheckpoint(path, given()))).toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(message),
    });
    await expect(loadCheckpointAsync(path, given())).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
    expect(performance.now() - begin).toBeLessThan(5_000);
  });

  it("F6: a state larger than its parameter, or of none", () => {
    const data = { w: { dtype: "F32", shape: [3], data_offsets: [0, 12] } };
    const metadata = { "rmsprop.checkpoint": "1", "rmsprop.optimizer": "{}" };
    const optimizer = { stateDict: () => expect.unreachable(), loadStateDict: () => expect.unreachable() };
    for (const [name, message] of [
      ["optimizer.w.square_avg", /squareAvg of 'w' to have 3 elements, but it has 805306368/],
      ["optimizer.x.square_avg", /'x'/],
    ] as const) {
      const state = { [name]: { ...entry, data_offsets: [12, 12 + 4 * many] } };
      const path = sparse({ __metadata__: metadata, ...data, ...state }, 12 + 4 * many);
      const error = thrownBy(() => loadCheckpoint(path, { ...given(), optimizer }));
      expect(error).toMatchObject({ code: "ERR_CHECKPOINT", message: expect.stringMatching(message) });
    }
  });
});

describe("headers", () => {
  const at = (header: string) => {
    const path = join(temporaryFolder(), "file");
    writeFileSync(path, fileOf(header));
    return path;
  };
  const empty = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';
  const twice: readonly (readonly [string, string, string])[] = [
    ["a tensor", `{"a":${empty},"a":${empty}}`, "a"],
    ["a tensor, spelled in two ways", `{"a":${empty},"\\u0061":${empty}}`, "a"],
    ["a tensor behind others", `{"x":${empty},"a":${empty},"b":${empty}, "a" : ${empty}}`, "a"],
    ["a key of the metadata", '{"__metadata__":{"k":"1","k":"2"}}', "k"],
    ["the metadata", '{"__metadata__":{},"__metadata__":{}}', "__metadata__"],
    ["a shape", '{"a":{"dtype":"F32","shape":[9],"shape":[0],"data_offsets":[0,0]}}', "shape"],
    ["__proto__", `{"__proto__":${empty},"__proto__":${empty}}`, "__proto__"],
  ];
  it.each(twice)("F7: %s that is there twice is refused", (_, header, name) => {
    expect(thrownBy(() => readSafetensors(at(header)))).toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringContaining(`the name ${JSON.stringify(name)} is there twice`),
    });
  });

  it("F7: an option of a state that is there twice is refused", () => {
    const path = join(temporaryFolder(), "file");
    const text = '{"rule":"sgd","rule":"rmsprop","paramGroups":[]}';
    writeSafetensors(path, [], { "rmsprop.checkpoint": "1", "rmsprop.optimizer": text });
    const optimizer = { stateDict: () => expect.unreachable(), loadStateDict: () => expect.unreachable() };
    expect(thrownBy(() => loadCheckpoint(path, { parameters: [], optimizer }))).toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(/"rule" is there twice/),
    });
  });

  it("F7: names that look like members, and a header of great depth", () => {
    const names = ['a":{}', "{", "}:{", "\\", '\\"', ":", ","];
    const path = join(temporaryFolder(), "file");
    writeSafetensors(
      path,
      names.map((name, i) => [name, { data: Float32Array.of(i) }]),
      { '":"': '{"a":1,"a":2}' },
    );
    expect([...readSafetensors(path).tensors.keys()].sort()).toEqual([...names].sort());
    const deep = at(`{"a":${"[".repeat(1_000_000)}`);
    expect(thrownBy(() => readSafetensors(deep))).toMatchObject({ code: "ERR_CHECKPOINT" });
  });

  it("F8: metadata that are null are none", () => {
    const read = readSafetensors(at(`{"__metadata__":null,"a":${empty}}`));
    expect(read).toEqual({
      metadata: {},
      tensors: new Map([["a", { dtype: "F32", shape: [0], data: new Float32Array(0) }]]),
    });
  });
});

const nodes = ["20", "22", "24", "26"].map((version) => ({
  version,
  node: join(root, "test/platforms/node_modules", `node-${version}`, "bin", "node"),
}));
const own = { version: process.versions.node.split(".")[0] as string, node: process.execPath };
const installed = [own, ...nodes.filter(({ version, node }) => version !== own.version && existsSync(node))];

describe("under Node's permission model", () => {
  it.each(installed)("F9: Node $version saves and loads, and a file keeps its mode", ({ version, node }) => {
    const folder = temporaryFolder();
    const path = join(folder, "file");
    writeFileSync(path, "old");
    chmodSync(path, 0o664);
    const script = `
      import { readSafetensors, writeSafetensors, writeSafetensorsAsync } from ${JSON.stringify(pathToFileURL(join(root, "dist/checkpoint/index.js")).href)};
      writeSafetensors(process.argv[1], [["w", { data: Float32Array.of(1) }]]);
      await writeSafetensorsAsync(process.argv[1], [["w", { data: Float32Array.of(2) }]]);
      await writeSafetensorsAsync(process.argv[1] + "2", []);
      console.log(readSafetensors(process.argv[1]).tensors.get("w").data[0]);`;
    const permission = version === "20" ? "--experimental-permission" : "--permission";
    const flags = [permission, "--allow-fs-read=*", "--allow-fs-write=*", "--input-type=module", "-e", script, path];
    const { stdout, stderr } = spawnSync(node, flags, { encoding: "utf8" });
    expect(stdout, stderr).toBe("2\n");
    expect(readdirSync(folder).sort()).toEqual(["file", "file2"]);
    if (process.platform !== "win32") expect(statSync(path).mode & 0o7777).toBe(0o664);
  });
});

it("a file without frozen parameters has the bytes that it had before they were saved", () => {
  const path = join(temporaryFolder(), "file");
  writeSafetensors(path, [["w", { data: Float32Array.of(1, 2), shape: [2, 1] }]], { k: "v" });
  expect(createHash("sha256").update(readFileSync(path)).digest("hex")).toBe(
    "cc0d0f90acd86c63c030c3a651e375f45f11ad2801312fab8f110b53e41d668f",
  );
});
