import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { show } from "../values/show.ts";
import { format, type Head, isHead } from "./lines.ts";

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

/**
 * What a file that is no record may cost: the most columns, each of which takes memory for every step, and the most
 * characters of a line that has no end.
 */
const maxColumns = 1000;
const maxLine = 2 ** 24;

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
  /** The first lines of its runs. */
  readonly heads: Head[] = [];
  /** How many times it went on from a checkpoint: another run, or the same one, which went back. */
  resumed = 0;
  readonly columns = new Map<string, Column>();
  /** The number of steps that were read and are in the columns. */
  length = 0;
  /** Lines that are none of a record: what a killed process left in part, or somebody else wrote. */
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
   * @throws The system's error, and one where another version of the library wrote the record in another form.
   */
  read(): boolean {
    // Without O_NONBLOCK, which Windows has not, a FIFO would wait for its writer.
    const file = openSync(this.path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw new Error(`Expected ${this.path} to be a record, but it is no ordinary file.`);
      if (stats.size < this.#place) this.#restart();
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
    this.length = this.broken = this.resumed = this.#place = this.#secondsBefore = 0;
    this.#rest = "";
    this.#resumes = false;
    this.#decoder = new StringDecoder("utf8");
  }

  #take(text: string): void {
    if (!text.includes("\n")) {
      this.#keep(this.#rest + text);
      return;
    }
    const whole = this.#rest + text;
    let at = 0;
    for (let end = whole.indexOf("\n"); end >= 0; end = whole.indexOf("\n", at)) {
      if (end > at) this.#line(whole.slice(at, end));
      at = end + 1;
    }
    this.#keep(whole.slice(at));
  }

  /** Keeps the beginning of a line until its end comes. */
  #keep(rest: string): void {
    this.#rest = rest;
    if (rest.length > maxLine) {
      throw new Error(`Expected ${this.path} to be a record, but it has a line of more than ${maxLine} characters.`);
    }
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
    else if (Object.hasOwn(line, "rmsprop")) this.#begin(line as { rmsprop: unknown });
    else if (typeof (line as { step?: unknown }).step === "number") this.#step(line as Record<string, unknown>);
    else this.broken++;
  }

  #begin(line: { readonly rmsprop: unknown }): void {
    if (line.rmsprop !== format) {
      throw new Error(
        `Expected ${this.path} to be a record in the form ${format}, but it has ${show(line.rmsprop)}: another version of rmsprop wrote it.`,
      );
    }
    if (!isHead(line)) {
      this.broken++;
      return;
    }
    this.heads.push(line);
    if (this.length === 0) return;
    this.#resumes = true;
    this.#secondsBefore = this.#lastOf("time");
  }

  #step(line: Record<string, unknown>): void {
    const step = line["step"] as number;
    // A step below the last one is done again, after a checkpoint. Calls that only accumulate have the number of the last.
    if (this.#resumes || (this.length > 0 && step < this.#lastOf("step"))) {
      const steps = this.columns.get("step") as Column;
      while (this.length > 0 && steps.get(this.length - 1) >= step) this.length--;
      for (const column of this.columns.values()) column.truncate(this.length);
      this.#resumes = false;
      this.resumed++;
    }
    const i = this.length++;
    for (const name in line) {
      if (name === "time") continue;
      const value = line[name];
      if (typeof value === "number") this.#column(name)?.set(i, value, absent);
      else if (typeof value === "boolean") this.#column(name)?.set(i, value ? 1 : 0, absent);
      else if (typeof value === "string" && Object.hasOwn(special, value))
        this.#column(name)?.set(i, special[value] as number, absent);
      else if (name === "lr" && Array.isArray(value)) {
        value.forEach((rate, g) => {
          if (typeof rate === "number") this.#column(`lr of group ${g + 1}`)?.set(i, rate, absent);
        });
      }
    }
    const { time } = line;
    this.#column("time")?.set(i, typeof time === "number" ? time + this.#secondsBefore : this.#lastOf("time"));
  }

  /** The last number of a column that each step has; 0 before the first. */
  #lastOf(name: "step" | "time"): number {
    const column = this.columns.get(name);
    return column && column.length > 0 ? column.get(column.length - 1) : 0;
  }

  /** The column of a name; undefined where there are too many, but those that every step has. */
  #column(name: string): Column | undefined {
    let column = this.columns.get(name);
    if (!column) {
      if (this.columns.size >= maxColumns && name !== "step" && name !== "time") return undefined;
      column = new Column();
      this.columns.set(name, column);
    }
    return column;
  }
}
