import { backend } from "rmsprop";
import { Missing, makeWork, optimizerClass, type Work } from "../work.ts";
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

function libraryKind(name: string, create: (work: Work) => Contender): ContenderKind {
  return {
    name,
    steps: true,
    against: "native",
    async create(work) {
      if (backend.name !== "native") throw new Missing(`the library runs on its ${backend.name}`);
      return create(work);
    },
  };
}

/** The library on its native backend. */
export const native = libraryKind("native", libraryContender);

/** The same steps on one thread. */
export const oneThread = libraryKind("one thread", (work) => {
  const { run, param } = libraryContender(work);
  return {
    run(times) {
      backend.setThreads(1);
      try {
        return run(times);
      } finally {
        backend.setThreads(work.threads);
      }
    },
    param,
  };
});

/** The library over the same memory as one array. Its state is an array of its own. */
export const oneArray = libraryKind("one array", (work) => {
  const { param, grad } = work.first;
  const length = work.arrays.reduce((sum, { param }) => sum + param.length, 0);
  const Class = param.constructor as Float32ArrayConstructor;
  const whole = ({ buffer, byteOffset }: typeof param) => new Class(buffer as ArrayBuffer, byteOffset, length);
  const last = work.arrays.at(-1)?.param ?? param;
  const end = last.byteOffset + last.byteLength;
  if (last.buffer !== param.buffer || end - param.byteOffset !== length * param.BYTES_PER_ELEMENT) {
    throw new Missing("the arrays do not follow one another in memory");
  }
  const Optimizer = optimizerClass(work.case.optimizer);
  const optimizer = new Optimizer([{ name: "all", data: whole(param), grad: whole(grad) }], work.case.options);
  return libraryContender({ ...work, optimizer });
});

/** What an optimizer over the same arrays takes to be made, its state included. */
export const construction: ContenderKind = {
  name: "construction",
  steps: false,
  against: "native",
  async create(work) {
    const Optimizer = optimizerClass(work.case.optimizer);
    const parameters = work.arrays.map(({ param, grad }, i) => ({ name: `p${i}`, data: param, grad }));
    return {
      run(times) {
        let taken = 0;
        for (let i = 0; i < times; i++) {
          const start = performance.now();
          const optimizer = new Optimizer(parameters, work.case.options);
          taken += since(start);
          optimizer.dispose();
        }
        return taken;
      },
      param: () => firstParam(work),
    };
  },
};

/** The library over ordinary values, where the case has others. */
export const ordinaryValues = libraryKind("ordinary values", (work) => {
  const ordinary = libraryContender(makeWork({ ...work.case, values: "ordinary" }));
  return { ...ordinary, param: () => firstParam(work) };
});
