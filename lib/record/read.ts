import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import type { Head } from "./lines.ts";

/** Numbers that grow. */
export class Column {
  #values = new Float64Array(1024);
  length = 0;

  get(i: number): number {
    return this.#values[i] as number;
  }

  /** Sets an element at the end or beyond it; those between are `missing`. */
  set(i: number, value: number, missing = Number.NaN): void {
    if (i >= this.#values.length) {
      const larger = new Float64Array(2 * Math.max(i, this.#values.length));
      larger.set(this.#values);
      this.#values = larger;
    }
    if (i > this.length) this.#values.fill(missing, this.length, i);
    this.#values[i] = value;
    this.length = i + 1;
  }

  truncate(length: number): void {
    this.length = Math.min(this.length, length);
  }
}

/** Stands in a column where a line has no such number. No computation makes it. */
export const absent = -1.797e308;

const special: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

/** A record as it is read: each number of its lines in a column, by name. It can be read on while it grows. */
export class RecordReader {
  readonly path: string;
  /** The first lines of its runs; each after the first goes on from a checkpoint. */
  readonly heads: Head[] = [];
  readonly columns = new Map<string, Column>();
  /** The number of steps that were read and are in the columns. */
  length = 0;
  /** Lines that were none: what a killed process left in part. */
  broken = 0;
  #place = 0;
  #rest = "";
  #decoder = new StringDecoder("utf8");
  /** Where the time of a run begins: that of the run before it has passed. */
  #secondsBefore = 0;
  #resumes = false;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Reads on to the file's end. A last line without its end waits for the rest.
   * @returns whether there was more.
   * @throws The system's error.
   */
  read(): boolean {
    const file = openSync(this.path, "r");
    try {
      if (fstatSync(file).size < this.#place) this.#restart();
      const from = this.#place;
      const buffer = Buffer.allocUnsafe(2 ** 20);
      for (;;) {
        const count = readSync(file, buffer, 0, buffer.length, this.#place);
        if (count === 0) return this.#place > from;
        this.#place += count;
        this.#take(this.#decoder.write(buffer.subarray(0, count)));
      }
    } finally {
      closeSync(file);
    }
  }

  /** Whether a last line has no end yet. */
  get isTorn(): boolean {
    return this.#rest !== "";
  }

  #restart(): void {
    this.heads.length = 0;
    this.columns.clear();
    this.length = this.broken = this.#place = this.#secondsBefore = 0;
    this.#rest = "";
    this.#resumes = false;
    this.#decoder = new StringDecoder("utf8");
  }

  #take(text: string): void {
    const whole = this.#rest + text;
    let at = 0;
    for (let end = whole.indexOf("\n"); end >= 0; end = whole.indexOf("\n", at)) {
      if (end > at) this.#line(whole.slice(at, end));
      at = end + 1;
    }
    this.#rest = whole.slice(at);
  }

  #line(text: string): void {
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch {
      this.broken++;
      return;
    }
    if (typeof line !== "object" || line === null || Array.isArray(line)) this.broken++;
    else if ("rmsprop" in line) this.#begin(line as Head);
    else if (typeof (line as { step?: unknown }).step === "number") this.#step(line as Record<string, unknown>);
    else this.broken++;
  }

  #begin(head: Head): void {
    this.heads.push(head);
    this.#resumes = this.length > 0;
    if (this.length > 0) this.#secondsBefore = this.columns.get("time")?.get(this.length - 1) ?? 0;
  }

  #step(line: Record<string, unknown>): void {
    const step = line["step"] as number;
    if (this.#resumes) {
      // What the run before did after the checkpoint is done again.
      const steps = this.columns.get("step") as Column;
      while (this.length > 0 && steps.get(this.length - 1) >= step) this.length--;
      for (const column of this.columns.values()) column.truncate(this.length);
      this.#resumes = false;
    }
    const i = this.length++;
    for (const name in line) {
      const value = line[name];
      if (typeof value === "number")
        this.#column(name).set(i, name === "time" ? value + this.#secondsBefore : value, absent);
      else if (typeof value === "boolean") this.#column(name).set(i, value ? 1 : 0, absent);
      else if (typeof value === "string" && value in special)
        this.#column(name).set(i, special[value] as number, absent);
      else if (name === "lr" && Array.isArray(value)) {
        value.forEach((rate, g) => {
          if (typeof rate === "number") this.#column(`lr of group ${g + 1}`).set(i, rate, absent);
        });
      }
    }
  }

  #column(name: string): Column {
    let column = this.columns.get(name);
    if (!column) {
      column = new Column();
      this.columns.set(name, column);
    }
    return column;
  }
}
