import { jax } from "../rivals/jax.ts";
import { compiledTorch, foreachTorch, keptForeachTorch, keptTorch, torch } from "../rivals/pytorch.ts";
import { tensorflowCpu, tensorflowWasm } from "../rivals/tensorflow.ts";
import { bareLoop, formulaLoop } from "./bare-loop.ts";
import type { ContenderKind } from "./contender.ts";
import { emptyCall } from "./empty-call.ts";
import { copy, limit } from "./limit.ts";
import { construction, native, oneArray, oneThread, ordinaryValues } from "./native.ts";
import { plainStep, separatePasses } from "./pipeline.ts";
import { plainLoop } from "./plain-loop.ts";
import { reference } from "./reference.ts";
import { formedByBatch, formedByBlocks, formedByRows, formedInScript, sumApart, sumInPlace } from "./sources.ts";
import { wasm } from "./wasm.ts";

/** Every contender. */
export const contenderKinds: readonly ContenderKind[] = [
  ...[native, oneThread, oneArray, ordinaryValues, construction, reference, wasm],
  ...[limit, copy, bareLoop, formulaLoop, emptyCall, plainLoop],
  ...[tensorflowCpu, tensorflowWasm, torch, keptTorch, foreachTorch, keptForeachTorch, compiledTorch, jax],
  ...[plainStep, separatePasses],
  ...[formedByRows, formedByBatch, formedByBlocks, formedInScript, sumApart, sumInPlace],
];
