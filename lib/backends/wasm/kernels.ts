import type { NumberType } from "../../numbers/typed-array.ts";
import { type AnyRule, flagsOf, signatureOf } from "../../rules/rule.ts";
import { checkSignatures } from "../signatures.ts";

/** native/backend.hpp's StepKernel: addresses of the streams and coefficients, in bytes, and elements from and to. */
export type StepKernel = (streams: number, begin: number, end: number, coefficients: number) => void;

/** native/backend.hpp's StageTable: addresses of tiles and how many elements are at work. */
export interface StageKernels {
  sumOfSquares(x: number, count: number): number;
  countNonFinite(x: number, count: number): number;
  countAbove(x: number, count: number, scale: number, limit: number): number;
  accumulate(to: number, sum: number, grad: number, count: number, scale: number): void;
  clip(to: number, from: number, count: number, scale: number, limit: number): void;
  store(to: number, before: number, after: number, count: number, change: number): void;
  average(average: number, param: number, count: number, decay: number, oneMinusDecay: number): void;
  fill(x: number, count: number, value: number): void;
  add(to: number, a: number, b: number, count: number): void;
  addFour(to: number, parts: number, count: number): void;
  divide(to: number, from: number, count: number, divisor: number): void;
  multiply(to: number, factors: number, begin: number, count: number): void;
}

/** Their names in the table's order, with how many parameters each has. */
const stageParameters: Readonly<Record<keyof StageKernels, number>> = {
  ...{ sumOfSquares: 2, countNonFinite: 2, countAbove: 4, accumulate: 5, clip: 5, store: 5, average: 5, fill: 3 },
  ...{ add: 4, addFour: 3, divide: 4, multiply: 4 },
};

/** A rule as compiled. */
export interface RuleKernels {
  /** The rule stage's kernels by number type and variant; undefined where there is no such variant. */
  readonly steps: Readonly<Record<NumberType, readonly (StepKernel | undefined)[]>>;
  /** The slots in use by variant, one bit each. */
  readonly usedSlots: readonly number[];
}

/** The kernels of native/kernels/, compiled to WebAssembly, with the memory that they see. */
export interface WasmKernels {
  readonly memory: WebAssembly.Memory;
  /** By the name of the rule. */
  readonly rules: ReadonlyMap<string, RuleKernels>;
  readonly stages: Readonly<Record<NumberType, StageKernels>>;
}

const pointerBytes = 4;

/** Where native/backend.hpp puts the fields of its structs, in bytes: pointers and std::size_t have 4. */
const backendFields = { isa: 0, rules: 4, ruleCount: 8, stages: 12 };

const ruleFields = {
  ...{
    name: 0,
    signature: 4,
    slotCount: 8,
    coefficientCount: 12,
    variantCount: 16,
    usedSlots: 20,
    kernels: 24,
    aheadKernels: 32,
  },
  size: 40,
};

const noVariant = 0xff;

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
  /** The address of the backend's table. */
  readonly backend: WebAssembly.Global;
}

function exportsOf(source: Uint8Array | WebAssembly.Module): Exports {
  // Asked in this way, because a module of another realm is no instance of this one's class.
  const module = "byteLength" in source ? new WebAssembly.Module(source) : source;
  const { exports } = new WebAssembly.Instance(module);
  const { memory, __indirect_function_table: table, _ZN7rmsprop4wasm7backendE: backend } = exports;
  if (!memory || !table || !backend) {
    throw new Error(`the WebAssembly module is another: it exports ${Object.keys(exports).join(", ")}`);
  }
  return { memory, table, backend } as Exports;
}

/** Reads structs of C++ out of memory. */
class Reader {
  readonly #view: DataView;

  constructor(buffer: ArrayBuffer) {
    this.#view = new DataView(buffer);
  }

  byte(address: number): number {
    return this.#view.getUint8(address);
  }

  word(address: number): number {
    return this.#view.getUint32(address, true);
  }

  /** A string that ends with a zero; its address lies at `address`. */
  text(address: number): string {
    let text = "";
    for (let at = this.word(address); this.byte(at) !== 0; at++) text += String.fromCharCode(this.byte(at));
    return text;
  }
}

