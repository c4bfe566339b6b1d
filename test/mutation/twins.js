// The pairs of function bodies that mutations are made in, and the test files that judge those: ones that compare with
// something other than the twin.

const rule = (name, judges) => ({
  name: `rules/${name}`,
  native: [`native/kernels/rules/${name}.hpp`, "static inline void apply("],
  script: [`lib/rules/${name}.ts`, "  apply("],
  rule: name,
  judges: [...everyRule.slice(0, -1), ...judges, ...everyRule.slice(-1)],
});

const stage = (name, native, script = name, judges = stages) => ({
  name: `stages/${name}`,
  native: ["native/kernels/stages.hpp", native],
  script: ["lib/backends/reference/stages.ts", `export function ${script}(`],
  judges,
});

/**
 * What judges every rule: formulas of the systems, written anew in float64 (presets), trajectories of PyTorch, values
 * computed by hand, and TensorFlow.js itself, the slowest.
 */
const everyRule = [
  "test/presets.test.ts",
  "test/rule-values.test.ts",
  "test/rule-corners.test.ts",
  "test/torch.test.ts",
  "test/optimizers.test.ts",
  "test/tfjs.test.ts",
];

/** Written from the documentation of the options alone, beside values computed by hand. */
const stages = [
  "test/norm-order.test.ts",
  "test/faults/norm-limits.test.ts",
  "test/clipping-report.test.ts",
  "test/stages.test.ts",
  "test/accumulation.test.ts",
];

const sources = ["test/sources.test.ts"];

const norm = (native, script, judges = stages) => ({
  name: `norms/${script}`,
  native,
  script: ["lib/backends/norms.ts", `function ${script}(`],
  judges,
});

export const twins = [
  rule("rmsprop", ["test/rmsprop.test.ts"]),
  rule("sgd", []),
  rule("adagrad", []),
  rule("rprop", []),
  rule("adadelta", []),
  rule("adam", ["test/adam.test.ts"]),
  {
    name: "arithmetic/sign",
    native: ["native/kernels/arithmetic.hpp", "inline Number sign("],
    script: ["lib/numbers/arithmetic.ts", "export function sign<"],
    judges: [...everyRule, "test/rmsprop.test.ts"],
  },
  {
    name: "arithmetic/limit",
    native: ["native/kernels/arithmetic.hpp", "inline Number limit("],
    script: ["lib/numbers/arithmetic.ts", "export function limit<"],
    judges: [...everyRule, ...stages],
  },
  stage("sumOfSquares", "double sum_of_squares("),
  stage("countAbove", "std::size_t count_above("),
  stage("accumulate", "void accumulate("),
  stage("clip", "void clip("),
  stage("store", "void store("),
  stage("averageIn", "void average("),
  {
    name: "stages/join",
    native: ["native/kernels/stages.hpp", "constexpr auto add = [](double a, double b) "],
    script: ["lib/backends/reference/stages.ts", "function total("],
    judges: stages,
  },
  {
    name: "stages/add",
    native: ["native/kernels/stages.hpp", "void add_arrays("],
    also: ["void add_four("],
    script: ["lib/backends/made-source.ts", "function sum<"],
    only: /\[i\]/,
    judges: sources,
  },
  {
    name: "factors/products",
    native: ["native/kernels/factors.hpp", "inline void add_products("],
    script: ["lib/backends/made-source.ts", "function multiply<"],
    only: /total|sum/,
    judges: sources,
  },
  norm(["native/norms.hpp", "inline double factor_to("], "factorTo"),
  norm(["native/norms.hpp", "inline double scaled_by("], "scaledBy"),
  norm(["native/norms.hpp", "inline double coefficient_by("], "coefficientBy"),
  norm(["native/norms.cpp", "void finish_norms("], "finishNorms"),
  norm(["native/norms.cpp", "void finish_updates("], "finishUpdates"),
  {
    name: "pass/makeGrad",
    native: ["native/pass.cpp", "const void* make_grad() {"],
    script: ["lib/backends/pipeline.ts", "#makeGrad(part: Part, tile: number, measures: boolean): Stream {"],
    judges: stages,
  },
];
