// The output of commands. console.log() does not tell when a write fails, so `rmsprop doctor > full-disk` would be a
// success. A reader that has gone, as in `rmsprop doctor | head -3`, has what it wanted: that is no failure.

let failure: unknown;
let isEnded = false;

/** Keeps the first error. */
function failed(error: unknown): void {
  isEnded = true;
  if ((error as NodeJS.ErrnoException)?.code !== "EPIPE") failure ??= error;
}

process.stdout.on("error", failed);
// There is nowhere left to say it.
process.stderr.on("error", () => {});

/** Prints a line, or several, to standard output. */
export function print(text: string): void {
  try {
    process.stdout.write(`${text}\n`);
  } catch (error) {
    failed(error);
  }
}

/** Waits until everything is written, or cannot be. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => {
    try {
      process.stdout.write("", () => resolve());
    } catch {
      resolve();
    }
  });
  // Node tells of an error after it has called back.
  await new Promise((resolve) => setImmediate(resolve));
}

/** Whether nothing more can be printed: the reader has gone, or a disk is full. What takes long asks between its parts. */
export async function outputEnded(): Promise<boolean> {
  await settled();
  return isEnded;
}

/**
 * Waits until everything is written.
 * @returns a sentence that says why something could not be, if so; undefined also where the reader has gone
 */
export async function unwritten(): Promise<string | undefined> {
  await settled();
  if (failure === undefined) return undefined;
  const reason = failure instanceof Error ? failure.message : String(failure);
  return `Expected standard output to take what rmsprop prints, but it does not: ${reason}.`;
}
