/** What is said of itself by something compiled, and what was expected; null where there is nothing. */
export interface Difference {
  /** Which of its parts differs: "rules", "stages", … */
  readonly part: string;
  readonly expected: string | null;
  readonly found: string | null;
}

/** Something compiled that is of another version. */
export class StaleError extends Error {
  readonly difference: Difference;

  constructor(message: string, difference: Difference) {
    super(message);
    this.difference = difference;
  }
}

/**
 * Holds what something compiled says of one of its parts against what is expected.
 * @param compiled Its name, and how it is made, for the error.
 * @throws StaleError with the first that differs.
 */
export function checkSignatures(
  part: string,
  expected: readonly string[],
  found: readonly (string | undefined)[],
  { name, made }: { readonly name: string; readonly made: string },
): void {
  const count = Math.max(expected.length, found.length);
  for (let i = 0; i < count; i++) {
    if (expected[i] !== found[i]) {
      const sentence = `the ${name} is of another version of this package, whose ${part} differ: build it anew (${made})`;
      throw new StaleError(sentence, { part, expected: expected[i] ?? null, found: found[i] ?? null });
    }
  }
}
