import type { Reporter, TestModule } from "vitest/node";

/**
 * What may be skipped even where RMSPROP_TEST_STRICT says that this machine has what tests need: what takes more memory
 * than such a machine has, another processor, another system than its own, or headers that the package never needs.
 */
const maySkip = [
  /^test\/lifetimes\/large\.test\.ts > /,
  /^test\/coming-from\.test\.ts > .* in PyTorch /,
  /^test\/fma\.test\.ts > /,
  /^test\/mpi\/constants\.test\.ts > /,
];

/**
 * Names every test that was skipped, and closes the run with one line that counts. With RMSPROP_TEST_STRICT a test that was
 * skipped counts as failed, but for those that any machine may lack the means of.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const strict = Boolean(process.env["RMSPROP_TEST_STRICT"]);
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const skipped: string[] = [];
    const forbidden: string[] = [];
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      if (tests.length === 0) count.failed++; // the file itself did not load
      for (const test of tests) {
        const { state } = test.result();
        const name = `${module.relativeModuleId} > ${test.fullName}`;
        if (state === "skipped" && strict && !maySkip.some((pattern) => pattern.test(name))) {
          count.failed++;
          forbidden.push(name);
        } else {
          count[state]++;
          if (state === "skipped") skipped.push(name);
        }
      }
    }
    for (const name of skipped) console.log(`skipped: ${name}`);
    for (const name of forbidden) console.log(`failed: ${name} (skipped, where RMSPROP_TEST_STRICT lets nothing be)`);
    if (forbidden.length > 0) process.exitCode = 1;
    const failed = count.failed + count.pending;
    console.log(`${count.passed} passed, ${failed} failed, ${count.skipped} skipped`);
  }
}
