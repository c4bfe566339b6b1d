import { loadAddon } from "../addon.ts";
import type { Case } from "../case.ts";
import { Missing } from "../work.ts";
import { type ContenderKind, firstParam, numbersOf, repeated } from "./contender.ts";

/** The loop of native/loops.cpp that a case asks for. */
function loopName(optimizer: string, options: Case["options"]): string {
  const features = ["centered", "momentum", "weightDecay"].filter((name) => options[name]);
  return [optimizer.toLowerCase(), ...features].join(" ");
}

function loopKind(kind: string, prefix: string): ContenderKind {
  return {
    name: kind,
    steps: true,
    against: "native",
    async create(work) {
      const { optimizer, options } = work.case;
      const arrays = work.arrays.map(({ param, grad, slots }) => [grad, param, ...Object.values(slots)]);
      const { lr, alpha, eps, weightDecay, momentum } = numbersOf(work.case);
      const name = prefix + loopName(optimizer, options);
      const numbers = [lr, alpha, eps, weightDecay, momentum, 1, -0, 0];
      const step = loadAddon(work.isa).work(name, arrays, 1, numbers);
      if (!step) throw new Missing(`no ${kind} is written for ${loopName(optimizer, options)}`);
      return { run: repeated(step), param: () => firstParam(work) };
    },
  };
}

/**
 * What somebody would write by hand in C++ for these options alone, with nothing around it, compiled as the library's
 * kernels are, on one thread.
 */
export const bareLoop = loopKind("bare loop", "");

/** The same with every coefficient of the documented formula, those too that change nothing here. */
export const formulaLoop = loopKind("formula's loop", "formula ");
