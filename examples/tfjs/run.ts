// Runs the example that the first argument names; the arguments after it are the example's.

const examples = new Map<string | undefined, () => Promise<unknown>>([
  ["dense", () => import("./dense.ts")],
  ["conv", () => import("./conv.ts")],
  ["lstm", () => import("./lstm.ts")],
  ["dqn", () => import("./dqn.ts")],
]);

const [name] = process.argv.splice(2, 1);
const example = examples.get(name);
if (example) {
  await example();
} else {
  const found = name === undefined ? "nothing" : `"${name}"`;
  console.error(`Expected the first argument to be dense, conv, lstm or dqn, but found ${found}.`);
  process.exitCode = 1;
}
