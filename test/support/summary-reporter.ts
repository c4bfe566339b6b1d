import type { Reporter, TestModule } from "vitest/node";

/** Names every test that was skipped, and closes the run with one line that counts. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      if (tests.length === 0) count.failed++; // the file itself did not load
      for (const test of tests) {
        const { state } = test.result();
        count[state]++;
        if (state === "skipped") skipped.push(`${module.relativeModuleId} > ${test.fullName}`);
      }
    }
    for (const name of skipped) console.log(`skipped: ${name}`);
    const failed = count.failed + count.pending;
    console.log(`${count.passed} passed, ${failed} failed, ${count.skipped} skipped`);
  }
}
