/** One line of a chart. */
export interface Curve {
  readonly title: string;
  /** The variable of the style sheet that has its colour. */
  readonly colour: string;
  readonly values: readonly number[];
  readonly dash?: readonly number[];
  readonly wide?: boolean;
}

export function shortNumber(value: number | undefined): string {
  if (value === undefined) return "";
  if (!Number.isFinite(value)) return "NaN";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return Number(value.toPrecision(2)).toExponential();
  return Number(value.toPrecision(3)).toString();
}

/** A mean that follows, of about as many values: what single batches do hides how a training goes. */
export function smooth(values: readonly number[], over: number): number[] {
  let mean = values[0] ?? 0;
  return values.map((value, i) => {
    mean += (value - mean) / Math.min(i + 1, over);
    return mean;
  });
}
