import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder for the files of one test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "rmsprop-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }), 60_000);
  return folder;
}
