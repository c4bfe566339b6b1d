// Measures one case, which its parent sends, and sends the result back.
import type { Case } from "./case.ts";
import { contenderKinds } from "./contenders/all.ts";
import type { ContenderKind } from "./contenders/contender.ts";
import { quantile, ratioOf, type Warm, warmUp } from "./measure.ts";
import type { Result, Timing } from "./result.ts";
import { Missing, makeWork, type Work } from "./work.ts";

const pairBudget = 0.6e9;
const checkSize = 100;
const checkSteps = 3;
/** So that a step moves an element by much more than its last bit. */
const checkRate = 1e-3;
/** Rivals round in their own order, and add eps at other places. */
const checkTolerance = 1e-3;

function kindOf(name: string): ContenderKind {
  const kind = contenderKinds.find((candidate) => candidate.name === name);
  if (!kind) throw new Error(`Expected the name of a contender, found "${name}".`);
  return kind;
}

/**
 * Takes a few steps over small arrays, and compares what they leave with what the library leaves: a contender that
 * computes something else would be compared for nothing.
 */
async function check(kind: ContenderKind, of: Case): Promise<void> {
  if (kind.steps === "otherwise") return;
  const source = of.source && "rows" in of.source ? { ...of.source, rows: checkSize / 10, columns: 10 } : of.source;
  const small = {
    ...of,
    size: checkSize,
    arrays: 1,
    options: { ...of.options, lr: checkRate },
    ...(source && { source }),
  };
  const expected = makeWork(small);
  const before = Array.from(expected.first.param);
  if (kind.steps) for (let i = 0; i < checkSteps; i++) expected.optimizer.step();
  const work = makeWork(small);
  const contender = await kind.create(work);
  for (let i = 0; i < checkSteps; i++) await contender.run(1);
  const param = Array.from(await contender.param());
  for (let i = 0; i < checkSize; i++) {
    const wanted = (expected.first.param[i] as number) - (before[i] as number);
    const found = (param[i] as number) - (before[i] as number);
    if (!(Math.abs(found - wanted) <= checkTolerance * Math.abs(wanted))) {
      throw new Error(
        `Expected ${kind.name} to move element ${i} by ${wanted} in ${checkSteps} steps, but it moved it by ${found}.`,
      );
    }
  }
}

async function measure(of: Case): Promise<Result> {
  const missing: Record<string, string> = {};
  const warm = new Map<string, Warm>();
  let work: Work;
  try {
    work = makeWork(of);
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    return { case: of, timings: {}, missing: Object.fromEntries(of.contenders.map((name) => [name, error.message])) };
  }
  const kinds = of.contenders.map(kindOf);
  for (const kind of kinds) {
    try {
      await check(kind, of);
      warm.set(kind.name, await warmUp(await kind.create(work)));
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      missing[kind.name] = error.message;
    }
  }

  const ratios = new Map<string, Timing["ratio"]>();
  for (const { name, against } of kinds) {
    const own = warm.get(name);
    const other = warm.get(against);
    if (!own || !other || own === other) continue;
    const { bytesPerElement: ownBytes } = own.contender;
    const { bytesPerElement: otherBytes } = other.contender;
    const bytes = ownBytes === undefined || otherBytes === undefined ? 1 : otherBytes / ownBytes;
    ratios.set(name, { against, ...(await ratioOf(own, other, pairBudget, bytes)) });
  }

  const elements = of.size * of.arrays;
  const timings: Record<string, Timing> = {};
  for (const [name, { samples, contender, estimate }] of warm) {
    const taken = samples.length > 0 ? samples : [estimate];
    const ratio = ratios.get(name);
    timings[name] = {
      median: quantile(taken, 0.5) / elements,
      least: Math.min(...taken) / elements,
      samples: samples.length,
      ...(contender.note === undefined ? {} : { note: contender.note }),
      ...(contender.version === undefined ? {} : { version: contender.version }),
      ...(ratio ? { ratio } : {}),
    };
  }
  return { case: of, threads: work.threads, isa: work.isa, timings, missing };
}

process.once("message", async (of) => {
  const result = await measure(of as Case);
  process.send?.(result, () => process.exit());
});
