import type { NumberType } from "rmsprop";

/** What is measured in one process: an optimizer over arrays, and who steps them. */
export interface Case {
  /** The name of a class of the library. */
  readonly optimizer: string;
  readonly options: Readonly<Record<string, number | boolean | object>>;
  readonly type: NumberType;
  /** Elements of each array. */
  readonly size: number;
  /** How many parameters there are. */
  readonly arrays: number;
  /** The most threads, or all that the process may use. */
  readonly threads: number | "all";
  /** An instruction set, or the best of this machine. */
  readonly isa: string;
  /** Names in contenders/all.ts. */
  readonly contenders: readonly string[];
}
