// docs/presets.md, made of the presets and of what their rules compute.
import { type Definition, readWithPreset } from "../../lib/definition.ts";
import { adagradDefinition } from "../../lib/optimizers/adagrad.ts";
import { rmspropDefinition } from "../../lib/optimizers/rmsprop.ts";
import { rmspropPresets } from "../../lib/optimizers/rmsprop-options.ts";
import { rpropDefinition } from "../../lib/optimizers/rprop.ts";
import { sgdDefinition } from "../../lib/optimizers/sgd.ts";
import { defaultsOf } from "../../lib/options/option.ts";
import { stageOptions } from "../../lib/options/stages.ts";
import { written, writtenStep } from "./infix.ts";

type AnyOptions = Record<string, unknown>;

const plain = (definition: unknown) => definition as Definition<AnyOptions>;

function optionsOf(definition: Definition<AnyOptions>, preset: string | null, given: AnyOptions): AnyOptions {
  return readWithPreset(definition, defaultsOf<AnyOptions>(definition.options), { preset, ...given });
}

/** The new value of an array under these options, or undefined where they are refused. */
function formula(definition: Definition<AnyOptions>, preset: string | null, given: AnyOptions, array: string) {
  const options = optionsOf(definition, preset, given);
  return definition.conflict(options) === undefined ? writtenStep(definition, options).get(array) : undefined;
}

const code = (text: string | undefined) => (text === undefined ? "" : `\`${text.replaceAll("|", "\\|")}\``);

/** What is under the root. */
function underRoot(text: string): string {
  let depth = 1;
  const start = text.indexOf("sqrt(") + "sqrt(".length;
  let end = start;
  for (; depth > 0; end++) depth += text[end] === "(" ? 1 : text[end] === ")" ? -1 : 0;
  return text.slice(start, end - 1);
}

/** The parameter as decoupled weight decay leaves it, before the step is subtracted. */
function decayed(definition: Definition<AnyOptions>, preset: string | null, given: AnyOptions): string {
  const decay = { ...given, weightDecay: 0.5, decoupledWeightDecay: true };
  const [without, withDecay] = [given, decay].map((options) => formula(definition, preset, options, "param"));
  const step = (without as string).slice("param".length);
  if (!withDecay?.endsWith(step)) throw new Error(`Expected ${withDecay} to end in ${step}.`);
  return withDecay.slice(0, -step.length);
}

/** The options that a preset sets, and with which value. */
function defaults(definition: Definition<AnyOptions>, preset: string | null, given: AnyOptions = {}): string {
  const all = defaultsOf<AnyOptions>(definition.options);
  const options = optionsOf(definition, preset, given);
  const own = Object.entries(options).filter(
    ([name, value]) =>
      name !== "preset" &&
      !(name in given) &&
      (preset === null ? value && !(name in stageOptions) : value !== all[name]),
  );
  return own.map(([name, value]) => code(`${name} ${written(value)}`)).join(", ") || "as without a preset";
}

interface Column {
  title: string;
  cell(preset: string | null): string;
}

