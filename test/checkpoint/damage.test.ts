// Damaged copies of a checkpoint: each is refused, and nothing changes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadCheckpoint, saveCheckpoint, writeSafetensors } from "../../lib/checkpoint/index.ts";
import { OptimError } from "../../lib/errors.ts";
import { RMSprop } from "../../lib/index.ts";
import { parameter, snapshot, train, values } from "../support/arrays.ts";
import { uniformFrom } from "../support/cases.ts";
import { temporaryFolder } from "../support/folder.ts";

const count = 10_000;

const make = (seed: number) => {
  const parameters = [parameter("w", 40, "float32", seed), parameter("b.bias", 7, "float64", seed + 1)];
  const optimizer = new RMSprop(parameters, { momentum: 0.9, centered: true, lr: 0.01 });
  train(optimizer, parameters, 2, seed);
  return { parameters, optimizer };
};

type Damage = (bytes: Buffer, uniform: (below: number) => number) => Buffer;

const headerLength = (bytes: Buffer) => Number(bytes.readBigUInt64LE(0));

/** The same file with another header, its length set. */
function withHeader(bytes: Buffer, change: (text: string) => string, keepLength = false): Buffer {
  const text = change(bytes.subarray(8, 8 + headerLength(bytes)).toString());
  const header = Buffer.from(text);
  const length = Buffer.from(bytes.subarray(0, 8));
  if (!keepLength) length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, bytes.subarray(8 + headerLength(bytes))]);
}

/** One of the numbers in the header's text, or a part of a name, put to another. */
function forged(
  bytes: Buffer,
  pattern: RegExp,
  replace: (found: string) => string,
  pick: (below: number) => number,
): Buffer {
  return withHeader(bytes, (text) => {
    const matches = [...text.matchAll(pattern)];
    const match = matches[pick(matches.length)] as RegExpExecArray;
    return text.slice(0, match.index) + replace(match[0]) + text.slice(match.index + match[0].length);
  });
}

const damages: Readonly<Record<string, Damage>> = {
  "cut short": (bytes, pick) => bytes.subarray(0, pick(bytes.length)),
  "made longer": (bytes, pick) => Buffer.concat([bytes, Buffer.alloc(1 + pick(100), pick(256))]),
  "a bit flipped": (bytes, pick) => {
    const copy = Buffer.from(bytes);
    const at = pick(copy.length);
    copy[at] = (copy[at] as number) ^ (1 << pick(8));
    return copy;
  },
  "a bit of the header flipped": (bytes, pick) => {
    const copy = Buffer.from(bytes);
    const at = pick(8 + headerLength(bytes));
    copy[at] = (copy[at] as number) ^ (1 << pick(8));
    return copy;
  },
  "a run of bytes overwritten": (bytes, pick) => {
    const copy = Buffer.from(bytes);
    const at = pick(copy.length);
    for (let i = at; i < Math.min(at + 1 + pick(600), copy.length); i++) copy[i] = pick(256);
    return copy;
  },
  "a block of zeros": (bytes, pick) => {
    const copy = Buffer.from(bytes);
    const at = pick(copy.length);
    return copy.fill(0, at, Math.min(at + 1 + pick(512), copy.length));
  },
  "a piece left out": (bytes, pick) => {
    const at = pick(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + pick(64))]);
  },
  "two pieces swapped": (bytes, pick) => {
    const [a, b] = [pick(bytes.length - 64), pick(bytes.length - 64)];
    const copy = Buffer.from(bytes);
    bytes.copy(copy, a, b, b + 32);
    bytes.copy(copy, b, a, a + 32);
    return copy;
  },
  "the header's length forged": (bytes, pick) => {
    const copy = Buffer.from(bytes);
    const length = headerLength(bytes);
    const forgeries = [0, 1, length - 1, length + 1, length + 8, bytes.length, 2 ** 32, 2 ** 53, pick(bytes.length)];
    copy.writeBigUInt64LE(BigInt(forgeries[pick(forgeries.length)] as number));
    return copy;
  },
  "a number of the header forged": (bytes, pick) =>
    forged(
      bytes,
      /(?<=[:[,])\d+(?=[\],])/g,
      (found) => String([0, 1, Number(found) + 8, Number(found) - 4, 2 ** 53, pick(4000)][pick(6)]),
      pick,
    ),
  "a dtype forged": (bytes, pick) =>
    forged(
      bytes,
      /(?<="dtype":")\w+/g,
      () => ["F64", "F32", "F16", "BF16", "I32", "BOOL", "F8"][pick(7)] as string,
      pick,
    ),
  "a letter of the header forged": (bytes, pick) =>
    forged(bytes, /[a-z_.$]/g, (found) => String.fromCharCode(97 + ((found.charCodeAt(0) + 1 + pick(25)) % 26)), pick),
  "a sign of the checksum gone": (bytes, pick) =>
    forged(bytes, /rmsprop\.checksum|sha256/g, (found) => found.toUpperCase(), pick),
  "an entry left out": (bytes, pick) => forged(bytes, /,"[^"]+":\{"dtype":[^}]+\}/g, () => "", pick),
};

