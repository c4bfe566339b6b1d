import * as library from "rmsprop";
import { backend, type Optimizer, type Parameter } from "rmsprop";
import { Missing, type Work } from "../work.ts";
import { type ContenderKind, firstParam, repeated } from "./contender.ts";
import { limit } from "./limit.ts";

type OptimizerClass = new (params: readonly Parameter[], options: object) => Optimizer<object>;

/** The case's optimizer over the same parameters, with its learning rate and no other option. */
export function plainOptimizer({ case: of, arrays }: Work): Optimizer<object> {
  const Class = (library as unknown as Readonly<Record<string, OptimizerClass>>)[of.optimizer] as OptimizerClass;
  const parameters = arrays.map(({ param, grad }, i) => ({ name: `p${i}`, data: param, grad }));
  return new Class(parameters, { lr: of.options.lr });
}

/** The step alone, without what the case does beside it. */
export const plainStep: ContenderKind = {
  name: "plain step",
  steps: "otherwise",
  against: "native",
  async create(work) {
    if (backend.name !== "native") throw new Missing(`the library runs on its ${backend.name}`);
    const optimizer = plainOptimizer(work);
    return { run: repeated(() => optimizer.step()), param: () => firstParam(work) };
  },
};

/** What passes move that do one thing each, in bytes an element of float32; what a store makes the memory read is not counted. */
const separate = { unscale: 8, check: 4, norm: 4, clip: 8, decay: 12, step: 20, average: 12, zero: 4 };
const separateBytes = Object.values(separate).reduce((sum, bytes) => sum + bytes, 0);

/** Separate passes at the rate of the limit, which is measured over a step's own streams and counted for all bytes. */
export const separatePasses: ContenderKind = {
  name: "separate passes",
  steps: false,
  against: "native",
  async create(work) {
    const { case: of, first } = work;
    if (of.optimizer !== "RMSprop" || of.type !== "float32") throw new Missing("they are counted for RMSprop, float32");
    // The streams of a step alone: what stages keep is no part of it.
    const { squareAvg } = first.slots;
    if (!squareAvg) throw new Missing("there is no slot squareAvg");
    const arrays = work.arrays.map(({ param, grad, slots }) => ({
      param,
      grad,
      slots: { squareAvg: slots.squareAvg },
    }));
    const { run, note, param } = await limit.create({ ...work, arrays, first: arrays[0] } as Work);
    const ratio = separateBytes / separate.step;
    return {
      run: async (times) => ((await run(times)) * separateBytes) / separate.step,
      param,
      note: `${note ?? ""}, times ${ratio}`,
    };
  },
};
