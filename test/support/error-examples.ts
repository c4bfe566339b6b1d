// For each code of an OptimError a program that makes it, for docs/api.md, which shows the message as it comes.
import * as checkpoint from "../../lib/checkpoint/index.ts";
import * as rmsprop from "../../lib/index.ts";
import { OptimError, type OptimErrorCode } from "../../lib/index.ts";
import { emptyProject, runIn } from "./pages.ts";

export const errorExamples: Readonly<Record<OptimErrorCode, string>> = {
  ERR_OPTION: `import { RMSprop, allocate } from "rmsprop";

const model = allocate({ w: [3] });
new RMSprop(model.parameters, { learningRate: 0.1 });
`,
  ERR_DTYPE: `import { RMSprop } from "rmsprop";

new RMSprop([{ name: "w", data: [1, 2, 3], grad: [0, 0, 0] }]);
`,
  ERR_LENGTH: `import { RMSprop } from "rmsprop";

new RMSprop([{ name: "w", data: new Float32Array(3), grad: new Float32Array(4) }]);
`,
  ERR_ALIASED: `import { RMSprop } from "rmsprop";

const memory = new Float32Array(6);
const [data, grad] = [memory.subarray(0, 4), memory.subarray(2, 6)];
new RMSprop([{ name: "w", data, grad }]);
`,
  ERR_NAME: `import { RMSprop, allocate } from "rmsprop";

const optimizer = new RMSprop(allocate({ w: [3] }).parameters);
optimizer.freeze("v");
`,
  ERR_DETACHED: `import { RMSprop, allocate } from "rmsprop";

const model = allocate({ w: [3] });
const optimizer = new RMSprop(model.parameters);
model.dispose();
optimizer.step();
`,
  ERR_STEP_IN_FLIGHT: `import { RMSprop, allocate } from "rmsprop";

const optimizer = new RMSprop(allocate({ w: [3] }).parameters);
const step = optimizer.stepAsync();
optimizer.step(); // before \`await step\`
`,
  ERR_ASYNC_MEMORY: `import { RMSprop } from "rmsprop";

const optimizer = new RMSprop([{ name: "w", data: new Float32Array(3), grad: new Float32Array(3) }]);
await optimizer.stepAsync();
`,
  ERR_STATE: `import { RMSprop, SGD, allocate } from "rmsprop";

const { parameters } = allocate({ w: [3] });
const state = new SGD(parameters).stateDict();
new RMSprop(parameters).loadStateDict(state);
`,
  ERR_CHECKPOINT: `import { allocate } from "rmsprop";
import { loadCheckpoint, saveCheckpoint } from "rmsprop/checkpoint";

saveCheckpoint("model.safetensors", { parameters: allocate({ w: [3] }).parameters });
loadCheckpoint("model.safetensors", { parameters: allocate({ w: [4] }).parameters });
`,
  ERR_WORKER: `import { allocate } from "rmsprop";
import { createTeam } from "rmsprop/workers";

const model = allocate({ w: [3] }, { shared: true, replicas: 1 });
await createTeam(model, "data:text/javascript,throw new Error('no data')");
`,
  ERR_RANKS: `process.env.RMSPROP_BACKEND = "reference"; // it has one rank
process.env.OMPI_COMM_WORLD_SIZE = "2"; // as mpirun -n 2 sets it
const { connect } = await import("rmsprop/distributed");
await connect();
`,
  ERR_MEMORY: `import { allocate } from "rmsprop";

allocate({ w: [2 ** 25, 2 ** 25] });
`,
};

const modules: Readonly<Record<string, object>> = { rmsprop, "rmsprop/checkpoint": checkpoint };

/** What an example throws. It runs in an empty folder: here, over lib/, or as users run it, where it
 * starts workers or is one of several processes. */
export async function thrownBy(program: string): Promise<OptimError> {
  const body = program.replace(
    /^import (\{.*\}) from "(.*)";$/gm,
    (_, names: string, specifier: string) => `const ${names} = modules["${specifier}"];`,
  );
  const AsyncFunction = (async () => {}).constructor as new (...text: string[]) => (given: object) => Promise<void>;
  const { folder, remove } = emptyProject();
  if (/"rmsprop\/(workers|distributed)"/.test(program)) {
    const [, code, message] = /^OptimError (\w+): (.*)\n$/.exec(runIn(folder, program)) ?? [];
    remove();
    return new OptimError(code as OptimErrorCode, message as string);
  }
  const before = process.cwd();
  process.chdir(folder);
  try {
    await new AsyncFunction("modules", body)(modules);
  } catch (error) {
    if (error instanceof OptimError) return error;
    throw error;
  } finally {
    process.chdir(before);
    remove();
  }
  throw new Error(`Expected the example to throw: ${program}`);
}
