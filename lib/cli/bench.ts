import type { BackendInfo } from "../backends/current.ts";
import { selectBackend } from "../backends/select.ts";
import { rules } from "../rules/all.ts";
import { messageOf, readArguments } from "./arguments.ts";
import { gigabytes, measureSize, type Size, sizes } from "./bench-measure.ts";
import { type Machine, machine } from "./machine.ts";
import { outputEnded, print } from "./output.ts";

const help = `usage: rmsprop bench [--json]

Measures this machine in under a minute: a step of RMSprop at four sizes, on one thread and on all, beside its limit and
a loop of plain JavaScript. The limit is what the step's traffic takes at the best rate seen here at that size, by a
copy, a step of plain SGD or the step itself. In caches the step computes longer than it moves, and in the smallest
arrays the call is most of it. Close other programs first.

  --json    the same as one JSON object`;

/** What --json prints. Times are in nanoseconds an element. */
export interface Bench extends Machine {
  readonly backend: Omit<BackendInfo, "setThreads">;
  readonly sizes: readonly Size[];
  /** How long it took. */
  readonly seconds: number;
}

const width = 40;
const threadsOf = (count: number) => (count === 1 ? "1 thread" : `${count} threads`);

/** A line with a bar; the longest bar is that of `longest`. */
function bar(title: string, nanoseconds: number, longest: number, note: string): string {
  const eighths = Math.max(Math.round((8 * width * nanoseconds) / longest), 1);
  const [whole, rest] = [Math.floor(eighths / 8), eighths % 8];
  const drawn = `${"█".repeat(whole)}${rest > 0 ? " ▏▎▍▌▋▊▉"[rest] : ""}`;
  return `  ${title.padEnd(20)}${nanoseconds.toFixed(3).padStart(8)} ns  ${drawn.padEnd(width)}  ${note}`.trimEnd();
}

/** A size as a terminal shows it. */
export function linesOf({ elements, timed, loop }: Size): string[] {
  const longest = Math.max(loop, ...timed.flatMap(({ step, limit }) => [step, limit]));
  const lines = [
    `${elements.toLocaleString("en")} elements, nanoseconds an element`,
    bar("plain loop", loop, longest, ""),
  ];
  for (const { threads, step, limit } of timed) {
    const note = `${(loop / step).toFixed(1)} times the loop, ${gigabytes(step).toFixed(1)} GB/s`;
    lines.push(bar(`step, ${threadsOf(threads)}`, step, longest, note));
    lines.push(bar("  limit", limit, longest, `the step reaches ${Math.round((100 * limit) / step)} % of it`));
  }
  return [...lines, ""];
}

/**
 * `rmsprop bench`.
 * @returns the exit code
 */
export async function bench(args: readonly string[]): Promise<number> {
  const given = readArguments(args, help, { json: { type: "boolean" } });
  if (typeof given === "number") return given;
  const { json = false } = given.values;
  const start = performance.now();
  const where = machine();
  try {
    const info = selectBackend(rules, process.env, () => {});
    const { name, isa, threads, fallbackReason } = info;
    if (!json) {
      const { version, runtime, platform, processor } = where;
      print(`rmsprop ${version}, ${name} ${isa}, ${threadsOf(threads)} · ${runtime} · ${platform} · ${processor}\n`);
    }
    const measured: Size[] = [];
    for (const elements of sizes) {
      const size = measureSize(elements, info);
      measured.push(size);
      if (json) continue;
      for (const line of linesOf(size)) print(line);
      if (await outputEnded()) return 0;
    }
    const seconds = (performance.now() - start) / 1000;
    const backend = { name, isa, threads, fallbackReason };
    if (json) print(JSON.stringify({ ...where, backend, sizes: measured, seconds } satisfies Bench, null, 2));
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}
