// The title of each test begins with the number under which the fault was reported.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

describe("what a check on platforms needs and is not there", () => {
  beforeEach(() => {
    vi.resetModules();
    vi.spyOn(console, "log").mockImplementation(() => {});
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    { mode: "no mode", strict: undefined, counts: "1 passed, 0 failed, 2 skipped", code: 0 },
    { mode: "--strict --partial", strict: { binaries: false }, counts: "1 passed, 1 failed, 1 skipped", code: 1 },
    { mode: "--strict", strict: { binaries: true }, counts: "1 passed, 2 failed, 0 skipped", code: 1 },
  ])("7: $mode: $counts", async ({ strict, counts, code }) => {
    const { check, close, expectEverything, Missing, NotBuilt } = await import("../platforms/report.ts");
    if (strict) expectEverything(strict);
    await check("a check", () => "found");
    await check("a tool", () => {
      throw new Missing("wine is not there");
    });
    await check("a binary", () => {
      throw new NotBuilt("the binary is not built");
    });
    expect(close()).toBe(code);
    expect(console.log).toHaveBeenLastCalledWith(counts);
  });
});
