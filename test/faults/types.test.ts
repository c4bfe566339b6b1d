// The types of the package, as TypeScript sees them. Each test has the number under which the fault was reported.
import { describe, expectTypeOf, it } from "vitest";
import {
  Adagrad,
  allocate,
  type FloatArray,
  type Model,
  type NumberType,
  type Optimizer,
  type Parameter,
  type ParameterName,
  type ReplicatedModel,
  RMSprop,
  Rprop,
  SGD,
} from "../../lib/index.ts";

const p = () => ({ name: "w", data: new Float32Array(2), grad: new Float32Array(2) });

describe("R9: types", () => {
  it("R9: a slot of a parameter's state needs no cast", () => {
    expectTypeOf(new RMSprop([p()]).state("w").squareAvg).toEqualTypeOf<FloatArray>();
    expectTypeOf(new RMSprop([p()]).state("w").gradAvg).toEqualTypeOf<FloatArray | undefined>();
    expectTypeOf(new SGD([p()]).state("w").momentumBuffer).toEqualTypeOf<FloatArray | undefined>();
    expectTypeOf(new Adagrad([p()]).state("w").sum).toEqualTypeOf<FloatArray>();
    expectTypeOf(new Rprop([p()]).state("w").stepSize).toEqualTypeOf<FloatArray>();
    expectTypeOf(new Rprop([p()]).state("w").step).toEqualTypeOf<number>();
  });

  it("R9: a number type that is only known when the program runs needs no overload of its own", () => {
    const dtype = "float32" as NumberType;
    expectTypeOf(allocate({ w: [2] }, { dtype })).toEqualTypeOf<Model<"w", FloatArray>>();
    expectTypeOf(allocate({ w: [2] }, { dtype, replicas: 2 })).toEqualTypeOf<ReplicatedModel<"w", FloatArray>>();
    expectTypeOf(allocate({ w: [2] }).params.w).toEqualTypeOf<Float32Array>();
    expectTypeOf(allocate({ w: [2] }, { dtype: "float64" }).params.w).toEqualTypeOf<Float64Array>();
  });

  it("R9: a call takes gradients alone, null, and objects of arrays", () => {
    const optimizer = new SGD([p()]);
    expectTypeOf(optimizer.step).toBeCallableWith({ w: new Float32Array(2) });
    expectTypeOf(optimizer.step).toBeCallableWith({ w: null });
    expectTypeOf(optimizer.step).toBeCallableWith({ w: { grad: null, out: new Float32Array(2) } });
    expectTypeOf(optimizer.step).toBeCallableWith(allocate({ w: [2] }).grads);
    // @ts-expect-error a misspelled property
    const misspelled: Parameters<typeof optimizer.step>[0] = { w: { grads: new Float32Array(2) } };
    // @ts-expect-error a list
    const list: Parameters<typeof optimizer.step>[0] = { w: [1, 2] };
    expectTypeOf([misspelled, list]).toBeArray();
  });

  it("R9: a function takes any optimizer as an Optimizer", () => {
    const train = (optimizer: Optimizer) => {
      for (const group of optimizer.paramGroups) group.lr = 0.1;
      return optimizer.state("w").step;
    };
    for (const made of [new RMSprop([p()]), new SGD([p()]), new Adagrad([p()]), new Rprop([p()])]) {
      expectTypeOf(train(made)).toEqualTypeOf<number>();
    }
    // @ts-expect-error not every optimizer is an SGD
    expectTypeOf<Optimizer>().toExtend<SGD>();
  });

  it("R9: names come from the model, and others are taken too, as addParamGroup brings more", () => {
    const { parameters, grads } = allocate({ w: [2], b: [1] });
    const fromModel = new RMSprop(parameters, { lr: 0.1 });
    const fromObjects = new SGD([
      { name: "w", data: new Float32Array(2), grad: null },
      { name: "b", data: new Float32Array(1), grad: null },
    ]);
    const fromGroups = new SGD([
      { params: parameters.slice(0, 1), lr: 0.1 },
      { params: [parameters[1] as Parameter<"b">] },
    ]);
    type Known = ParameterName<"w" | "b">;
    expectTypeOf(fromModel.state).parameter(0).toEqualTypeOf<Known>();
    expectTypeOf(fromObjects.state).parameter(0).toEqualTypeOf<Known>();
    expectTypeOf(fromGroups.state).parameter(0).toEqualTypeOf<Known>();
    for (const { freeze, unfreeze, remove } of [fromModel]) {
      expectTypeOf([freeze, unfreeze, remove]).items.parameter(0).toEqualTypeOf<Known>();
    }
    expectTypeOf(fromModel.step).parameter(0).exclude(undefined).toHaveProperty("w");
    // What is only known when the program runs.
    const name = String("more");
    const added = () => {
      fromModel.addParamGroup({ params: [{ ...p(), name }, ...allocate({ more: [1] }).parameters], lr: 0.5 });
      fromModel.remove("more", name);
      fromModel.step({ ...grads, more: new Float32Array(1), [name]: null });
      fromModel.step(Object.fromEntries([[name, new Float32Array(1)]]));
      return fromModel.state("more").squareAvg;
    };
    expectTypeOf(added).returns.toEqualTypeOf<FloatArray>();
    const any: readonly Parameter[] = [p()];
    expectTypeOf(new SGD(any)).toEqualTypeOf<SGD>();
    // One of some names stands for one of others.
    const [plain, other]: [RMSprop, Optimizer] = [fromModel, fromModel];
    const last: RMSprop<"w" | "b"> = plain;
    expectTypeOf([plain, other, last]).toBeArray();
    // @ts-expect-error a name is a string
    () => fromModel.state(1);
    // @ts-expect-error a misspelt property of a known name
    () => fromModel.step({ w: { gradient: grads.w } });
  });

  it("R9: parameters and groups are lists of either", () => {
    new SGD([{ params: [p()], lr: 0.1 }]);
    new SGD(new Set([p()]));
    // @ts-expect-error numbers are no typed array, and TypeScript says so of 'data'
    () => new SGD([{ name: "w", data: [1, 2], grad: null }]);
  });
});
