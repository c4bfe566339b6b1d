// Steps on the backend that the environment names, asked by lines (remote.ts).
import { createInterface } from "node:readline";
import { Missing, makeWork, type Work } from "../work.ts";
import type { Contender } from "./contender.ts";
import { libraryContender } from "./native.ts";

let work: Work | undefined;
let contender: Contender | undefined;

async function answer(request: Record<string, never>): Promise<object> {
  if (request.case) {
    work?.dispose();
    work = makeWork(request.case);
    contender = libraryContender(work);
    return { ready: true };
  }
  if (!contender) throw new Error("Expected a case first.");
  if (request.run) return { nanoseconds: await contender.run(request.run) };
  return { param: Array.from(await contender.param()) };
}

for await (const line of createInterface(process.stdin)) {
  try {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  } catch (error) {
    const key = error instanceof Missing ? "missing" : "error";
    console.log(JSON.stringify({ [key]: error instanceof Error ? error.message : String(error) }));
  }
}
