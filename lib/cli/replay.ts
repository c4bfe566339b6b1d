import { closeSync, openSync, readSync } from "node:fs";
import type { Backend } from "../backends/backend.ts";
import { useBackend } from "../backends/current.ts";
import { backendsHere } from "../backends/select.ts";
import { createSha256 } from "../checkpoint/host.ts";
import type { FloatArray } from "../numbers/typed-array.ts";
import { bytesOf, type PathSettings, pathsOf, type RunSettings, readSettings } from "../paths/index.ts";
import { rules } from "../rules/all.ts";
import { messageOf, readArguments, reading } from "./arguments.ts";
import { optimizers } from "./optimizers.ts";
import { print } from "./output.ts";

const help = `usage: rmsprop replay [--json] settings.json

Computes the paths of optimizers that the figure on the site shows, from its settings as JSON ("-" reads them from standard
input), on every backend and instruction set that loads here. Says where each path ends and its SHA-256, which is the
page's. Where two backends leave other bits, the exit code is 1.

  --json    the same as one JSON object`;

/** A path of one run. */
export interface Replayed extends RunSettings {
  /** x and y after the last step. */
  readonly last: readonly [number, number];
  /** Of all its points, in hexadecimal. */
  readonly sha256: string;
}

/** What --json prints. */
export interface Replay {
  readonly settings: PathSettings;
  readonly runs: readonly Replayed[];
  /** Of all points of all paths, one path after the other. */
  readonly sha256: string;
  /** What computed them: "native avx2", "wasm" and so on, and the SHA-256 of all points there. */
  readonly backends: Readonly<Record<string, string>>;
  readonly exitCode: number;
}

function digestOf(paths: readonly FloatArray[]): string {
  const digest = createSha256().update(bytesOf(paths)).digest();
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const titleOf = ({ name, isa }: Backend) => (name === "native" ? `native ${isa}` : name);

function replayOf(settings: PathSettings): Replay {
  const { others, reference } = backendsHere(rules);
  const backends: Record<string, string> = {};
  let paths: FloatArray[] = [];
  for (const backend of [...others, reference]) {
    useBackend(backend);
    paths = pathsOf(settings, optimizers);
    const [title, digest] = [titleOf(backend), digestOf(paths)];
    // An instruction set comes twice where its loops differ by where arrays lie.
    backends[title] = backends[title] === undefined || backends[title] === digest ? digest : "two kinds of bits";
  }
  const sha256 = digestOf(paths);
  const runs = settings.runs.map((run, i): Replayed => {
    const path = paths[i] as FloatArray;
    return { ...run, last: [path.at(-2) as number, path.at(-1) as number], sha256: digestOf([path]) };
  });
  const same = Object.values(backends).every((digest) => digest === sha256);
  return { settings, runs, sha256, backends, exitCode: same ? 0 : 1 };
}

function linesOf({ settings, runs, sha256, backends }: Replay): string[] {
  const { surface, start, steps, dtype } = settings;
  const lines = [`${surface}, from (${start.join(", ")}), ${steps} steps, ${dtype}`, ""];
  for (const { optimizer, options, last, sha256: own } of runs) {
    lines.push(`${optimizer} ${JSON.stringify(options)}`, `  ends at (${last.join(", ")})`, `  SHA-256 ${own}`);
  }
  lines.push("", `all paths: SHA-256 ${sha256}`);
  const names = Object.keys(backends);
  const different = names.filter((name) => backends[name] !== sha256);
  lines.push(`computed by ${names.join(", ")}${different.length === 0 ? ": the same bits" : ""}`);
  for (const name of different) lines.push(`${name} left other bits than the reference: ${backends[name]}`);
  return lines;
}

/** The most bytes of settings: more than 100 runs with every option have. */
const mostBytes = 2 ** 20;

/** The text of a file, or of standard input, which may have no end. */
function textOf(file: string): string {
  const open = file === "-" ? 0 : openSync(file, "r");
  try {
    const bytes = Buffer.allocUnsafe(mostBytes + 1);
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(open, bytes, length, bytes.length - length, null);
    }
    if (length > mostBytes)
      throw new Error(`Expected ${file} to be settings, but it has more than ${mostBytes} bytes.`);
    // Some editors begin a file with a mark of its byte order.
    return bytes.toString("utf8", 0, length).replace(/^\uFEFF/, "");
  } finally {
    if (open !== 0) closeSync(open);
  }
}

/** The settings in a file, or in standard input. */
function settingsIn(file: string): PathSettings {
  const text = reading(file, () => textOf(file));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`Expected ${file} to hold JSON, but it does not: ${messageOf(error)}.`);
  }
  return readSettings(value);
}

/**
 * `rmsprop replay`.
 * @returns the exit code
 */
export function replay(args: readonly string[]): number {
  const given = readArguments(args, help, { json: { type: "boolean" } }, [1, 1]);
  if (typeof given === "number") return given;
  let found: Replay;
  try {
    found = replayOf(settingsIn(given.positionals[0] as string));
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
  if (given.values.json) print(JSON.stringify(found, null, 2));
  else for (const line of linesOf(found)) print(line);
  return found.exitCode;
}
