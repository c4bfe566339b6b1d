import type { ContenderKind } from "./contender.ts";
import { copy, limit } from "./limit.ts";
import { native } from "./native.ts";
import { plainStep, separatePasses } from "./pipeline.ts";
import { plainLoop } from "./plain-loop.ts";
import { reference } from "./reference.ts";
import { wasm } from "./wasm.ts";

/** Every contender. */
export const contenderKinds: readonly ContenderKind[] = [
  ...[native, limit, copy, reference, wasm, plainLoop],
  ...[plainStep, separatePasses],
];
