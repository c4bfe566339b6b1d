// The formula of RMSprop's step with the options that are chosen, as words of which some are an option's.
import type { Form } from "./compute.ts";
import type { OptionName, Options } from "./state.ts";

/** Text, or a term that an option owns. */
export type Word = string | { readonly option: OptionName; readonly text: string };

export interface Line {
  readonly name: string;
  readonly words: readonly Word[];
}

const term = (option: OptionName, text: string = option): Word => ({ option, text });

export function formulaOf({ momentum, centered }: Options, { epsInSqrt, lrInMomentum }: Form): Line[] {
  const mean = (name: string, of: string): Line => ({
    name,
    words: [term("alpha"), ` × ${name} + (1 − `, term("alpha"), `) × ${of}`],
  });
  const variance: Word[] = centered ? ["squareAvg", term("centered", " − gradAvg²")] : ["squareAvg"];
  const divided: Word[] = epsInSqrt
    ? ["grad ∕ √(", ...variance, " + ", term("eps"), ")"]
    : ["grad ∕ (√(", ...variance, ") + ", term("eps"), ")"];
  const rate: Word[] = [term("lr"), " × "];
  const hasBuffer = momentum > 0;
  const rateInBuffer = hasBuffer && lrInMomentum;
  return [
    mean("squareAvg", "grad²"),
    ...(centered ? [mean("gradAvg", "grad")] : []),
    ...(hasBuffer
      ? [{ name: "buffer", words: [term("momentum"), " × buffer + ", ...(rateInBuffer ? rate : []), ...divided] }]
      : []),
    { name: "weight", words: ["weight − ", ...(rateInBuffer ? [] : rate), ...(hasBuffer ? ["buffer"] : divided)] },
  ];
}
