// The forms in which the network of the digits is trained. They differ in where its gradients come from: from a pass in this
// thread or from worker threads, formed by loops or made by the step.

import { allocate, type GradientFactors, type MadeGradientParameter, type Parameter } from "rmsprop";
import { createTeam } from "rmsprop/workers";
import { batchOf, type Data, partOf, type WorkersData } from "./digits-batches.ts";
import { allocateRows, factorsOf, formIn, keepIn, type Name, type Rows, shapes, type Weights } from "./layers.ts";
import { initialize, Network } from "./network.ts";
import type { Random } from "./random.ts";

/** Where gradients come from. */
export interface Form {
  /** Whether a step makes them of factors, so that no loop forms them. */
  readonly factors: boolean;
  /** The number of worker threads that share each batch; 0: the passes run in this thread. */
  readonly workers: number;
}

export type TrainedParameter = Parameter<Name> | MadeGradientParameter<Name>;

/** A network in training. */
export interface Trainer {
  readonly weights: Weights;
  /** As an optimizer takes them. */
  readonly parameters: readonly TrainedParameter[];
  /**
   * Brings in what the next step needs: gradients of the mean loss of the batch that begins at a place in the order.
   * @returns The sum of the losses.
   */
  backward(from: number): number | Promise<number>;
  /** Ends the workers. */
  close(): Promise<void>;
}

export async function trainerOf(form: Form, data: Data, random: Random): Promise<Trainer> {
  return form.workers === 0 ? inThisThread(form, data, random) : withTeam(form, data, random);
}

function inThisThread({ factors }: Form, data: Data, random: Random): Trainer {
  const { params, grads, parameters } = allocate(shapes);
  initialize(params, random);
  const rows = allocateRows(data.batchSize, false);
  const made = factors ? factorsIn([rows]) : undefined;
  const network = new Network(data.batchSize, params, made ? keepIn(rows) : formIn(grads));
  return {
    weights: params,
    parameters: made?.of(parameters) ?? parameters,
    backward(from) {
      const places = batchOf(data, from);
      made?.setRows(places);
      return network.backward(data.digits, places);
    },
    close: async () => {},
  };
}

async function withTeam({ factors, workers }: Form, data: Data, random: Random): Promise<Trainer> {
  const model = allocate(shapes, { shared: true, replicas: workers });
  initialize(model.params, random);
  const rows = factors
    ? Array.from({ length: workers }, () => allocateRows(Math.ceil(data.batchSize / workers), true))
    : undefined;
  const shared: WorkersData = { ...data, rows };
  const team = await createTeam(model, new URL("./digits-worker.js", import.meta.url), { data: shared });
  const made = rows && factorsIn(rows);
  return {
    weights: model.params,
    parameters: made?.of(model.parameters) ?? model.parameters,
    async backward(from) {
      made?.setRows(batchOf(data, from));
      const losses = await team.backward(from);
      return losses.reduce((sum, loss) => sum + loss);
    },
    close: () => team.close(),
  };
}

/** Gradients that a step makes of rows, and adds up where several workers have rows. */
function factorsIn(all: readonly Rows[]) {
  const made = all.map(factorsOf);
  return {
    of: (parameters: readonly TrainedParameter[]): TrainedParameter[] =>
      parameters.map((parameter) => ({ ...parameter, grad: made.map((factors) => factors[parameter.name]) })),
    /** Says how many of the rows a batch takes. */
    setRows(places: Uint32Array): void {
      made.forEach((factors, i) => {
        const { length } = partOf(places, i, all.length);
        for (const factor of Object.values<GradientFactors>(factors)) factor.batch = length;
      });
    },
  };
}
