import type { FloatArray, NumberType } from "../../numbers/typed-array.ts";
import type { BackendRanks } from "../ranks.ts";
import type { Factors } from "../source.ts";

/** native/binding/'s exports. They check only what memory safety needs. */
export interface NativeBinding {
  /** Instruction sets that this machine runs, best first, and the rules that the binary holds. */
  describe(): {
    isas: string[];
    signatures: string[];
    stages: string;
    calls: string;
    limits: Readonly<Record<string, number>>;
    stride: number;
    runHeader: number;
  };
  threads(): number;
  setThreads(count: number): void;
  allocate(byteLength: number, inner: boolean): ArrayBuffer | null | undefined;
  detach(buffer: ArrayBuffer): void;
  expose(buffer: ArrayBufferLike): void;
  address(array: FloatArray): number;
  memoryCounters(): { blocks: number; bytes: number };
  bind(
    isa: number,
    groups: readonly NativeGroup[],
    runCapacity: number,
    staged: boolean,
    elementsPerThread?: number,
    memoryFrom?: number,
  ): NativeBound | undefined;
  /** Where the system has MPI: not on Windows. */
  readonly ranks?: BackendRanks;
}

export interface NativeSource {
  readonly parts: readonly (FloatArray | Factors)[];
  /** A whole number. */
  readonly divisor: number;
}

export interface NativeGroup {
  readonly rule: string;
  readonly type: NumberType;
  /** The slots, by their index in the rule, that any parameter has an array for. */
  readonly slots: readonly number[];
  /** For each parameter data, out, grad, then each of those slots; for staged steps also average and accumulated. */
  readonly arrays: readonly (FloatArray | null)[];
  /** The sources of gradients that are made, for each parameter one or null; null where every gradient is an array. */
  readonly sources: readonly (NativeSource | null)[] | null;
}

interface NativeBound {
  /** Whether there was room for the groups and the runs. */
  rebind(groups: readonly NativeGroup[], runCapacity: number): boolean;
  /** Steps what `commands` says: the number of runs, then per run its header (below) and coefficients. */
  step(): void;
  /** Steps what the last `step` did, without a look at the commands. */
  stepAgain(): void;
  stepAsync(kept: unknown, buffers: readonly ArrayBufferLike[], staged: boolean): Promise<void> | undefined;
  readonly commands: Float64Array;
  readonly selection: Uint32Array;
  /** The same with what `stages` says (`stagesSignature`). Where the groups are bound for it. */
  stepStaged?(): void;
  readonly stages?: Float64Array;
  /** The halves of a step over pieces, what is decided between them, and the report. Null where there is no memory. */
  measureAsync?(
    kept: unknown,
    buffers: readonly ArrayBufferLike[],
    layout: Uint32Array,
    table: Float64Array,
  ): Promise<void> | undefined | null;
  decide?(layout: Uint32Array, before: Float64Array): void;
  changeAsync?(
    kept: unknown,
    buffers: readonly ArrayBufferLike[],
    layout: Uint32Array,
    after: Float64Array,
  ): Promise<void> | undefined | null;
  report?(layout: Uint32Array, after: Float64Array): void;
}

/** What the binary's functions take, in order, and what lies in the arrays that they read. */
export const callsSignature =
  "bind isa groups runCapacity staged elementsPerThread memoryFrom; rebind groups runCapacity; step" +
  "; stepAgain; stepAsync kept buffers staged; measureAsync kept buffers layout table" +
  "; decide layout before; changeAsync kept buffers layout after; report layout after" +
  "; layout tiles wholes pieces run place tiles whole place" +
  "; columns gradSquares nonFinite clipped updateSquares largestUpdate" +
  "; group rule type slots sources; source parts divisor; part left right batch rows columns" +
  "; arrays data out grad slots average accumulated" +
  "; run group variant selected count coefficients; allocate byteLength inner; expose buffer" +
  "; ranks start libraries timeout; collective kind communicator what size root from into kept buffers; finish code reason";

/** What crosses to the binary of a staged step: numbers and flags of the step, its report, and those of each run. */
export const stagesSignature =
  "skipNonFinite clipGlobalNorm gradNorm nonFinite clipped update" +
  "; skipped gradNorm nonFinite clipped updateNorm largestUpdate" +
  "; accumulates applies scale clipValue clipNorm averages decay oneMinusDecay zeroes";