/** The bytes that base64 stands for. */
export function decodeBase64(base64: string): Uint8Array {
  const { fromBase64 } = Uint8Array as { fromBase64?: (text: string) => Uint8Array };
  if (fromBase64) return fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * Compiles the kernels, unless they are, and reads their tables. Everything that the tables say is compared with the rules, so that what was
 * compiled for others, or laid out otherwise, is refused.
 * @throws Error with the reason why they cannot run; CompileError where the runtime does not take them.
 */
export function loadKernels(source: Uint8Array | WebAssembly.Module, rules: readonly AnyRule[]): WasmKernels {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
    throw new Error("the memory of WebAssembly is little-endian, and this processor is not");
  }
  const { memory, table, backend } = exportsOf(source);
  const reader = new Reader(memory.buffer);
  const isa = reader.text(backend.value + backendFields.isa);
  if (isa !== "wasm") throw new Error(`the WebAssembly module has kernels for "${isa}"`);
  const tables = Array.from(
    { length: reader.word(backend.value + backendFields.ruleCount) },
    (_, i) => reader.word(backend.value + backendFields.rules) + i * ruleFields.size,
  );
  checkSignatures(
    "rules",
    rules.map(signatureOf),
    tables.map((at) => reader.text(at + ruleFields.signature)),
    { name: "WebAssembly module", made: "in a checkout npm run prebuild -- wasm" },
  );

  const kernels = rules.map((rule, r) => [rule.name, readTable(rule, tables[r] as number, reader, table)] as const);
  const stages = reader.word(backend.value + backendFields.stages);
  const stageTableBytes = pointerBytes * Object.keys(stageParameters).length;
  const stagesOf = (type: number) => readStages(stages + type * stageTableBytes, reader, table);
  return { memory, rules: new Map(kernels), stages: { float32: stagesOf(0), float64: stagesOf(1) } };
}

/** @throws Error where there are others than those of StageKernels. */
function readStages(at: number, reader: Reader, table: WebAssembly.Table): StageKernels {
  const entries = Object.entries(stageParameters).map(([name, parameters], i) => {
    const stage = table.get(reader.word(at + pointerBytes * i));
    if (stage?.length !== parameters) {
      throw new Error(
        `the WebAssembly module lays out its stages in another way: ${name} has ${stage?.length} parameters`,
      );
    }
    return [name, stage];
  });
  return Object.fromEntries(entries);
}

/** @throws Error where the table does not say what the rule does. */
function readTable(rule: AnyRule, at: number, reader: Reader, table: WebAssembly.Table): RuleKernels {
  const variantCount = reader.word(at + ruleFields.variantCount);
  const masks = reader.word(at + ruleFields.usedSlots);
  const usedSlots = Array.from({ length: variantCount }, (_, variant) => reader.byte(masks + variant));
  const stepsOf = (type: number) => {
    const list = reader.word(at + ruleFields.kernels + pointerBytes * type);
    return Array.from({ length: variantCount }, (_, variant) => {
      const index = reader.word(list + pointerBytes * variant);
      return index === 0 ? undefined : (table.get(index) as StepKernel);
    });
  };
  const steps = { float32: stepsOf(0), float64: stepsOf(1) };
  const found = [
    reader.text(at + ruleFields.name),
    reader.word(at + ruleFields.slotCount),
    reader.word(at + ruleFields.coefficientCount),
    ...usedSlots.map((mask, variant) => `${mask} ${!!steps.float32[variant]} ${!!steps.float64[variant]}`),
  ];
  const expected = [
    rule.name,
    rule.slots.length,
    rule.coefficients.length,
    ...usedSlots.map((_, variant) => {
      const flags = flagsOf(rule, variant);
      if (!rule.exists(flags)) return `${noVariant} false false`;
      return `${rule.slots.reduce((mask, slot, s) => mask | (rule.uses(flags, slot) ? 1 << s : 0), 0)} true true`;
    }),
  ];
  if (found.join() !== expected.join()) {
    throw new Error(`the WebAssembly module lays out the table of the rule ${rule.name} in another way`);
  }
  return { steps, usedSlots };
}
