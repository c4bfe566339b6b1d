import { OptimError, show } from "../errors.ts";

/** The key of an object that stands for a number which JSON has no spelling for. */
const numberKey = "$number";

const hasSpelling = (value: number) => Number.isFinite(value) && !Object.is(value, -0);

/**
 * Plain data as JSON in which every number comes back as it was: infinities, NaN and -0 too.
 * @throws OptimError ERR_OPTION for what is no plain data.
 */
export function formatJson(value: unknown, what: string): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === "number" && !hasSpelling(inner)) return { [numberKey]: show(inner) };
    const isForeign =
      ["function", "symbol", "bigint"].includes(typeof inner) || ArrayBuffer.isView(inner) || inner instanceof Map;
    if (isForeign)
      throw new OptimError("ERR_OPTION", `Expected ${what} to be plain data, but it holds ${show(inner)}.`);
    return inner;
  });
}

/** @throws SyntaxError. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, (_, inner: unknown) => {
    const isNumber = typeof inner === "object" && inner !== null && Object.hasOwn(inner, numberKey);
    return isNumber ? Number((inner as { [numberKey]: string })[numberKey]) : inner;
  });
}