describe("damaged copies of a checkpoint", () => {
  test(`${count} of them are refused with ERR_CHECKPOINT, and nothing changes`, { timeout: 300_000 }, () => {
    const folder = temporaryFolder();
    const path = join(folder, "checkpoint");
    const saved = make(1);
    saveCheckpoint(path, { ...saved, metadata: { epoch: "3" } });
    const bytes = readFileSync(path);

    const target = make(50);
    const arrays = target.parameters.map(({ data }) => data);
    const before = JSON.stringify(snapshot(...arrays, target.optimizer));
    const uniform = uniformFrom(1234);
    const pick = (below: number) => Math.floor(uniform() * below);
    const damagedPath = join(folder, "damaged");
    const kinds = Object.entries(damages);
    const counts = new Map<string, number>();
    const sentences = new Set<string>();
    for (let made = 0; made < count; ) {
      const [kind, damage] = kinds[made % kinds.length] as (typeof kinds)[number];
      const damaged = damage(bytes, pick);
      if (damaged.equals(bytes)) continue;
      writeFileSync(damagedPath, damaged);
      let error: unknown;
      try {
        loadCheckpoint(damagedPath, target);
      } catch (thrown) {
        error = thrown;
      }
      const code = error instanceof OptimError ? error.code : error;
      if (code !== "ERR_CHECKPOINT") {
        expect.unreachable(
          `Expected copy ${made}, ${kind}, to be refused with ERR_CHECKPOINT, but it got ${String(code)}.`,
        );
      }
      sentences.add((error as Error).message.replace(/\d+|"[^"]*"/g, "…"));
      // The whole state is looked at now and then, the parameters each time.
      if (made % 100 === 0) expect(JSON.stringify(snapshot(...arrays, target.optimizer)), kind).toBe(before);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      made++;
    }
    expect(JSON.stringify(snapshot(...arrays, target.optimizer))).toBe(before);
    expect([...counts.values()].reduce((sum, found) => sum + found)).toBe(count);
    expect(Math.min(...counts.values())).toBeGreaterThan(count / kinds.length - 2);
    // Damage is seen at each of the checks, not by the checksum alone.
    expect(sentences.size).toBeGreaterThan(15);
    expect([...sentences].some((sentence) => sentence.includes("checksum to be that of its bytes"))).toBe(true);

    loadCheckpoint(path, target);
    expect(snapshot(...target.parameters.map(({ data }) => data), target.optimizer)).toEqual(
      snapshot(...saved.parameters.map(({ data }) => data), saved.optimizer),
    );
  });

  test("every single bit of a small file is held", { timeout: 60_000 }, () => {
    const folder = temporaryFolder();
    const path = join(folder, "file");
    writeSafetensors(path, [["w", { data: values("float32", 3, 1) }]]);
    const bytes = readFileSync(path);
    const parameters = [parameter("w", 3)];
    const before = snapshot(parameters[0]?.data as Float32Array);
    loadCheckpoint(path, { parameters: [parameter("w", 3)] });
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      writeFileSync(path, copy);
      let code: unknown = "none";
      try {
        loadCheckpoint(path, { parameters });
      } catch (error) {
        code = (error as OptimError).code;
      }
      if (code !== "ERR_CHECKPOINT") expect(code, `bit ${bit}`).toBe("ERR_CHECKPOINT");
    }
    expect(snapshot(parameters[0]?.data as Float32Array)).toEqual(before);
  });
});
