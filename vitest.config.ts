import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // npm run test:mpi
    exclude: [...configDefaults.exclude, "test/mpi/**"],
    globalSetup: "test/support/native-loaded.ts",
    pool: "forks",
    maxWorkers: 2,
    reporters: ["default", "./test/support/summary-reporter.ts"],
    // Bundlers' path to the binaries; only Node itself has a `require` for it.
    server: { deps: { external: [/\.cjs$/] } },
    // Sanitizers make some things several times as slow.
    testTimeout: process.env.RMSPROP_TEST === "sanitize" ? 300_000 : 60_000,
  },
});
