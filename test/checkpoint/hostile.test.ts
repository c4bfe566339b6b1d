// Files that somebody made to do harm: random changes of whole files and of their JSON, with the checksum made anew and
// without one, so that it is of no help. Each is refused by a sentence, and nothing changes, or it is read to what it says.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  decodeCheckpoint,
  decodeSafetensors,
  encodeCheckpoint,
  encodeSafetensors,
} from "../../lib/checkpoint/index.ts";
import { OptimError } from "../../lib/errors.ts";
import { RMSprop } from "../../lib/index.ts";
import { parameter, snapshot, train, values } from "../support/arrays.ts";
import { full, uniformFrom } from "../support/cases.ts";

/** To be taken again: RMSPROP_SEED=… */
const seed = Number(process.env.RMSPROP_SEED || 20261127);
const count = full ? 100_000 : 6000;

/** In milliseconds, of one small file: an endless loop, or one that is quadratic in what the file claims. */
const longest = 2000;
/** In bytes, of all tensors that are read: a file has no more than its own. */
const bytesOf = (tensors: ReadonlyMap<string, { data: ArrayBufferView }>) =>
  [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);

type Pick = (below: number) => number;

/** Pieces that files of bad will are made of. */
const pieces = [
  ...[
    '"',
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-0",
    "1e400",
    "1e-400",
    "0.5",
    "-1",
  ],
  ...["9007199254740993", "18446744073709551616", "4294967296", "__proto__", "constructor", "toString", "__metadata__"],
  ...[
    '"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]},',
    '{"$number":"NaN"}',
    '{"$number":{}}',
    "../../x",
    "\\n",
  ],
  ...["F32", "F64", "BOOL", "F4", "F8_E4M3", "data_offsets", "shape", "dtype", "[".repeat(150), '{"a":'.repeat(150)],
  ...[
    "rmsprop.checkpoint",
    "rmsprop.optimizer",
    "rmsprop.checksum",
    "optimizer.w.step",
    "paramGroups",
    "lr",
    "schedule",
  ],
];

/** One change of a text. */
function changed(text: string, pick: Pick): string {
  const at = pick(text.length + 1);
  const end = Math.min(text.length, at + pick(pick(4) === 0 ? 60 : 4));
  switch (pick(6)) {
    case 0: // left out
      return text.slice(0, at) + text.slice(end);
    case 1: // there twice
      return text.slice(0, end) + text.slice(at, end) + text.slice(end);
    case 2: // another number
      return text.replace(/\d+/g, (found) =>
        pick(8) === 0 ? String([0, 1, -1, 2 ** 31, 2 ** 53, 1e21][pick(6)]) : found,
      );
    case 3: // what stands elsewhere
      return text.slice(0, at) + text.slice(pick(text.length)).slice(0, 1 + pick(40)) + text.slice(end);
    default:
      return text.slice(0, at) + pieces[pick(pieces.length)] + text.slice(pick(2) === 0 ? at : end);
  }
}

const headerLength = (bytes: Buffer) => Number(bytes.readBigUInt64LE(0));

/** A file with another header. */
function withHeader(bytes: Buffer, text: string): Buffer {
  const header = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, bytes.subarray(8 + headerLength(bytes))]);
}

/** The same file with the checksum of its bytes, which are its last. */
function sealed(bytes: Buffer): Buffer {
  const body = bytes.subarray(0, -32);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

/** Up to four changes of the header, or of any bytes, or of what the metadata holds as JSON in a string. */
function hostile(bytes: Buffer, pick: Pick): Buffer {
  let file: Buffer = Buffer.from(bytes);
  const text = file.subarray(8, 8 + headerLength(file)).toString();
  const kind = pick(4);
  if (kind === 0) {
    for (let n = 0; n <= pick(4); n++) file[pick(file.length)] = pick(256);
    return file;
  }
  let header = text;
  for (let n = 0; n <= pick(4); n++) {
    const inner = /"rmsprop\.optimizer":("(?:[^"\\]|\\.)*")/.exec(header);
    if (kind === 1 && inner) {
      const [all, json] = inner as unknown as [string, string];
      let state = json;
      try {
        state = JSON.stringify(changed(JSON.parse(json) as string, pick));
      } catch {
        // A change before has left no string.
      }
      header = header.replace(all, () => `"rmsprop.optimizer":${state}`);
    } else header = changed(header, pick);
  }
  file = withHeader(file, header);
  return file;
}

