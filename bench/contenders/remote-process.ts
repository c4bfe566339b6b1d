// The other end of remote.ts.
import { createInterface } from "node:readline";
import type { Case } from "../case.ts";
import { Missing } from "../work.ts";
import type { Contender } from "./contender.ts";

/** Answers requests until there are no more. `make` gives a contender for a case, in the place of the last one's. */
export async function serve(make: (of: Case) => Promise<Contender>): Promise<void> {
  let contender: Contender | undefined;
  const answer = async (request: { case?: Case; run?: number }): Promise<object> => {
    if (request.case) {
      contender = await make(request.case);
      const { note, version } = contender;
      return { ready: true, note, version };
    }
    if (!contender) throw new Error("Expected a case first.");
    if (request.run) return { nanoseconds: await contender.run(request.run) };
    return { param: Array.from(await contender.param()) };
  };
  for await (const line of createInterface(process.stdin)) {
    try {
      console.log(JSON.stringify(await answer(JSON.parse(line))));
    } catch (error) {
      const key = error instanceof Missing ? "missing" : "error";
      console.log(JSON.stringify({ [key]: error instanceof Error ? error.message : String(error) }));
    }
  }
}