function table(definition: Definition<AnyOptions>, columns: readonly Column[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rows = [null, ...Object.keys(definition.presets)].map((preset) =>
    row([preset === null ? "none" : code(preset), ...columns.map(({ cell }) => cell(preset))]),
  );
  const titles = ["preset", ...columns.map(({ title }) => title)];
  return [row(titles), row(titles.map(() => "---")), ...rows].join("\n");
}

const rmsprop = plain(rmspropDefinition);
const rmspropTable = table(rmsprop, [
  {
    title: "mean square",
    cell: (preset) => code(formula(rmsprop, preset, { centered: false, momentum: 0 }, "squareAvg")),
  },
  {
    title: "mean, centered",
    cell: (preset) => code(formula(rmsprop, preset, { centered: true, momentum: 0 }, "gradAvg")),
  },
  {
    title: "variance, centered",
    cell: (preset) => code(underRoot(formula(rmsprop, preset, { centered: true, momentum: 0 }, "param") as string)),
  },
  {
    title: "step, plain",
    cell: (preset) =>
      code(formula(rmsprop, preset, { centered: false, momentum: 0 }, "param")?.replace(/^param - /, "")),
  },
  {
    title: "momentum buffer",
    cell: (preset) => code(formula(rmsprop, preset, { centered: false, momentum: 0.9 }, "momentumBuffer")),
  },
  {
    title: "step with momentum",
    cell: (preset) => code(formula(rmsprop, preset, { centered: false, momentum: 0.9 }, "param")),
  },
  { title: "decoupled decay", cell: (preset) => code(decayed(rmsprop, preset, { centered: false, momentum: 0 })) },
  {
    title: "`1 - alpha` in",
    cell: (preset) => (preset ? rmspropPresets[preset as keyof typeof rmspropPresets].complementIn : "double"),
  },
  { title: "defaults", cell: (preset) => defaults(rmsprop, preset) },
  {
    title: "defaults if `centered` is true",
    cell: (preset) => {
      const given = defaults(rmsprop, preset, { centered: true });
      return given === defaults(rmsprop, preset) ? "the same" : given;
    },
  },
]);

const sgd = plain(sgdDefinition);
const momentum = { momentum: 0.9 };
const sgdTable = table(sgd, [
  { title: "step, plain", cell: (preset) => code(formula(sgd, preset, {}, "param")) },
  { title: "momentum buffer", cell: (preset) => code(formula(sgd, preset, momentum, "momentumBuffer")) },
  { title: "step with momentum", cell: (preset) => code(formula(sgd, preset, momentum, "param")) },
  {
    title: "step with `nesterov`",
    cell: (preset) => code(formula(sgd, preset, { ...momentum, nesterov: true }, "param")),
  },
  {
    title: "buffer with `dampening`",
    cell: (preset) => code(formula(sgd, preset, { ...momentum, dampening: 0.5 }, "momentumBuffer")) || "refused",
  },
  { title: "decoupled decay", cell: (preset) => code(sgdDecay(preset)) },
  { title: "defaults", cell: (preset) => defaults(sgd, preset) },
]);

/** The step of PyTorch's is inside an fma, but its decay is the same as without a preset. */
function sgdDecay(preset: string | null): string {
  return preset === "torch" ? decayed(sgd, null, momentum) : decayed(sgd, preset, momentum);
}

const adagrad = plain(adagradDefinition);
const adagradTable = table(adagrad, [
  { title: "sum", cell: (preset) => code(formula(adagrad, preset, {}, "sum")) },
  { title: "step", cell: (preset) => code(formula(adagrad, preset, {}, "param")) },
  { title: "decoupled decay", cell: (preset) => code(decayed(adagrad, preset, {})) },
  { title: "defaults", cell: (preset) => defaults(adagrad, preset) },
]);

const rprop = plain(rpropDefinition);
const rpropTable = table(rprop, [
  {
    title: "signs agree where this is above 0",
    cell: (preset) => code(preset === null ? "sign(grad) * prev" : "grad * prev"),
  },
  { title: "defaults", cell: (preset) => defaults(rprop, preset) },
]);

export const presetsPage = `# Presets

Made by \`npm run docs\` from the presets and the rules; do not edit it.

A preset is the options and the order of operations of another system, so that a run can be moved here, or compared, to the last bit. \`new RMSprop(params, { preset: "keras" })\` has Keras's defaults; options given beside it override it; a group may have its own. It is given once and cannot be set on a running group.

In the tables every operation is rounded once, in the number type of the parameters. \`fma(a, b, c)\` is \`a * b + c\` rounded once on float32; on float64 it is not fused, because JavaScript has no exact emulation of that at a bearable price: there \`torch\` and \`torch2\` follow PyTorch's formulas and not its last bits. (PyTorch 1.13.1 in float64, 300 steps of RMSprop on 1,021 elements: a third of them differ plain, three quarters with momentum, centering and decay, by at most 1.1e-13 of their value.) Operations that change no bit are left out. The weight decay of L2 is added to \`grad\` first, as \`grad + weightDecay * param\`, by PyTorch as \`fma(param, weightDecay, grad)\`.

## RMSprop

${rmspropTable}

- \`torch\`: PyTorch 1.13.1's CPU kernels for AVX2 and later. Compared with it in a test: 0 differing elements after 1,000 steps.
- \`torch2\`: PyTorch 2's, whose mean is a lerp; its formula, not compared with a run.
- \`tf1\`: TensorFlow 1's ApplyRMSProp and ApplyCenteredRMSProp. The formula: its own bits depend on how Eigen was built. Its \`lr\` has no default.
- \`keras\`: Keras 3 on TensorFlow or JAX; on PyTorch its order of operations is another. Its weight decay is decoupled; \`decoupledWeightDecay: false\` makes it L2.
- \`tfjs\`: TensorFlow.js. Compared with its cpu backend in a test: 0 differing elements after 1,000 steps. Its bug is kept: where centered it subtracts epsilon under the root, so that zero gradients make NaN. Its \`lr\` has no default.
- \`optax\`: the formula; XLA may fuse multiplications with additions, and then its own bits are others. \`nesterov\` and \`biasCorrection\` are its too; \`alpha^t\` is computed by squaring in double. Its trace is our momentum buffer negated. Its \`lr\` has no default.
- \`timm\`: RMSpropTF, by its formula. It runs on PyTorch's kernels, which fuse some of it on float32.
- \`mxnet\`: the formula; its own bits depend on its compiler. Epsilon is inside the root only where centered, and there is momentum only there: its defaults depend on whether \`centered: true\` is given beside it. Its delta is our momentum buffer negated.
- \`mlx\`: it has neither momentum nor centering; with those, the arithmetic is the one without a preset. Its \`lr\` has no default.
- \`graves\`: Graves 2013, "Generating sequences with recurrent neural networks", equations 38 to 45. His delta is our momentum buffer negated.
- \`dqn\`: Mnih and others 2015, "Human-level control through deep reinforcement learning": what the paper calls gradient momentum is the decay of the mean, and there is no momentum buffer.
- \`hinton\`: lecture 6e, 2012. It has no epsilon, and divides zero by zero where a weight had only zero gradients. Ours is 1e-20, outside the root: a zero gradient makes a zero step, it is above every gradient whose square vanishes in float32, so that none of those makes a huge step, and it changes no bit of a root above 1e-12 in float32 or 2e-4 in float64. Its Nesterov, momentum and gains are options.

Their faults are kept:

- Where centered, the variance of every system here goes below zero by rounding where gradients hardly vary, and its root is NaN (\`torch\`, \`torch2\`, \`tf1\`, \`keras\`, \`optax\`, \`timm\`, \`mxnet\`, \`graves\`, \`dqn\`), unless epsilon is under the root and larger than the error. \`tfjs\` subtracts epsilon there, which makes NaN of every zero gradient. Without a preset, and with \`mlx\` and \`hinton\`, which have no centering of their own, it is taken as 0.
- \`mxnet\` has no momentum unless centered; one that is given beside the preset counts here.
- \`timm\` and \`tf1\` start the mean square at 1, so that the first steps are too small rather than too large.

What keeps a momentum buffer even without momentum (\`tf1\`, \`tfjs\`) keeps none here: that shows only in the sign of a zero of a parameter that is -0, and after infinities.

## SGD

${sgdTable}

Where no preset or \`torch\` is given, a parameter's first gradient enters the momentum buffer whole and with the signs of its zeros, as PyTorch copies it; elsewhere the buffer starts at 0. Decoupled decay takes the place of \`param\` in the steps. Keras's momentum is our buffer negated. \`torch\` and \`tfjs\` are compared with their systems as above.

## Adagrad

${adagradTable}

\`lr\` is divided by \`1 + (t - 1) * lrDecay\` first. \`torch\` and \`tfjs\` are compared with their systems as above.

## Rprop

${rpropTable}

Without a preset, signs are compared, so that tiny gradients agree too. The products of the presets vanish for gradients below about 1e-23 in float32, and the step size then stays.

- \`torch\`: compared with PyTorch 1.13.1 as above. It limits the step size at every step, also where the sign neither changed nor stayed.
- \`optax\`: the step size is limited only where it changes. Its bug is kept: each step takes the update that was computed in the step before, from the gradient before, so that the first step changes nothing; \`prev\` holds the update that is to come, and not the gradient. The sign of a zero may differ.
`;
