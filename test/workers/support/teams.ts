// Teams for tests in this process, over the package as it is built: workers load its files.
import type { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll } from "vitest";
import { allocate } from "../../../dist/index.js";
import { createTeam, type Team } from "../../../dist/workers/index.js";
import { checkBuilt } from "../../support/programs.ts";

export const moduleOf = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

/** A module whose backward pass is this body, over `params`, `grads`, `index`, `count`, `data` and `work`. */
export const backwardOf = (body: string) =>
  moduleOf(`export default ({ params, grads, index, count, data }) => (work) => { ${body} };`);

export const modelOf = (replicas: number, length = 3) => allocate({ w: [length] }, { shared: true, replicas });

export const isGone = (worker: Worker) => worker.threadId === -1;

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected it to reject.");
}

export interface Teams {
  /** Makes a team that is closed after the test. */
  team(model: ReturnType<typeof modelOf>, url: string, data?: unknown): Promise<Team>;
  /** Every worker that was started in this test, in order. */
  readonly started: readonly Worker[];
}

/** For a file of tests. */
export function useTeams(): Teams {
  const open: Team[] = [];
  const started: Worker[] = [];
  const note = (worker: Worker) => started.push(worker);
  beforeAll(() => {
    checkBuilt();
    process.on("worker", note);
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
    started.length = 0;
  });
  afterAll(() => void process.off("worker", note));
  const team: Teams["team"] = async (model, url, data) => {
    const made = await createTeam(model, url, { data });
    open.push(made);
    return made;
  };
  return { team, started };
}
