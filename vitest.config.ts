import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/native-loaded.ts",
    pool: "forks",
    maxWorkers: 2,
    reporters: ["default", "./test/support/summary-reporter.ts"],
    // Bundlers' path to the binaries; only Node itself has a `require` for it.
    server: { deps: { external: [/\.cjs$/] } },
    testTimeout: 60_000,
  },
});
