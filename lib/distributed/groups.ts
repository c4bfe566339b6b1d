// The groups of a sharded optimizer, as a program has them: the options are those of the optimizer of pieces, the names
// those of whole parameters.
import { OptimError } from "../errors.ts";
import type { ParamGroup } from "../parameters/group.ts";

const views = new WeakMap<object, object>();

/** A group with the names of whole parameters in the place of those of pieces. */
export function wholeGroup<O>(group: ParamGroup<O>, names: readonly string[]): ParamGroup<O> {
  const found = views.get(group);
  if (found) return found as ParamGroup<O>;
  const params = Object.freeze([...names]);
  const view = new Proxy(group as ParamGroup<O> & object, {
    get: (target, name) => (name === "params" ? params : Reflect.get(target, name)),
    set: (target, name, value) => Reflect.set(target, name, value),
    getOwnPropertyDescriptor(target, name) {
      const descriptor = Reflect.getOwnPropertyDescriptor(target, name);
      return name === "params" && descriptor ? { ...descriptor, value: params } : descriptor;
    },
  });
  views.set(group, view);
  return view as ParamGroup<O>;
}

/** The list of groups, which none can be pushed to. */
export function groupList<T>(groups: T[]): readonly T[] {
  const value = () => {
    throw new OptimError("ERR_OPTION", "Expected the groups to be given to shard(), but one is pushed to paramGroups.");
  };
  return Object.freeze(Object.defineProperty(groups, "push", { value }));
}
