import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

/** A file that is only added to. What is added waits in memory until `flush`. */
export class AppendedFile {
  readonly #file: number;
  #waiting = "";
  #isOpen = true;

  /** @throws The system's error where it cannot be opened. */
  constructor(path: string | URL) {
    this.#file = openSync(path, "a+");
    // A line that a killed process left without its end stays a line of its own.
    const { size } = fstatSync(this.#file);
    const last = Buffer.alloc(1);
    if (size > 0 && readSync(this.#file, last, 0, 1, size - 1) === 1 && last[0] !== 10) this.#waiting = "\n";
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The characters that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  add(text: string): void {
    this.#waiting += text;
  }

  /** @throws The system's error. What was not written waits on. */
  flush(): void {
    if (this.#waiting === "") return;
    const bytes = Buffer.from(this.#waiting);
    let at = 0;
    try {
      while (at < bytes.length) at += writeSync(this.#file, bytes, at);
      this.#waiting = "";
    } catch (error) {
      this.#waiting = bytes.toString("utf8", at);
      throw error;
    }
  }

  /** Closes it without what waits. */
  abandon(): void {
    this.#waiting = "";
    this.close();
  }

  /** @throws The system's error; it is closed all the same. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.flush();
    } finally {
      closeSync(this.#file);
    }
  }
}
