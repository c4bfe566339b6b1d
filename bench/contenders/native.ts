import { backend } from "rmsprop";
import { Missing, type Work } from "../work.ts";
import { type Contender, type ContenderKind, firstParam, since } from "./contender.ts";

/** The library's own steps, as a user takes them, on whatever backend this process has. */
export function libraryContender(work: Work): Contender {
  const { optimizer } = work;
  return {
    run(times) {
      const start = performance.now();
      for (let i = 0; i < times; i++) optimizer.step();
      return since(start);
    },
    param: () => firstParam(work),
  };
}

/** The library on its native backend. */
export const native: ContenderKind = {
  name: "native",
  steps: true,
  against: "native",
  async create(work) {
    if (backend.name !== "native") throw new Missing(`the library runs on its ${backend.name}`);
    return libraryContender(work);
  },
};
