import { OptimError, show } from "../errors.ts";

/** The key of an object that stands for a number which JSON has no spelling for. */
const numberKey = "$number";

const hasSpelling = (value: number) => Number.isFinite(value) && !Object.is(value, -0);

/**
 * Plain data as JSON in which every number comes back as it was: infinities, NaN and -0 too.
 * @throws OptimError ERR_OPTION for what is no plain data.
 */
export function formatJson(value: unknown, what: string): string {
  const refuse = (found: string): never => {
    throw new OptimError("ERR_OPTION", `Expected ${what} to be plain data, but it holds ${found}.`);
  };
  const stands = new WeakSet<object>();
  return JSON.stringify(value, function (this: object, key, inner: unknown) {
    if (key === numberKey && !stands.has(this)) refuse(`the name '${numberKey}', which stands for numbers`);
    if (typeof inner === "number" && !hasSpelling(inner)) {
      const stand = { [numberKey]: show(inner) };
      stands.add(stand);
      return stand;
    }
    const isForeign =
      ["function", "symbol", "bigint"].includes(typeof inner) || ArrayBuffer.isView(inner) || inner instanceof Map;
    return isForeign ? refuse(show(inner)) : inner;
  });
}

/** @throws SyntaxError. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, (_, inner: unknown) => {
    const isNumber = typeof inner === "object" && inner !== null && Object.hasOwn(inner, numberKey);
    return isNumber ? Number((inner as { [numberKey]: string })[numberKey]) : inner;
  });
}
