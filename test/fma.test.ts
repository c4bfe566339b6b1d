import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fma } from "../lib/numbers/arithmetic.ts";
import { compileProgram, compiler, output } from "./support/compile.ts";

const randomTriples = 10_000_000;

// The twin of test/native/fma.cpp, here and below.
const specials = [
  0x00000000, 0x00000001, 0x00000002, 0x00400000, 0x007fffff, 0x00800000, 0x00800001, 0x0d800000, 0x1a000001,
  0x33800000, 0x33800001, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x4b800001, 0x5f000000, 0x7f000001, 0x7f7fffff,
  0x7f800000, 0x7fc00000,
];

/** Whether this CPU has the instruction to compare with. */
function hasInstruction(): boolean {
  if (process.arch === "arm64") return true;
  try {
    return /\bfma\b/.test(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return process.platform === "darwin"; // no Mac without it runs a supported Node
  }
}

/** What test/native/fma.cpp prints, computed in TypeScript. */
function summary(): string {
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  const asFloat = (bits: number) => {
    word[0] = bits;
    return float[0] as number;
  };
  let state = 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  let checksum = 0;
  let count = 0;
  let nan = 0;
  const add = (a: number, b: number, c: number) => {
    float[0] = fma(asFloat(a), asFloat(b), asFloat(c));
    const nanResult = Number.isNaN(float[0]);
    const bits = nanResult ? 0x7fc00000 : (word[0] as number);
    if (nanResult) nan++;
    count++;
    checksum = (Math.imul(checksum, 31) + bits) >>> 0;
  };
  const value = (i: number) => ((specials[i >> 1] as number) | (i % 2 ? 0x80000000 : 0)) >>> 0;
  for (let a = 0; a < 40; a++)
    for (let b = 0; b < 40; b++) for (let c = 0; c < 40; c++) add(value(a), value(b), value(c));
  for (let i = 0; i < randomTriples; i++) {
    const a = next();
    const b = next();
    let c = next();
    if (i % 2 === 0) {
      const exponent = (((a >>> 23) & 255) + ((b >>> 23) & 255) - 127 + ((c >>> 24) & 63) - 32) >>> 0;
      if (exponent < 255) c = ((c & 0x807fffff) | (exponent << 23)) >>> 0;
    }
    add(a, b, c);
  }
  return `${count} triples, 0 different, ${nan} NaN, checksum ${checksum.toString(16).padStart(8, "0")}`;
}

describe.skipIf(!compiler || !hasInstruction())("the emulated float32 fma equals the instruction", () => {
  test(`on all triples of 40 special values and ${randomTriples} random ones, in C++ and TypeScript`, {
    timeout: 120_000,
  }, () => {
    const flags = ["-O2", "-ffp-contract=off", ...(process.arch === "x64" ? ["-mfma"] : [])];
    const lines = output(compileProgram("fma", flags), String(randomTriples)).trim().split("\n");
    expect(lines).toEqual([summary()]);
  });
});
