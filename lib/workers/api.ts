import { OptimError } from "../errors.ts";
import { memoryOf } from "../memory/memory.ts";
import { bufferOf, isShared } from "../numbers/typed-array.ts";
import { defaultsOf, type OptionTable, readOptions } from "../options/option.ts";
import type { ReplicatedModel } from "../parameters/allocate.ts";
import { checkNoTeam, isReplicated } from "../parameters/replicated.ts";
import { show } from "../values/show.ts";
import { isRecord } from "../values/values.ts";
import { OpenTeam } from "./team.ts";
import type { Team, TeamOptions } from "./types.ts";

export type { Team, TeamBackward, TeamOptions, TeamWorker } from "./types.ts";

const optionTable: OptionTable = {
  data: { default: undefined, domain: "anything that structured clone takes", accepts: () => true },
};

/** @throws OptimError ERR_OPTION, ERR_DETACHED, ERR_STEP_IN_FLIGHT. */
function checkModel(model: unknown): asserts model is ReplicatedModel {
  const wanted = "Expected a model of allocate(shapes, { shared: true, replicas: n }) for a team of n workers";
  if (!isReplicated(model)) {
    const isModel = isRecord(model) && "params" in model && "grads" in model;
    const found = !isModel
      ? `found ${show(model)}`
      : "replicas" in model
        ? "this one is not of allocate() of this copy of the package"
        : "this one has no replicas";
    throw new OptimError("ERR_OPTION", `${wanted}, but ${found}.`);
  }
  const [first] = (model as ReplicatedModel).parameters;
  const buffer = first && bufferOf(first.data);
  if (buffer && memoryOf(buffer)?.disposed) {
    throw new OptimError("ERR_DETACHED", "Expected a model that has its memory, but it was disposed.");
  }
  if (buffer && !isShared(buffer)) {
    throw new OptimError("ERR_OPTION", `${wanted}, but the arrays of this one are not shared.`);
  }
  checkNoTeam(model as object);
}

/** The address of a worker's module. */
function checkUrl(url: unknown): string {
  const { href } = (typeof url === "object" && url !== null ? url : {}) as { href?: unknown };
  const address = typeof href === "string" ? href : url;
  if (typeof address === "string" && /^[a-z][a-z+.-]+:/i.test(address)) return address;
  throw new OptimError(
    "ERR_OPTION",
    `Expected the worker's module as new URL("./backward.js", import.meta.url), but found ${show(url)}.`,
  );
}

/**
 * Starts a worker for each replica of a model, over a module of yours. Its default function is called once in each worker,
 * with the worker's `TeamWorker`, and returns the worker's backward pass. Resolves when all have started; while the team is
 * open, a step takes the mean of the replicas' gradients in place of their sum, in every optimizer over the model.
 *
 * The order of the sum is fixed, so a training has the same bits on every run, whichever worker is first.
 *
 * @param model Of `allocate(shapes, { shared: true, replicas: n })`: n workers. One that a team has cannot be disposed.
 * @param url Of the module: a URL, or the text of one, `file:///…`. A path is none.
 * @param options What the workers get beside the arrays.
 * @throws OptimError ERR_OPTION, ERR_DETACHED; ERR_STEP_IN_FLIGHT for a model that has a team; ERR_WORKER where a worker
 * fails to start, after all were ended.
 * @example
 * ```js
 * import { writeFileSync } from "node:fs";
 * import { SGD, allocate } from "rmsprop";
 * import { createTeam } from "rmsprop/workers";
 *
 * // A module of its own: it may import what it needs.
 * writeFileSync(
 *   "backward.mjs",
 *   `export default function ({ params, grads, index, data }) {
 *     return (scale) => {
 *       grads.w[0] = scale * (params.w[0] - data[index]); // of (w - x)² / 2
 *       return (params.w[0] - data[index]) ** 2 / 2;
 *     };
 *   }`,
 * );
 *
 * const model = allocate({ w: [1] }, { shared: true, replicas: 2 });
 * const optimizer = new SGD(model.parameters, { lr: 0.5 });
 * const team = await createTeam(model, new URL("./backward.mjs", import.meta.url), { data: [1, 3] });
 * console.log(await team.backward(1)); // [ 0.5, 4.5 ]
 * optimizer.step(); // by the mean of -1 and -3
 * console.log(model.params.w); // Float32Array(1) [ 1 ]
 * await team.close();
 * ```
 */
export async function createTeam<N extends string>(
  model: ReplicatedModel<N>,
  url: string | { readonly href: string },
  options: TeamOptions = {},
): Promise<Team> {
  checkModel(model);
  const address = checkUrl(url);
  const { data } = readOptions(optionTable, defaultsOf<TeamOptions>(optionTable), options, "createTeam");
  return OpenTeam.start(model, address, data);
}
