// What the compiler makes of a rule's lists: the types of its arithmetic, and of what an optimizer's options make of it.
import { expectTypeOf, test } from "vitest";
import type { Definition } from "../lib/definition.ts";
import { type CoefficientsOf, defineRule, type FlagsOf, type SlotOf } from "../lib/rules/rule.ts";

const rule = defineRule({
  name: "toy",
  slots: ["sum"],
  flags: { momentum: ["off", "on"], arithmetic: ["standard", "other"] },
  coefficients: ["gradScale", "lr"],
  exists: ({ momentum }) => momentum === "off",
  uses: (flags, slot) => slot === "sum" && flags.momentum === "on",
  apply({ mul, sub }, _, x, c) {
    x.param = sub(x.param, mul(c.lr, mul(c.gradScale, x.grad)));
  },
});

const standard = { momentum: "off", arithmetic: "standard" } as const;

test("slots, choices and coefficients are those of the lists", () => {
  expectTypeOf<SlotOf<typeof rule>>().toEqualTypeOf<"sum">();
  expectTypeOf<FlagsOf<typeof rule>>().toEqualTypeOf<{
    readonly momentum: "off" | "on";
    readonly arithmetic: "standard" | "other";
  }>();
  expectTypeOf<CoefficientsOf<typeof rule>>().toEqualTypeOf<{ readonly gradScale: number; readonly lr: number }>();
});

test("a name misspelled in the arithmetic does not compile", () => {
  defineRule({
    ...rule,
    // @ts-expect-error no such choice
    exists: ({ momentum }) => momentum === "of",
    // @ts-expect-error no such slot
    uses: (_, slot) => slot === "sums",
  });
  defineRule({
    ...rule,
    apply({ mul }, flags, x, c) {
      // @ts-expect-error no such coefficient
      x.param = mul(x.param, c.lR);
      // @ts-expect-error no such flag
      if (flags.momentun === "on") return;
      // @ts-expect-error no such slot
      x.sums = x.grad;
    },
  });
});

test("a rule whose first coefficient is not gradScale does not compile", () => {
  // @ts-expect-error gradScale is the second
  defineRule({ ...rule, coefficients: ["lr", "gradScale"] });
});

test("a choice or coefficient misspelled, or left out, where options make it does not compile", () => {
  type ToyDefinition = Definition<object, typeof rule>;
  const written: Pick<ToyDefinition, "flags" | "coefficients"> = {
    flags: () => standard,
    coefficients: (_, lr) => ({ gradScale: 1, lr }),
  };
  const misspelled: Partial<ToyDefinition> = {
    // @ts-expect-error no such choice
    flags: () => ({ ...standard, momentum: "onn" }),
    // @ts-expect-error no such coefficient
    coefficients: (_, rate) => ({ gradScale: 1, Lr: rate }),
  };
  const lacking: Partial<ToyDefinition> = {
    // @ts-expect-error no arithmetic
    flags: () => ({ momentum: "off" }),
    // @ts-expect-error no lr
    coefficients: () => ({ gradScale: 1 }),
    // @ts-expect-error no such slot
    initial: (slot) => (slot === "sums" ? 1 : 0),
  };
  expectTypeOf([written, misspelled, lacking]).toBeArray();
});
