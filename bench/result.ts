import type { Case } from "./case.ts";
import type { Ratio } from "./measure.ts";

/** What one contender did in a case. */
export interface Timing {
  /** Nanoseconds an element and step: the median of the samples, and the least. */
  readonly median: number;
  readonly least: number;
  readonly samples: number;
  readonly note?: string;
  /** Of another project's code. */
  readonly version?: string;
  /** Its time over that of the contender it is measured against. */
  readonly ratio?: Ratio & { readonly against: string };
}

/** What came of a case. */
export interface Result {
  readonly case: Case;
  /** As used; undefined where the process did not come so far. */
  readonly threads?: number;
  readonly isa?: string;
  readonly timings: Readonly<Record<string, Timing>>;
  /** What is not there, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}
