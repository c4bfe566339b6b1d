import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Case } from "../case.ts";
import { Missing } from "../work.ts";
import type { Contender, ContenderKind } from "./contender.ts";

/** How to start a process that speaks the protocol below. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

type Request = { case: Case; threads: number } | { run: number } | { param: true };
interface Reply {
  readonly ready?: true;
  readonly note?: string;
  readonly version?: string;
  readonly missing?: string;
  readonly error?: string;
  readonly nanoseconds?: number;
  readonly param?: number[];
}

/**
 * A process that takes steps: it reads a request a line, as JSON, and answers each with a line.
 * `{case, threads}` makes the arrays of a case, in the place of those it had: `{ready, note?, version?}`, or `{missing: reason}`.
 * `{run: n}` takes n steps: `{nanoseconds}`, as it measured them. `{param: true}`: the first parameter, `{param: [...]}`.
 */
class Remote {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  constructor({ command, args, env }: Command) {
    this.#process = spawn(command, args, { env: { ...process.env, ...env } });
    this.#process.on("error", (error) => {
      this.#errors += error.message;
    });
    this.#process.stdin.on("error", () => {}); // it has ended, which the missing answer says
    this.#process.stderr.on("data", (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  async ask(request: Request): Promise<Reply> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Missing(`its process ended: ${lastLine(this.#errors)}`);
    const reply = JSON.parse(value) as Reply;
    if (reply.missing !== undefined) throw new Missing(reply.missing);
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) || "it said nothing";
}

/** A contender in a process of its own, which is started once and ends with this one. */
export function remoteKind(name: string, commandOf: (threads: number) => Command): ContenderKind {
  let remote: Remote | undefined;
  return {
    name,
    steps: true,
    against: "native",
    async create(work): Promise<Contender> {
      remote ??= new Remote(commandOf(work.threads));
      const process = remote;
      const { note, version } = await process.ask({ case: work.case, threads: work.threads });
      return {
        run: async (times) => (await process.ask({ run: times })).nanoseconds as number,
        param: async () => (await process.ask({ param: true })).param as number[],
        ...(note === undefined ? {} : { note }),
        ...(version === undefined ? {} : { version }),
      };
    },
  };
}
