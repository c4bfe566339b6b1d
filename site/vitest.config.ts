import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["test/*.test.ts"],
    reporters: ["default", "../test/support/summary-reporter.ts"],
    // axe takes its time over the longest pages.
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
