// What staged steps need to know of their tiles, and as whose columns others fill it in.
import type { Run, RunStages, Stages } from "./backend.ts";
import type { Column } from "./layout.ts";

export interface Needs {
  readonly norm: boolean;
  readonly nonFinite: boolean;
  /** Whether something must be known of all gradients before anything changes. */
  readonly first: boolean;
}

/** The twin of `prepare` in native/pipeline.cpp. */
export function needsOf(runs: readonly Run[], { clipGlobalNorm, measures, skipNonFinite }: Stages): Needs {
  const infinity = Number.POSITIVE_INFINITY;
  const clips = clipGlobalNorm < infinity || runs.some((run) => (run.stages as RunStages).clipNorm < infinity);
  return {
    norm: clips || measures.gradNorm,
    nonFinite: skipNonFinite || measures.nonFinite,
    first: skipNonFinite || clips,
  };
}

/**
 * The columns that must be filled before a step changes anything, and those that its report needs afterwards. The twin of
 * native/tables.cpp.
 */
export function columnsOf(
  runs: readonly Run[],
  stages: Stages,
): { readonly before: readonly Column[]; readonly after: readonly Column[] } {
  const { norm, nonFinite, first } = needsOf(runs, stages);
  const { clipped, update } = stages.measures;
  const gradients: Column[] = [];
  if (norm) gradients.push("gradSquares");
  if (nonFinite) gradients.push("nonFinite");
  if (clipped) gradients.push("clipped");
  const updates: Column[] = update ? ["updateSquares", "largestUpdate"] : [];
  return first ? { before: gradients, after: updates } : { before: [], after: [...gradients, ...updates] };
}
