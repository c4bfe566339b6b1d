// npm run test:mpi
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/mpi/*.test.ts"],
    // The gate's short form has no minutes for these.
    exclude: process.env["RMSPROP_TEST"] === "quick" ? ["test/mpi/cut.test.ts", "test/mpi/runtimes.test.ts"] : [],
    globalSetup: "test/support/native-loaded.ts",
    pool: "forks",
    // Each test has processes of its own that wait for one another.
    maxWorkers: 1,
    reporters: ["default", "./test/support/summary-reporter.ts"],
    server: { deps: { external: [/\.cjs$/] } },
    testTimeout: 120_000,
  },
});
