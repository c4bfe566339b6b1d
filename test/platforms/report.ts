// What passed, failed and was skipped, by name, printed as it comes.

/** Thrown where what a check needs is not on this machine. */
export class Missing extends Error {}

/** Thrown where a binary that a check is about was not made. */
export class NotBuilt extends Missing {}

const mayBeMissing = { tools: true, binaries: true };

/** Says that what checks need must be there, so that they fail where it is not; binaries only where all were made. */
export function expectEverything({ binaries }: { readonly binaries: boolean }): void {
  mayBeMissing.tools = false;
  mayBeMissing.binaries = !binaries;
}

const skips = (error: unknown) =>
  error instanceof NotBuilt ? mayBeMissing.binaries : error instanceof Missing && mayBeMissing.tools;

type Result = "passed" | "failed" | "skipped";
const results: Record<Result, string[]> = { passed: [], failed: [], skipped: [] };

const errorText = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Runs one check; what it returns is printed beside its name. An error fails it; `Missing` skips it where it may. */
export async function check(name: string, body: () => string | undefined | Promise<string | undefined>): Promise<void> {
  const start = performance.now();
  const say = (result: Result, text?: string) => {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    results[result].push(text && result !== "passed" ? `${name}: ${text.split("\n")[0]}` : name);
    console.log(`${result}: ${name} (${seconds} s)${text ? `: ${text}` : ""}`);
  };
  try {
    say("passed", await body());
  } catch (error) {
    say(skips(error) ? "skipped" : "failed", errorText(error));
  }
}

/** Begins a part, and says how it ended. */
export async function part(name: string, body: () => Promise<void>): Promise<void> {
  const before = { passed: results.passed.length, failed: results.failed.length, skipped: results.skipped.length };
  console.log(`\n${name}`);
  try {
    await body();
  } catch (error) {
    // What the part's checks stand on.
    await check(name, () => {
      throw error;
    });
  }
  const count = (result: Result) => `${results[result].length - before[result]} ${result}`;
  console.log(`${name}: ${count("passed")}, ${count("failed")}, ${count("skipped")}`);
}

/** Closes the run with the names of what did not pass and one line that counts. Returns the exit code. */
export function close(): number {
  console.log();
  for (const result of ["skipped", "failed"] as const) {
    for (const name of results[result]) console.log(`${result}: ${name}`);
  }
  const { passed, failed, skipped } = results;
  console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
  return failed.length > 0 || passed.length === 0 ? 1 : 0;
}

/** @throws Error where two values differ. */
export function expectEqual(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [found, expected].map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  if (a !== b) throw new Error(`${what}: expected ${shorten(b)}, found ${shorten(a)}`);
}

/** @throws Error where a text does not match. */
export function expectMatch(text: string, pattern: RegExp, what: string): void {
  if (!pattern.test(text)) throw new Error(`${what}: expected ${pattern}, found ${shorten(text)}`);
}

/** A text that is not too long to print. */
export const shorten = (text = "nothing") => (text.length > 2000 ? `${text.slice(0, 2000)} …` : text.trim());