const make = (of: number) => {
  const parameters = [parameter("w", 40, "float32", of), parameter("b.bias", 7, "float64", of + 1)];
  const optimizer = new RMSprop(parameters, {
    ...{ momentum: 0.9, centered: true, ema: { decay: 0.9 }, gradientAccumulationSteps: 2 },
    ...{ lr: 0.01, clipGlobalNorm: 1, skipNonFinite: true },
  });
  train(optimizer, parameters, 3, of);
  return { parameters, optimizer };
};

/** Reads many files; `read` returns the bytes of what it has read. */
function readAll(
  good: Buffer,
  read: (bytes: Buffer) => number,
  check: (what: string, n: number) => void,
  first: number,
) {
  const uniform = uniformFrom(first);
  const pick: Pick = (below) => Math.floor(uniform() * below);
  const sentences = new Set<string>();
  let accepted = 0;
  for (let n = 0; n < count; n++) {
    const damaged = hostile(good, pick);
    const file = n % 2 === 0 && damaged.length > 32 ? sealed(damaged) : damaged;
    const what = `RMSPROP_SEED=${seed}, file ${n}: ${file.toString("base64")}`;
    const start = performance.now();
    try {
      if (read(file) > file.length * 4) expect.unreachable(`More was read than there is: ${what}`);
      accepted++;
    } catch (error) {
      const known = error instanceof OptimError && ["ERR_CHECKPOINT", "ERR_STATE"].includes(error.code);
      if (!known || !/^[A-Z].*[.?]$/s.test(error.message)) {
        expect.unreachable(`Expected a sentence of ERR_CHECKPOINT, found ${String(error)}: ${what}`);
      }
      sentences.add(
        error.message
          .replace(/^.*?safetensors format\. /, "")
          .replace(/\d+|"[^"]*"/g, "…")
          .slice(0, 60),
      );
      check(what, n);
    }
    const took = performance.now() - start;
    if (took > longest) expect.unreachable(`It took ${took} ms: ${what}`);
  }
  return { accepted, sentences };
}

describe(`${count} files of bad will`, () => {
  test("are refused as checkpoints by a sentence, with nothing changed, or are loaded", { timeout: 600_000 }, () => {
    const good = Buffer.from(encodeCheckpoint({ ...make(1), metadata: { epoch: "3" } }));
    let target = make(50);
    const state = () => JSON.stringify(snapshot(...target.parameters.map(({ data }) => data), target.optimizer));
    let before = state();
    const read = (bytes: Buffer) => {
      decodeCheckpoint(bytes, target);
      // It has been loaded, so the next one meets another.
      target = make(50);
      before = state();
      return 0;
    };
    const check = (what: string, n: number) => {
      if (n % 7 === 0 && state() !== before) expect.unreachable(`Something is changed after an error: ${what}`);
    };
    const { accepted, sentences } = readAll(good, read, check, seed);
    expect(accepted).toBeGreaterThan(count / 1000);
    expect(accepted).toBeLessThan(count / 2);
    expect(sentences.size).toBeGreaterThan(30);
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("dtype");
  });

  test("are refused as tensors by a sentence, or are read", { timeout: 600_000 }, () => {
    const tensors = [
      ["w", { data: values("float32", 12, 1), shape: [3, 4] }],
      ["b", { data: values("float64", 3, 2) }],
      ["half", { data: Uint16Array.of(1, 2, 3), dtype: "F16" }],
      ["none", { data: new Float32Array(0), shape: [0, 5] }],
    ] as const;
    const whole = Buffer.from(encodeSafetensors(tensors, { by: "us" }));
    // As another writer makes it: no sign of a checksum.
    const text = whole.subarray(8, 8 + headerLength(whole)).toString();
    const {
      "rmsprop.checksum": mark,
      __metadata__: _,
      ...entries
    } = JSON.parse(text) as Record<string, { data_offsets: number[] }>;
    const end = mark?.data_offsets[0] as number;
    const foreign = withHeader(whole, JSON.stringify({ ...entries, __metadata__: { by: "them" } })).subarray(
      0,
      -(whole.length - 8 - text.length - end) || undefined,
    );
    expect(decodeSafetensors(foreign).tensors.size).toBe(4);
    for (const good of [whole, foreign]) {
      const { accepted, sentences } = readAll(
        good,
        (bytes) => bytesOf(decodeSafetensors(bytes).tensors as ReadonlyMap<string, { data: ArrayBufferView }>),
        () => {},
        seed + 1,
      );
      expect(accepted).toBeGreaterThan(count / 1000);
      expect(sentences.size).toBeGreaterThan(8);
    }
  });
});
