/**
 * docs/bits.md, of the table of `rmsprop bits`.
 * @param {Readonly<Record<string, string>>} digests
 */
export function pageOfBits(digests) {
  const rows = Object.entries(digests).map(([name, digest]) => `| ${name} | \`${digest}\` |`);
  return `# Bits

Every result of this package is the same, to the last bit, on every machine, instruction set, runtime and number of threads. Anybody can look:

\`\`\`sh
npx rmsprop bits
\`\`\`

That takes 300 steps with every preset, stage and schedule, on each backend and instruction set that loads, over inputs that a seeded generator makes of exactly rounded operations alone. Each case is hashed: the parameters and their state after the last step, and what \`lastStep\` and \`lossScale\` said after each one; every NaN counts as one NaN. The digests are compared with those below, which are in the package too. They were made by the TypeScript reference. Where one differs the exit code is 1, and a line says what to report. \`--json\` prints every digest, \`--reference\` runs the reference too, and \`--only TEXT\` takes the cases alone whose names contain a text, in large or small letters.

\`npx rmsprop replay settings.json\` does the same for the paths of the figure on the site: from its settings, as JSON, it computes the points to the bits of the page, and prints where each path ends and its SHA-256.

## The table

| case | SHA-256 |
| --- | --- |
${rows.join("\n")}
`;
}
