import { loadAddon } from "../addon.ts";
import { Missing } from "../work.ts";
import { type ContenderKind, firstParam, numbersOf, repeated } from "./contender.ts";

/** The loop of native/loops.cpp that a case asks for. */
function loopName(optimizer: string, options: Readonly<Record<string, number | boolean>>): string {
  const features = ["centered", "momentum", "weightDecay"].filter((name) => options[name]);
  return [optimizer.toLowerCase(), ...features].join(" ");
}

/** The same formula as a C++ loop with nothing around it, compiled as the library's kernels are, on one thread. */
export const bareLoop: ContenderKind = {
  name: "bare loop",
  steps: true,
  against: "native",
  async create(work) {
    const { optimizer, options } = work.case;
    const arrays = work.arrays.map(({ param, grad, slots }) => [grad, param, ...Object.values(slots)]);
    const { lr, alpha, eps, weightDecay, momentum } = numbersOf(work.case);
    const name = loopName(optimizer, options);
    const step = loadAddon(work.isa).work(name, arrays, 1, [lr, alpha, eps, weightDecay, momentum]);
    if (!step) throw new Missing(`no bare loop is written for ${name}`);
    return { run: repeated(step), param: () => firstParam(work) };
  },
};
