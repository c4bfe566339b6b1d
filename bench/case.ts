import type { NumberType } from "rmsprop";

/** What is measured in one process: an optimizer over arrays, and who steps them. */
export interface Case {
  /** What sets it apart from the other cases of its suite, beside its size and threads. */
  readonly title?: string;
  /** The name of a class of the library. */
  readonly optimizer: string;
  readonly options: Readonly<Record<string, number | boolean | object>>;
  readonly type: NumberType;
  /** Elements of each array. */
  readonly size: number;
  /** How many parameters there are. */
  readonly arrays: number;
  /** Arrays of `allocate`, which are one block of memory, or each in a buffer of its own. Default: together. */
  readonly memory?: "together" | "apart";
  /** What the arrays hold. Subnormal: no gradient, and every mean square has decayed to a subnormal number. */
  readonly values?: "ordinary" | "subnormal";
  /** What each gradient is made of in the step. Default: it is an array. `size` is the elements of the parameter. */
  readonly source?:
    | { readonly rows: number; readonly columns: number; readonly batch: number }
    | { readonly replicas: number };
  /** The most threads, or all that the process may use. */
  readonly threads: number | "all";
  /** An instruction set, or the best of this machine. */
  readonly isa: string;
  /** Names in contenders/all.ts. */
  readonly contenders: readonly string[];
}
