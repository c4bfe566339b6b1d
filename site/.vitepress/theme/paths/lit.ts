import { type InjectionKey, inject, type Ref } from "vue";

/** The option that is pointed at: its term, its slider and its line are lit. */
export const lit: InjectionKey<Ref<string | undefined>> = Symbol("lit");

/** What an element of an option listens to, and whether it is lit. */
export function useLit() {
  const name = inject(lit) as Ref<string | undefined>;
  return {
    isLit: (option: string) => name.value === option,
    lights: (option: string) => ({
      mouseenter: () => {
        name.value = option;
      },
      mouseleave: () => {
        name.value = undefined;
      },
      focusin: () => {
        name.value = option;
      },
      focusout: () => {
        name.value = undefined;
      },
    }),
  };
}
