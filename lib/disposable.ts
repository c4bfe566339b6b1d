// `Symbol.dispose` for programs whose TypeScript has no lib of it: declarations that name it need none then. Where there is
// one, the two are one.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

export {};
